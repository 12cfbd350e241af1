//! A batch: a run of rows that one worker processes under a lease.
//!
//! Every change makes a new [`Batch`] whose version is one higher, and is written only if the stored version is still the
//! one that was read: a worker whose lease ran out and whose batch was taken over cannot write any more. What a batch
//! adds to its task is computed from the batch alone ([`Contribution`]), and a change is counted as the difference
//! between the contributions after and before it, in the same transaction. So the counters of a task are the sums over
//! its batches at every moment, whatever comes twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{BatchNumber, TaskId};
use crate::keys::ObjectKey;
use crate::message::BatchMessage;
use crate::outcome::Counts;
use crate::plan::{BatchPlan, ByteRange};

/// Where a batch is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchState {
    /// Waiting for a worker.
    Queued,
    /// A worker holds its lease.
    Processing,
    /// Its task is paused.
    Parked,
    /// Every row has its outcome.
    Done,
    /// It used up its deliveries.
    Dead,
    /// Its task was cancelled first.
    Cancelled,
}

impl BatchState {
    /// Nothing more happens to the batch unless somebody asks.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::Dead | Self::Cancelled)
    }
}

/// One delivery of a batch to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1; the epoch of the lease.
    pub epoch: u32,
    /// Who: the log stream of the function instance.
    pub worker: String,
    /// When the lease was taken.
    pub started: Timestamp,
    /// When it ended; absent while it runs, and for ever when the worker died.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<Timestamp>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<AttemptResult>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// Every row of the batch has its outcome.
    Done,
    /// The worker's time was nearly up; it saved what was done and handed the rest on.
    HandedOn,
    /// Machine trouble.
    Failed,
    /// The worker was never heard of again.
    Lost,
}

/// Where a run of outcomes lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The object.
    pub key: ObjectKey,
    /// The bytes in it.
    #[serde(flatten)]
    pub bytes: ByteRange,
    /// How many rows.
    pub rows: u32,
}

/// A batch as stored. A batch without an item is one that nobody has claimed yet: version 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The task.
    pub task: TaskId,
    /// Which of its batches.
    pub number: BatchNumber,
    /// How often it was written; 0 when it never was.
    pub version: u64,
    /// Where it is.
    pub state: BatchState,
    /// Which rows, and where they lie.
    pub plan: BatchPlan,
    /// Until when the current worker holds it.
    pub lease_until: Timestamp,
    /// Rows from its start that have an outcome.
    pub processed: u32,
    /// Bytes of those rows' lines.
    pub processed_bytes: u64,
    /// Outcomes by kind.
    pub counts: Counts,
    /// Where the outcomes lie, in row order.
    pub parts: Vec<Part>,
    /// The history, oldest first.
    pub attempts: Vec<Attempt>,
    /// How many of the attempts the task has counted.
    pub attempts_counted: u32,
    /// Why it is dead.
    pub reason: Option<String>,
}

/// Why a batch cannot be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another worker holds it until then.
    Leased(Timestamp),
    /// It is `done`, `dead` or `cancelled`: the message has come again.
    Closed,
}

/// What an attempt got done of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Rows that now have an outcome; the next ones in order.
    pub rows: u32,
    /// Bytes of their lines in the rows object.
    pub bytes: u64,
    /// Their outcomes by kind.
    pub counts: Counts,
    /// Where the outcomes were written; absent when there are none.
    pub part: Option<Part>,
}

impl Batch {
    /// The batch of a message that nobody has claimed yet.
    pub fn unclaimed(message: &BatchMessage) -> Self {
        Self {
            task: message.task,
            number: message.batch,
            version: 0,
            state: BatchState::Queued,
            plan: message.plan,
            lease_until: Timestamp::default(),
            processed: 0,
            processed_bytes: 0,
            counts: Counts::default(),
            parts: Vec::new(),
            attempts: Vec::new(),
            attempts_counted: 0,
            reason: None,
        }
    }

    /// The number of the latest lease; 0 before the first.
    pub fn epoch(&self) -> u32 {
        self.attempts.last().map_or(0, |attempt| attempt.epoch)
    }

    /// Rows without an outcome.
    pub fn rows_left(&self) -> u32 {
        self.plan.rows.saturating_sub(self.processed)
    }

    /// Where the lines of the rows without an outcome lie.
    pub fn bytes_left(&self) -> ByteRange {
        ByteRange { start: self.plan.bytes.start + self.processed_bytes, end: self.plan.bytes.end }
    }

