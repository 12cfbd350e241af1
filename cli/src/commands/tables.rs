//! Tasks, batches and queues as tables.

use filas_cli::words::Heading::{Left, Right};
use filas_cli::words::{self, Table};
use filas_domain::ports::QueueDepth;
use filas_domain::view::{BatchView, TaskView};
use serde::Serialize;

pub(super) fn task_table(tasks: &[TaskView]) -> Table {
    let mut table = Table::new(&[
        Left("TASK"),
        Left("STATE"),
        Right("ROWS"),
        Right("SUCCEEDED"),
        Right("FAILED"),
        Right("UNPROCESSED"),
        Left("PIPELINE"),
        Left("CREATED"),
        Left("FILE"),
    ]);
    for task in tasks {
        table.row(&[
            task.id.to_string(),
            task.state.as_str().to_owned(),
            task.total.map_or("?".to_owned(), number),
            number(task.succeeded),
            number(task.failed),
            number(task.unprocessed),
            task.pipeline.name.clone(),
            task.created.clone(),
            task.filename.clone().unwrap_or_default(),
        ]);
    }
    table
}

pub(super) fn batch_table(batches: &[BatchView]) -> Table {
    let mut table = Table::new(&[
        Right("BATCH"),
        Left("STATE"),
        Right("FIRST"),
        Right("LAST"),
        Right("ROWS"),
        Right("SUCCEEDED"),
        Right("FAILED"),
        Right("UNPROCESSED"),
        Right("ATTEMPTS"),
        Left("REMARK"),
    ]);
    for batch in batches {
        table.row(&[
            batch.number.to_string(),
            name(&batch.state),
            batch.first_row.to_string(),
            batch.last_row.to_string(),
            number(batch.rows.into()),
            number(batch.succeeded),
            number(batch.failed),
            number(batch.unprocessed),
            batch.attempts.len().to_string(),
            remark(batch),
        ]);
    }
    table
}

pub(super) fn queue_table(queues: &[QueueDepth]) -> Table {
    let mut table = Table::new(&[Left("QUEUE"), Right("VISIBLE"), Right("IN FLIGHT"), Right("DELAYED"), Right("DEAD")]);
    for queue in queues {
        let depths = [queue.visible, queue.in_flight, queue.delayed, queue.dead].map(number);
        table.row(&[std::slice::from_ref(&queue.name), &depths[..]].concat());
    }
    table
}

/// Why the batch is dead, or how its last attempt went when that was not smooth.
fn remark(batch: &BatchView) -> String {
    if let Some(reason) = &batch.reason {
        return reason.clone();
    }
    let Some(attempt) = batch.attempts.last() else { return String::new() };
    match (&attempt.error, &attempt.result) {
        (Some(error), _) => error.clone(),
        (None, Some(result)) if batch.attempts.len() > 1 => format!("last attempt {}", name(result)),
        (None, _) => String::new(),
    }
}

fn number(value: u64) -> String {
    words::count(value).to_string()
}

/// The name under which the API shows a state.
pub(super) fn name(state: &impl Serialize) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "?".to_owned(),
    }
}
