//! Batches that are put through again: dead ones with the rows that have no outcome, done ones with failed rows.
//!
//! Nothing that was is forgotten: the attempts stay, and outcomes that are replaced stay in their objects.

use serde::{Deserialize, Serialize};

use super::{Batch, BatchState};
use crate::clock::Timestamp;
use crate::outcome::OutcomeLine;

/// What a redrive is to put through again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// The rows of dead batches that have no outcome.
    Dead,
    /// The failed rows of done batches.
    Failed {
        /// Those with this code; all unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
}

/// A redrive that a batch went through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// When.
    pub at: Timestamp,
    /// What was put through again.
    pub selection: Selection,
    /// How many rows.
    pub rows: u32,
    /// How many attempts there had been.
    pub attempts: usize,
}

/// The failed rows of a batch that are done again, in order. They have no outcome until they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redo {
    /// Those that failed with this code; all that failed unless given.
    pub code: Option<String>,
    /// How many.
    pub rows: u32,
    /// How many of the batch's parts say which: the outcomes of before the redrive.
    pub parts: usize,
}

impl Redo {
    /// Whether the row of this outcome, of before the redrive, is done again.
    pub fn selects(&self, line: &OutcomeLine) -> bool {
        match line {
            OutcomeLine::Failed { failure, .. } => self.code.as_ref().is_none_or(|code| *code == failure.code),
            OutcomeLine::Succeeded { .. } | OutcomeLine::Unprocessed { .. } => false,
        }
    }
}

impl Batch {
    /// The batch queued again with what is selected of it, or `None` when that is nothing: it is open already, or it has
    /// no such rows. So the same redrive asked for twice happens once.
    pub fn redriven(&self, selection: &Selection, now: Timestamp) -> Option<Self> {
        let mut next = self.next();
        let rows = match (selection, self.state) {
            (Selection::Dead, BatchState::Dead) => {
                next.counts.unprocessed = self.counts.unprocessed.saturating_sub(u64::from(self.rows_left()));
                self.rows_left()
            }
            (Selection::Failed { code }, BatchState::Done) => next.take_failed(code.as_deref())?,
            _ => return None,
        };
        next.state = BatchState::Queued;
        next.reason = None;
        next.redrives.push(Redrive { at: now, selection: selection.clone(), rows, attempts: self.attempts.len() });
        Some(next)
    }

    /// Takes the failed rows out of the counts and has them done again.
    fn take_failed(&mut self, code: Option<&str>) -> Option<u32> {
        let rows = match code {
            Some(code) => self.counts.failed_by_code.remove(code)?,
            None => std::mem::take(&mut self.counts.failed_by_code).values().sum(),
        };
        let taken = u32::try_from(rows).ok().filter(|rows| *rows > 0)?;
        self.counts.failed = self.counts.failed.saturating_sub(rows);
        self.redo = Some(Redo { code: code.map(str::to_owned), rows: taken, parts: self.parts.len() });
        (self.processed, self.processed_bytes) = (0, 0);
        Some(taken)
    }

    /// Every row has its outcome again.
    pub(super) fn end_redo(&mut self) {
        if self.redo.take().is_some() {
            self.processed = self.plan.rows;
            self.processed_bytes = self.plan.bytes.len();
        }
    }
}