    /// How many workers took this batch and were never heard of again.
    pub fn workers_lost(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.ended.is_none()).count()
    }

    /// The batch once `worker` holds it until `lease_until`.
    ///
    /// # Errors
    /// When another worker holds it, or when it is closed.
    pub fn claimed(&self, worker: &str, now: Timestamp, lease_until: Timestamp) -> Result<Self, Refusal> {
        if self.state.is_closed() {
            return Err(Refusal::Closed);
        }
        if self.state == BatchState::Processing && self.lease_until > now {
            return Err(Refusal::Leased(self.lease_until));
        }
        let mut next = self.next();
        if let Some(lost) = next.attempts.last_mut().filter(|attempt| attempt.ended.is_none()) {
            lost.result = Some(AttemptResult::Lost);
        }
        next.state = BatchState::Processing;
        next.lease_until = lease_until;
        next.attempts.push(Attempt {
            epoch: self.epoch() + 1,
            worker: worker.to_owned(),
            started: now,
            ended: None,
            result: None,
            error: None,
        });
        Ok(next)
    }

    /// The batch with what was done recorded: closed when no row is left, handed on when some are.
    pub fn recorded(&self, progress: &Progress, now: Timestamp) -> Self {
        let mut next = self.next();
        next.processed += progress.rows;
        next.processed_bytes += progress.bytes;
        next.counts.add(&progress.counts);
        next.parts.extend(progress.part.clone());
        if next.rows_left() == 0 {
            next.state = BatchState::Done;
            next.end_attempt(AttemptResult::Done, None, now);
        } else {
            next.state = BatchState::Queued;
            next.end_attempt(AttemptResult::HandedOn, None, now);
        }
        next
    }

    /// The batch once its worker gave up for a reason outside the rows; another may take it at once.
    pub fn released(&self, error: &str, now: Timestamp) -> Self {
        let mut next = self.next();
        next.state = BatchState::Queued;
        next.end_attempt(AttemptResult::Failed, Some(error), now);
        next
    }

    /// The batch once it came out of the dead-letter queue: rows without an outcome are unprocessed.
    pub fn buried(&self, now: Timestamp) -> Self {
        let mut next = self.next();
        let last_error = self.attempts.iter().rev().find_map(|attempt| attempt.error.as_deref());
        next.reason = Some(match last_error {
            Some(error) => format!("Given up after {} attempts. The last error: {error}", self.attempts.len()),
            None => format!(
                "Given up after {} attempts: the worker ended each time without saying why (out of time or memory, or \
                 it was stopped).",
                self.attempts.len()
            ),
        });
        if let Some(lost) = next.attempts.last_mut().filter(|attempt| attempt.ended.is_none()) {
            lost.result = Some(AttemptResult::Lost);
        }
        next.close_unprocessed(BatchState::Dead, now);
        next
    }

    fn close_unprocessed(&mut self, state: BatchState, now: Timestamp) {
        self.counts.unprocessed += u64::from(self.rows_left());
        self.state = state;
        self.lease_until = now;
        self.count_attempts();
    }

    fn next(&self) -> Self {
        Self { version: self.version + 1, ..self.clone() }
    }

    fn end_attempt(&mut self, result: AttemptResult, error: Option<&str>, now: Timestamp) {
        self.lease_until = now;
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.ended = Some(now);
            attempt.result = Some(result);
            attempt.error = error.map(str::to_owned);
        }
        self.count_attempts();
    }

    fn count_attempts(&mut self) {
        self.attempts_counted = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
    }

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
}

impl Contribution {
    /// Whether it changes nothing.
    pub fn is_zero(&self) -> bool {
        self.failed_by_code.values().all(|rows| *rows == 0)
            && [self.succeeded, self.failed, self.unprocessed, self.done, self.dead, self.cancelled, self.attempts]
                .iter()
                .all(|count| *count == 0)
    }

    /// Adds `sign` times `other`.
    fn add(&mut self, other: &Self, sign: i64) {
        self.succeeded += sign * other.succeeded;
        self.failed += sign * other.failed;
        self.unprocessed += sign * other.unprocessed;
        self.done += sign * other.done;
        self.dead += sign * other.dead;
        self.cancelled += sign * other.cancelled;
        self.attempts += sign * other.attempts;
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

#[cfg(test)]
mod tests;
