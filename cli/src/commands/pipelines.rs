//! `filas pipelines`: what there is, and new versions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use filas_cli::words::Heading::Left;
use filas_cli::words::{Table, plain};
use filas_domain::view::PipelineView;
use filas_pipeline::{Pipeline, PipelineSpec, parse};
use serde_json::json;

use super::Session;
use crate::arguments::PipelinesCommand;
use crate::output;
use crate::pipeline_file::{assumed_variables, read_text};

impl Session {
    pub(super) fn pipelines(&self, command: &PipelinesCommand) -> Result<u8> {
        match command {
            PipelinesCommand::List => {
                self.list(&self.client.pipelines()?, "no pipelines", pipeline_table)?;
                Ok(0)
            }
            PipelinesCommand::Show { name, version } => self.show_pipeline(name, version.as_deref()),
            PipelinesCommand::Apply { files } => self.apply(files),
            PipelinesCommand::Check { files } => check(files, self.json),
        }
    }

    fn show_pipeline(&self, name: &str, version: Option<&str>) -> Result<u8> {
        let view = self.client.pipeline(name, version)?;
        if self.json {
            output::json([&view])?;
        } else {
            let yaml = view.yaml.as_deref().unwrap_or_default();
            output::line(yaml.trim_end())?;
        }
        Ok(0)
    }

    fn apply(&self, files: &[PathBuf]) -> Result<u8> {
        for file in files {
            let (yaml, spec) = read(file)?;
            let applied = self.client.put_pipeline(&spec.name, &yaml);
            let applied = applied.with_context(|| format!("cannot apply {}", file.display()))?;
            if self.json {
                output::json([&applied])?;
            } else {
                let (name, version) = (plain(&applied.name), plain(&applied.version));
                output::line(format!(
                    "pipeline {name} is at version {version}. Try it with: filas check FILE --pipeline {name}"
                ))?;
            }
        }
        Ok(0)
    }
}

/// Looks at pipeline files without any API. What the installation would set is assumed.
pub fn check(files: &[PathBuf], json: bool) -> Result<u8> {
    for file in files {
        let (yaml, spec) = read(file)?;
        let (variables, assumed) = assumed_variables();
        Pipeline::compile(&spec, &variables).with_context(|| format!("{}", file.display()))?;
        let assumed: Vec<_> = assumed.into_iter().filter(|name| yaml.contains(&format!("${{{name}}}"))).collect();
        let version = Pipeline::version(&yaml);
        if json {
            output::json([json!({"name": spec.name, "version": version, "assumed": assumed})])?;
            continue;
        }
        let rest = match assumed.as_slice() {
            [] => String::new(),
            names => format!(", if {} {} set there", names.join(" and "), if names.len() == 1 { "is" } else { "are" }),
        };
        output::line(format!("{}: the pipeline {} {version} can work{rest}", file.display(), spec.name))?;
    }
    Ok(0)
}

fn read(file: &Path) -> Result<(String, PipelineSpec)> {
    let yaml = read_text(file)?;
    let spec = parse(&yaml).with_context(|| format!("{}", file.display()))?;
    Ok((yaml, spec))
}

fn pipeline_table(pipelines: &[PipelineView]) -> Table {
    let mut table =
        Table::new(&[Left("PIPELINE"), Left("VERSION"), Left("FROM"), Left("CHANGED"), Left("DESCRIPTION")]);
    for view in pipelines {
        table.row(&[
            view.name.clone(),
            view.version.clone(),
            if view.is_shipped { "Filas" } else { "you" }.to_owned(),
            view.changed.clone().unwrap_or_default(),
            view.description.clone().unwrap_or_default(),
        ]);
    }
    table
}
