//! How fast a task goes, and how long it will take: from what ended last, and not from the average since its start, by
//! which the last row of a million always comes in a moment. What cannot be known is not guessed.

use std::time::Duration;

use crate::batch::{AttemptResult, Batch};
use crate::clock::Timestamp;
use crate::ids::BatchNumber;
use crate::task::{Task, TaskState};

/// Batches on each side of the one that is probably next: what ended last is among them.
const BATCHES_AROUND: u32 = 48;

/// Moments at which rows ended that the rate is taken from.
const MOMENTS: usize = 24;

/// A task of which nothing ended for so long, and for much longer than usual, goes at no rate that anybody knows.
const SILENCE: Duration = Duration::from_secs(10);

/// How many of its usual pauses a task may be silent.
const PAUSES: u32 = 4;

/// The batches in which the last progress of a task is probably seen, as `from..until`; `None` when its rate is not
/// taken from batches, because it does not run or is not fanned out.
pub fn window(task: &Task) -> Option<(BatchNumber, BatchNumber)> {
    let batches = task.head.batches.filter(|batches| *batches > 0)?;
    if task.head.state != TaskState::Processing {
        return None;
    }
    // Batches are taken about in order. After a redrive they are anywhere: then the rate may stay unknown.
    let next = task.tally.closed().min(batches);
    let from = next.saturating_sub(BATCHES_AROUND);
    Some((BatchNumber::new(from), BatchNumber::new(batches.min(next + BATCHES_AROUND))))
}

/// Rows that ended in one moment, and when the work on them began.
#[derive(Debug, Clone, Copy)]
struct Moment {
    begun: Timestamp,
    ended: Timestamp,
    rows: u64,
}

/// Rows a second at present, and seconds left at that rate, from the batches of the task's [`window`]. Of a task that
/// has ended, the rows a second from the first batch to the last.
#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
pub fn rate(task: &Task, recent: &[Batch], now: Timestamp) -> (Option<f64>, Option<f64>) {
    let (Some(total), Some(split)) = (task.head.total, task.head.split.ended) else {
        return (None, None);
    };
    let rows = task.tally.counts.rows();
    match task.head.state {
        TaskState::Processing => {
            let rate = rate_at_present(recent, now);
            (rate, rate.map(|rate| total.saturating_sub(rows) as f64 / rate))
        }
        TaskState::Completed | TaskState::CompletedWithFailures | TaskState::Cancelled => {
            let whole = task.head.finished.unwrap_or(now).since(split).as_secs_f64();
            ((rows > 0 && whole > 0.0).then(|| rows as f64 / whole), None)
        }
        _ => (None, None),
    }
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
fn rate_at_present(recent: &[Batch], now: Timestamp) -> Option<f64> {
    let mut moments = moments(recent);
    let last = moments.last()?.ended;
    let older = moments.len().saturating_sub(MOMENTS);
    // Counted are the rows since the moment before the first that counts, or since the first work, where that is known.
    let since = match older.checked_sub(1).and_then(|before| moments.get(before)) {
        Some(before) => before.ended,
        None => moments.iter().map(|moment| moment.begun).min()?,
    };
    moments.drain(..older);
    let pauses = u32::try_from(moments.len()).unwrap_or(u32::MAX).max(1);
    let longest_work = moments.iter().map(|moment| moment.ended.since(moment.begun)).max().unwrap_or_default();
    let usual = (last.since(since) / pauses).max(longest_work);
    if now.since(last) > SILENCE.max(usual * PAUSES) {
        return None;
    }
    let rows: u64 = moments.iter().map(|moment| moment.rows).sum();
    let seconds = now.since(since).as_secs_f64();
    (rows > 0 && seconds > 0.0).then(|| rows as f64 / seconds)
}

/// The moments at which rows of these batches ended, oldest first. Batches that were counted together are one moment.
fn moments(batches: &[Batch]) -> Vec<Moment> {
    let mut moments: Vec<Moment> = batches.iter().filter_map(last_progress).collect();
    moments.sort_unstable_by_key(|moment| moment.ended);
    moments.dedup_by(|later, earlier| {
        let same = later.ended == earlier.ended;
        if same {
            earlier.rows += later.rows;
            earlier.begun = earlier.begun.min(later.begun);
        }
        same
    });
    moments
}

/// What the batch came to since it was last put through: rows with an outcome, if a worker got any done.
fn last_progress(batch: &Batch) -> Option<Moment> {
    let since = batch.redrives.last().map_or(0, |redrive| redrive.attempts);
    let attempts = batch.attempts.get(since..).unwrap_or_default();
    let is_progress = |result| matches!(result, Some(AttemptResult::Done | AttemptResult::HandedOn));
    let ended = attempts.iter().rev().find(|attempt| is_progress(attempt.result))?.ended?;
    let rows = match (&batch.redo, batch.redrives.last()) {
        (Some(_), _) => batch.processed,
        (None, Some(redrive)) => redrive.rows.saturating_sub(batch.rows_left()),
        (None, None) => batch.processed,
    };
    let begun = attempts.first()?.started;
    (rows > 0).then_some(Moment { begun, ended, rows: rows.into() })
}

#[cfg(test)]
mod tests;
