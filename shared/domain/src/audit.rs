//! The counters of a task beside the sums over its batches. They agree at every moment; where they do not, something is
//! broken that a person must see. Nothing here mends anything.

use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Contribution};
use crate::ids::{BatchNumber, TaskId};
use crate::ports::{BatchLedger, PortError, TaskCatalogue};
use crate::task::{Tally, Task};

/// How often the books are read before a task is held to be too busy to be audited.
const TRIES: usize = 5;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Audit {
    /// The task.
    pub task: TaskId,
    /// Batches that were read.
    pub batches: u32,
    /// Whether everything agrees.
    pub agrees: bool,
    /// What does not, one sentence each.
    pub findings: Vec<String>,
}

/// Audits a task, or says `None` when there is no such task, or when it changed under every look: then ask again.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn audit<L>(ledger: &L, id: TaskId) -> Result<Option<Audit>, PortError>
where
    L: BatchLedger + TaskCatalogue,
{
    for _ in 0..TRIES {
        let Some(before) = ledger.task(id).await? else { return Ok(None) };
        let until = BatchNumber::new(before.head.batches.unwrap_or(0));
        let batches = ledger.claimed_batches(id, BatchNumber::new(0), until).await?;
        let after = ledger.task(id).await?;
        // Every change that counts moves the tally or the head: what was read between two equal looks belongs to them.
        if after.is_some_and(|after| after.tally == before.tally && after.version == before.version) {
            return Ok(Some(compare(&before, &batches)));
        }
    }
    Ok(None)
}

/// Compares a task with its claimed batches, all read at one moment.
pub fn compare(task: &Task, batches: &[Batch]) -> Audit {
    let mut findings = Vec::new();
    let mut sums = Contribution::default();
    for batch in batches {
        sums.add(&batch.contribution(), 1);
        findings.extend(wrong_with(task, batch));
    }
    sums.failed_by_code.retain(|_, rows| *rows != 0);
    let counted = counted(&task.tally);
    if counted != sums {
        findings.push(format!("The task counts {counted:?}, its batches come to {sums:?}."));
    }
    if task.head.state.is_final() {
        findings.extend(wrong_with_end(task));
    }
    let read = u32::try_from(batches.len()).unwrap_or(u32::MAX);
    Audit { task: task.id, batches: read, agrees: findings.is_empty(), findings }
}

fn wrong_with(task: &Task, batch: &Batch) -> Option<String> {
    let (number, rows) = (batch.number, batch.plan.rows);
    let counted = batch.counts.rows();
    if batch.state.is_closed() && counted != u64::from(rows) {
        return Some(format!("Batch {number} is closed with {counted} outcomes for {rows} rows."));
    }
    if task.head.state.is_final() && !batch.state.is_closed() {
        return Some(format!("Batch {number} is open, and the task has ended."));
    }
    None
}

fn wrong_with_end(task: &Task) -> Option<String> {
    let total = task.head.total?;
    let rows = task.tally.counts.rows();
    (rows != total).then(|| format!("The task has ended with {rows} outcomes for {total} rows."))
}

fn counted(tally: &Tally) -> Contribution {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let counts = &tally.counts;
    Contribution {
        succeeded: signed(counts.succeeded),
        failed: signed(counts.failed),
        unprocessed: signed(counts.unprocessed),
        failed_by_code: counts.failed_by_code.iter().map(|(code, rows)| (code.clone(), signed(*rows))).collect(),
        done: tally.done.into(),
        dead: tally.dead.into(),
        cancelled: tally.cancelled.into(),
        attempts: signed(tally.attempts),
        usage: tally.usage.numbers().map(signed),
    }
}

#[cfg(test)]
mod tests;
