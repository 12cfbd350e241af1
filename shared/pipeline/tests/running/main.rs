//! Whole pipelines, from YAML and lines to outcomes; deliveries go to the real partner server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod computing;
mod delivery;
mod documented;
mod shipped;
mod simulation;

use std::time::Duration;

use filas_domain::outcome::RowResult;
use filas_domain::trace::TraceParent;
use filas_pipeline::{Interrupted, Pipeline, RowContext, SourceRow, Variables, parse};
use serde_json::{Value, json};
use tokio::time::Instant;

/// A worker that has plenty of time.
fn context() -> RowContext {
    context_with(Duration::from_secs(60))
}

fn context_with(time_left: Duration) -> RowContext {
    RowContext { task: "task".to_owned(), trace: TraceParent::begun_by("task"), deadline: Instant::now() + time_left }
}

/// Row `number` with these cells, by way of its line.
fn row(number: u32, record: &Value) -> SourceRow {
    SourceRow::parse(json!({"row": number, "record": record}).to_string().as_bytes()).unwrap()
}

fn compile(yaml: &str, variables: &Variables) -> Pipeline {
    Pipeline::compile(&parse(yaml).unwrap(), variables).unwrap()
}

/// An outcome in one line of text.
fn told(outcome: Result<RowResult, Interrupted>) -> String {
    match outcome {
        Ok(RowResult::Succeeded { kept: None }) => "succeeded".to_owned(),
        Ok(RowResult::Succeeded { kept: Some(kept) }) => format!("succeeded, kept {kept}"),
        Ok(RowResult::Failed(failure)) => format!("{:?} {}: {}", failure.stage, failure.code, failure.message),
        Err(interrupted) => format!("interrupted: {interrupted}"),
    }
}
