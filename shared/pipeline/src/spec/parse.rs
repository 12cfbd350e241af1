//! YAML text to a pipeline file, with errors that say where and what was probably meant.

use filas_domain::PipelineRef;
use serde_saphyr::{Error as YamlError, Options};

use super::{PipelineSpec, Places};
use crate::error::{PipelineError, nearest};

/// Reads a pipeline file. Every key must be known; what is wrong is reported with line and column.
pub fn parse(yaml: &str) -> Result<PipelineSpec, PipelineError> {
    let mut spec: PipelineSpec = serde_saphyr::from_str_with_options(yaml, options()).map_err(from_yaml)?;
    spec.places = Places::of(yaml, options());
    check(&spec).map_err(|error| error.located(&spec.places))?;
    Ok(spec)
}

fn options() -> Options {
    serde_saphyr::options! {
        // The message goes into JSON and onto one line: it has no room for a drawing.
        with_snippet: false,
        // As YAML 1.2 has it: NO is a country and not a boolean.
        strict_booleans: true,
    }
}

/// What the types do not say.
fn check(spec: &PipelineSpec) -> Result<(), PipelineError> {
    if !PipelineRef::is_name(&spec.name) {
        return Err(PipelineError::invalid("name", "a name is 1 to 64 of a-z, 0-9 and -"));
    }
    if spec.rows.header == 0 {
        return Err(PipelineError::invalid("rows.header", "rows are counted from 1"));
    }
    Ok(())
}

fn from_yaml(error: YamlError) -> PipelineError {
    let (line, column) = error.location().map_or((0, 0), |location| (location.line(), location.column()));
    match error {
        YamlError::SerdeUnknownField { field, expected, .. } => unknown_key(line, column, field, &expected),
        YamlError::SerdeUnknownVariant { variant, expected, .. } => unknown_key(line, column, variant, &expected),
        other => PipelineError::Syntax { line, column, message: without_place(&other) },
    }
}

fn unknown_key(line: u64, column: u64, key: String, expected: &[&str]) -> PipelineError {
    let nearest = nearest(&key, expected.iter().copied()).map(str::to_owned);
    let known = expected.iter().map(|&name| name.to_owned()).collect();
    PipelineError::UnknownKey { line, column, key, nearest, known }
}

/// The parser's message without the place, which is told apart from it.
fn without_place(error: &YamlError) -> String {
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default();
    text.split(" at line ").next().unwrap_or(text).trim_end_matches([',', ':']).to_owned()
}
