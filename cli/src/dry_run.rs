//! `filas check`: the first rows of a file through everything but the delivery.
//!
//! The file is read here. Its rows run where the pipeline is: a pipeline file runs on this machine, with the variables of
//! this environment; one that is named runs where it is kept, with the variables and secrets of that installation.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use filas_cli::client::Client;
use filas_cli::progress::stderr_line;
use filas_cli::words::Heading::{Left, Right};
use filas_cli::words::{self, Table, plain};
use filas_domain::ids::Owner;
use filas_domain::view::{DryRowView, DryRunView, DryStageView};
use filas_pipeline::local::{self, LocalRunner};
use filas_pipeline::{Pipeline, SourceRow, parse, shipped};
use filas_sheets::child::ReaderProgram;
use filas_sheets::{FirstRows, ReadOptions, SheetChoice, SourceHint, first_rows};
use serde_json::json;
use serde_json::value::RawValue;

use crate::arguments::CheckArguments;
use crate::output;
use crate::pipeline_file::{read_text, variable, variables};

/// Every row would be delivered.
const ALL_PASSED: u8 = 0;
/// The file was refused.
const REFUSED: u8 = 2;
/// Some rows would fail.
const SOME_FAIL: u8 = 3;

/// How long the rows may take on this machine.
const TIME: Duration = Duration::from_secs(60);

/// How many rows that fail are shown.
const SHOWN: usize = 20;

/// Whether the pipeline that is asked for is a file on this machine.
fn is_file(pipeline: &str) -> bool {
    Path::new(pipeline).extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

/// Checks the first rows of a file. `client` is the API, if one is known.
///
/// # Errors
/// When the pipeline cannot be had or used, or the API does not answer.
pub fn check(arguments: &CheckArguments, json: bool, client: Result<Client>) -> Result<u8> {
    let name = &arguments.pipeline;
    if is_file(name) {
        return here(arguments, json, &read_text(Path::new(name))?);
    }
    match (client, shipped::find(name)) {
        (Ok(client), _) if !arguments.local => there(arguments, json, &client),
        (client, Some(shipped)) => {
            if client.is_err() && !arguments.local {
                stderr_line("no API is known: the pipeline that comes with Filas runs on this machine");
            }
            here(arguments, json, shipped.yaml)
        }
        (Err(unknown), None) => {
            Err(unknown.context(format!("'{name}' is neither a pipeline file (.yaml) nor one that comes with Filas")))
        }
        (Ok(_), None) => bail!("'{name}' does not come with Filas; --local needs its file (.yaml)"),
    }
}

/// On this machine.
fn here(arguments: &CheckArguments, json: bool, yaml: &str) -> Result<u8> {
    let spec = parse(yaml).with_context(|| arguments.pipeline.clone())?;
    let owner: Owner = "local".parse()?;
    let pipeline = Pipeline::compile_with(&spec, &variables(), &local::services(owner, variable))
        .with_context(|| arguments.pipeline.clone())?;
    let Some(first) = read(arguments, spec.rows.header)? else { return Ok(REFUSED) };
    let rows: Result<Vec<SourceRow>, _> =
        first.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(SourceRow::parse).collect();
    let report = LocalRunner::new("check", TIME).context("cannot run a pipeline")?.check(&pipeline, rows?);
    show(&serde_json::value::to_raw_value(&report)?, &first, json)
}

/// Where the pipeline is kept.
fn there(arguments: &CheckArguments, json: bool, client: &Client) -> Result<u8> {
    let view = client.pipeline(&arguments.pipeline, None)?;
    let spec = parse(view.yaml.as_deref().unwrap_or_default()).context("the API's pipeline cannot be read")?;
    let Some(first) = read(arguments, spec.rows.header)? else { return Ok(REFUSED) };
    let report = client.check_rows(&arguments.pipeline, &first.lines, arguments.rows)?;
    show(&report, &first, json)
}

/// The first rows, or `None` when the file was refused, which is told then.
fn read(arguments: &CheckArguments, header_row: u32) -> Result<Option<FirstRows>> {
    let filename = arguments.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let options =
        ReadOptions { sheet: arguments.sheet.as_deref().map(SheetChoice::from), header_row, ..ReadOptions::default() };
    let hint = SourceHint { filename, media_type: None };
    match first_rows(&arguments.file, &hint, &options, &ReaderProgram::this(), arguments.rows as usize) {
        Ok(first) => Ok(Some(first)),
        Err(error) if error.problem().is_some() => {
            stderr_line(&error.to_json());
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", arguments.file.display())),
    }
}

fn show(report: &RawValue, first: &FirstRows, json: bool) -> Result<u8> {
    let read: DryRunView = serde_json::from_str(report.get()).context("the report cannot be read")?;
    let code = if read.failed + read.interrupted == 0 { ALL_PASSED } else { SOME_FAIL };
    if json {
        output::json([json!({ "has_more": first.has_more, "report": report })])?;
        return Ok(code);
    }
    let which = if first.has_more { "the first" } else { "all" };
    output::line(format!("{which} {} rows through {}; nothing is delivered\n", first.rows, plain(&read.pipeline)))?;
    output::line(stage_table(&read.stages))?;
    let counts = [(read.passed, "would be delivered"), (read.failed, "fail"), (read.interrupted, "are not known")];
    let told: Vec<String> =
        counts.iter().filter(|(rows, _)| *rows > 0).map(|(rows, what)| format!("{rows} {what}")).collect();
    output::line(format!("\n{}", told.join(", ")))?;
    let bad: Vec<&DryRowView> = read.rows.iter().filter(|row| row.outcome != "passed").collect();
    if !bad.is_empty() {
        output::line(format!("\n{}", row_table(&bad[..bad.len().min(SHOWN)])))?;
    }
    if bad.len() > SHOWN {
        output::line(format!("and {} more; --json has them all", bad.len() - SHOWN))?;
    }
    Ok(code)
}

fn stage_table(stages: &[DryStageView]) -> Table {
    let mut table =
        Table::new(&[Left("STAGE"), Right("ROWS"), Right("FAILED"), Right("A ROW TAKES"), Right("THE SLOWEST")]);
    for stage in stages {
        let mean = stage.micros.checked_div(stage.rows).unwrap_or(0);
        table.row(&[
            stage.stage.clone(),
            words::count(stage.rows).to_string(),
            words::count(stage.failed).to_string(),
            span(mean),
            span(stage.slowest_micros),
        ]);
    }
    table
}

fn row_table(rows: &[&DryRowView]) -> Table {
    let mut table = Table::new(&[Right("ROW"), Left("STAGE"), Left("CODE"), Left("MESSAGE")]);
    for row in rows {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let message = row.message.as_ref().or(row.reason.as_ref()).cloned().unwrap_or_default();
        table.row(&[row.row.to_string(), text(&row.stage), text(&row.code), message]);
    }
    table
}

/// Microseconds in the unit that fits.
fn span(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}
