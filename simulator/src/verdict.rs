//! What must hold when a run is over: every row has the one outcome that it must have.

use std::collections::BTreeMap;

use filas_domain::outcome::{Counts, OutcomeLine};
use filas_domain::task::TaskState;
use filas_domain::{RowNumber, TaskId};

use crate::person::results;
use crate::scenario::{Scenario, Upload, Way, Work};
use crate::world::World;

/// Reads the results of every task as its owner does, and compares them with the file.
///
/// # Errors
/// What is wrong, in a sentence.
pub async fn check(world: &World, scenario: &Scenario) -> Result<(), String> {
    let tasks = world.books.tasks();
    if tasks.len() != scenario.uploads.len() {
        return Err(format!("{} files are {} tasks", scenario.uploads.len(), tasks.len()));
    }
    if scenario.uploads.iter().any(Upload::is_deleted) {
        return tasks.into_iter().try_for_each(|id| check_gone(world, id));
    }
    for id in tasks {
        check_task(world, scenario, id).await.map_err(|wrong| format!("task {id}: {wrong}"))?;
    }
    Ok(())
}

/// Nothing is left of a task that its owner deleted, whatever was under way.
fn check_gone(world: &World, id: TaskId) -> Result<(), String> {
    let keys = world.bucket.objects().keys();
    let left: Vec<_> = keys.iter().filter(|key| key.as_str().contains(&id.to_string())).collect();
    if left.is_empty() && !world.books.has_anything(id) {
        return Ok(());
    }
    Err(format!("task {id} was deleted, and there are {left:?}, {:?}", world.books.task(id)))
}

async fn check_task(world: &World, scenario: &Scenario, id: TaskId) -> Result<(), String> {
    let task = world.books.task(id).ok_or("it is gone")?;
    let which = task.head.order.filename.as_deref().and_then(|name| name.strip_suffix(".csv")?.parse::<usize>().ok());
    let upload = which.and_then(|which| scenario.uploads.get(which)).ok_or("nobody uploaded such a file")?;
    let may_be_cancelled = upload.may_be_cancelled();
    match task.head.state {
        TaskState::Completed | TaskState::CompletedWithFailures => {}
        TaskState::Cancelled if may_be_cancelled => {}
        TaskState::Expired if upload.way != Way::Direct => return Ok(()),
        // Its readers died too often, or it became a dead letter: its owner is told to upload it again.
        TaskState::Failed if world.sim.counted().deaths + world.sim.counted().strikes > 0 => return Ok(()),
        state => return Err(format!("it is {}: {:?}", state.as_str(), task.head.reason)),
    }
    if task.head.total.is_none() {
        return Ok(());
    }
    let outcomes = results(world, id).await?;
    let lines = parse(&outcomes)?;
    check_rows(upload, &lines, may_be_cancelled)?;
    if upload.work == Work::Stored {
        check_journal(world, id, &lines)?;
    }
    let mut counts = Counts::default();
    lines.values().for_each(|line| counts.count(line));
    if counts != task.tally.counts {
        return Err(format!("its outcomes are {counts:?}, it counts {:?}", task.tally.counts));
    }
    Ok(())
}

fn parse(outcomes: &[u8]) -> Result<BTreeMap<u32, OutcomeLine>, String> {
    let mut lines = BTreeMap::new();
    let mut last = 0;
    for text in outcomes.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
        let line: OutcomeLine = serde_json::from_slice(text).map_err(|error| format!("a damaged outcome: {error}"))?;
        let row = row(&line);
        if row <= last {
            return Err(format!("row {row} has an outcome after row {last}"));
        }
        last = row;
        lines.insert(row, line);
    }
    Ok(lines)
}

fn row(line: &OutcomeLine) -> u32 {
    match line {
        OutcomeLine::Succeeded { row, .. } | OutcomeLine::Failed { row, .. } | OutcomeLine::Unprocessed { row, .. } => {
            row.get()
        }
    }
}

fn check_rows(upload: &Upload, lines: &BTreeMap<u32, OutcomeLine>, was_cancelled: bool) -> Result<(), String> {
    if lines.len() != upload.rows.len() {
        return Err(format!("{} rows have {} outcomes", upload.rows.len(), lines.len()));
    }
    for (position, row) in upload.rows.iter().enumerate() {
        let number = Upload::row_number(position);
        match lines.get(&number) {
            Some(OutcomeLine::Succeeded { .. }) if !row.is_bad => {}
            Some(OutcomeLine::Failed { failure, .. }) if row.is_bad && failure.code == upload.code() => {}
            Some(OutcomeLine::Unprocessed { code, .. }) if was_cancelled && code == "CANCELLED" => {}
            other => return Err(format!("row {number} ({row:?}) has the outcome {other:?}")),
        }
    }
    Ok(())
}

/// A row that succeeded had its effect, once; a row that failed its validation had none.
fn check_journal(world: &World, id: TaskId, lines: &BTreeMap<u32, OutcomeLine>) -> Result<(), String> {
    for (number, line) in lines {
        let (deliveries, effects) = world.journal.of(id, RowNumber::new(*number));
        let is_right = match line {
            OutcomeLine::Succeeded { .. } => deliveries >= 1 && effects == 1,
            OutcomeLine::Failed { .. } => deliveries == 0,
            // It may have been under way when it was given up.
            OutcomeLine::Unprocessed { .. } => effects <= 1,
        };
        if !is_right {
            return Err(format!("row {number} was delivered {deliveries} times with {effects} effects: {line:?}"));
        }
    }
    Ok(())
}
