//! What batches add to their task. A change is counted as the difference between what its batches add after and before
//! it, which is what makes the counters of a task the sums over its batches, whatever comes twice.

use std::collections::BTreeMap;

use super::{Batch, BatchState};
use crate::usage::Usage;

impl Batch {
    /// What this batch adds to its task.
    pub fn contribution(&self) -> Contribution {
        let one_if = |state| i64::from(self.state == state);
        Contribution {
            succeeded: signed(self.counts.succeeded),
            failed: signed(self.counts.failed),
            unprocessed: signed(self.counts.unprocessed),
            failed_by_code: self
                .counts
                .failed_by_code
                .iter()
                .map(|(code, rows)| (code.clone(), signed(*rows)))
                .collect(),
            done: one_if(BatchState::Done),
            dead: one_if(BatchState::Dead),
            cancelled: one_if(BatchState::Cancelled),
            attempts: i64::from(self.attempts_counted),
            usage: self.usage.numbers().map(signed),
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What a batch, or the difference that a change of batches makes, adds to the counters of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contribution {
    /// Rows that went through.
    pub succeeded: i64,
    /// Rows that failed.
    pub failed: i64,
    /// Rows not tried, or of unknown fate.
    pub unprocessed: i64,
    /// The failed rows by code.
    pub failed_by_code: BTreeMap<String, i64>,
    /// Batches done.
    pub done: i64,
    /// Batches dead.
    pub dead: i64,
    /// Batches cancelled.
    pub cancelled: i64,
    /// Deliveries to workers.
    pub attempts: i64,
    /// What was asked of the cloud, in the order of [`Usage::NAMES`].
    pub usage: [i64; Usage::COUNT],
}

impl Contribution {
    /// Whether it changes nothing.
    pub fn is_zero(&self) -> bool {
        self.failed_by_code.values().all(|rows| *rows == 0)
            && [self.succeeded, self.failed, self.unprocessed, self.done, self.dead, self.cancelled, self.attempts]
                .iter()
                .chain(&self.usage)
                .all(|count| *count == 0)
    }

    /// Adds `sign` times `other`.
    pub(crate) fn add(&mut self, other: &Self, sign: i64) {
        self.succeeded += sign * other.succeeded;
        self.failed += sign * other.failed;
        self.unprocessed += sign * other.unprocessed;
        self.done += sign * other.done;
        self.dead += sign * other.dead;
        self.cancelled += sign * other.cancelled;
        self.attempts += sign * other.attempts;
        for (used, more) in self.usage.iter_mut().zip(&other.usage) {
            *used += sign * more;
        }
        for (code, rows) in &other.failed_by_code {
            *self.failed_by_code.entry(code.clone()).or_default() += sign * rows;
        }
    }
}

/// A change of one batch: the version that it was read with, and what it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchChange {
    /// The batch as read.
    pub before: Batch,
    /// The batch as it is to be stored.
    pub after: Batch,
}

/// The difference that the changes make to the counters of their task.
pub fn difference(changes: &[BatchChange]) -> Contribution {
    let mut total = Contribution::default();
    for change in changes {
        total.add(&change.after.contribution(), 1);
        total.add(&change.before.contribution(), -1);
    }
    total
}
