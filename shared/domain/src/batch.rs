//! A batch: a run of rows that one worker processes under a lease.
//!
//! Every change makes a new [`Batch`] whose version is one higher, and is written only if the stored version is still the
//! one that was read: a worker whose lease ran out and whose batch was taken over cannot write any more. What a batch
//! adds to its task is computed from the batch alone ([`Contribution`]), and a change is counted as the difference
//! between the contributions after and before it, in the same transaction. So the counters of a task are the sums over
//! its batches at every moment, whatever comes twice.

mod counting;
mod ending;
mod redrive;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{BatchNumber, TaskId};
use crate::keys::ObjectKey;
use crate::message::BatchMessage;
use crate::outcome::Counts;
use crate::plan::{BatchPlan, ByteRange};
use crate::usage::Usage;

pub use counting::{BatchChange, Contribution, difference};
pub use redrive::{Redo, Redrive, Selection};

/// Where a batch is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// The name, as stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Parked => "parked",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

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
    /// By which message it came: the queue's id of it.
    pub message: String,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// Whether these outcomes take the place of earlier ones of the same rows: they come from a redrive of failed rows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_overlay: bool,
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
    /// Rows from its start that have an outcome; while failed rows are done again, how many of those are.
    pub processed: u32,
    /// Bytes of those rows' lines; 0 while failed rows are done again.
    pub processed_bytes: u64,
    /// Which of its rows are done again, after a redrive of failed rows and until they have their outcomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redo: Option<Redo>,
    /// Outcomes by kind.
    pub counts: Counts,
    /// What its workers asked of the cloud. Of batches that were processed together it is all with the first.
    #[serde(default, skip_serializing_if = "Usage::is_zero")]
    pub usage: Usage,
    /// Where the outcomes lie: in row order, then the overlays, of which the last that has a row is right.
    pub parts: Vec<Part>,
    /// The history, oldest first.
    pub attempts: Vec<Attempt>,
    /// How many of the attempts the task has counted.
    pub attempts_counted: u32,
    /// Why it is dead or cancelled.
    pub reason: Option<String>,
    /// When it was put through again, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redrives: Vec<Redrive>,
}

/// Why a batch cannot be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A worker that came by this very message holds it until then: look again after that.
    Leased(Timestamp),
    /// A worker that came by another message holds it. Should that worker die, its message comes again: this one is not
    /// needed, and must not use up its deliveries by waiting.
    Duplicate,
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
    /// What was asked of the cloud for it.
    pub usage: Usage,
    /// Why it got no further, where it was something other than the time.
    pub trouble: Option<String>,
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
            redo: None,
            counts: Counts::default(),
            usage: Usage::default(),
            parts: Vec::new(),
            attempts: Vec::new(),
            attempts_counted: 0,
            reason: None,
            redrives: Vec::new(),
        }
    }

    /// The number of the latest lease; 0 before the first.
    pub fn epoch(&self) -> u32 {
        self.attempts.last().map_or(0, |attempt| attempt.epoch)
    }

    /// Rows without an outcome.
    pub fn rows_left(&self) -> u32 {
        self.redo.as_ref().map_or(self.plan.rows, |redo| redo.rows).saturating_sub(self.processed)
    }

    /// Where the lines of the rows without an outcome lie: among the others, when it is failed rows that are done again.
    pub fn bytes_left(&self) -> ByteRange {
        ByteRange { start: self.plan.bytes.start + self.processed_bytes, end: self.plan.bytes.end }
    }

    /// Whether a worker holds it at `now`.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.state == BatchState::Processing && self.lease_until > now
    }

    /// Whether the message with this id is the one that the batch was last taken by, or nobody took it yet. A dead letter
    /// of another message is one of a mere duplicate; and so is any letter between a redrive and the next attempt, for the
    /// letter that buried the batch may come once more.
    pub fn answers_to(&self, message: &str) -> bool {
        if self.redrives.last().is_some_and(|redrive| redrive.attempts == self.attempts.len()) {
            return false;
        }
        self.attempts.last().is_none_or(|attempt| attempt.message == message)
    }

    /// How many workers took this batch and were never heard of again.
    pub fn workers_lost(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.ended.is_none()).count()
    }

    /// The batch once `worker`, to whom `message` came, holds it until `lease_until`.
    ///
    /// # Errors
    /// When another worker holds it, or when it is closed.
    pub fn claimed(
        &self,
        worker: &str,
        message: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Self, Refusal> {
        self.refuse_unless_free(message, now)?;
        let mut next = self.next();
        next.give_up_lost_attempt();
        next.state = BatchState::Processing;
        next.lease_until = lease_until;
        next.attempts.push(Attempt {
            epoch: self.epoch() + 1,
            worker: worker.to_owned(),
            message: message.to_owned(),
            started: now,
            ended: None,
            result: None,
            error: None,
        });
        Ok(next)
    }

    /// The batch with what was done so far recorded, while its worker goes on under the same lease. Should the worker die,
    /// these rows are not processed again.
    pub fn checkpointed(&self, progress: &Progress) -> Self {
        let mut next = self.next();
        next.processed += progress.rows;
        if next.redo.is_none() {
            next.processed_bytes += progress.bytes;
        }
        next.counts.add(&progress.counts);
        next.usage = next.usage.plus(&progress.usage);
        next.parts.extend(progress.part.clone().map(|part| Part { is_overlay: next.redo.is_some(), ..part }));
        next
    }

    /// The batch with what was done recorded: closed when no row is left, handed on when some are.
    pub fn recorded(&self, progress: &Progress, now: Timestamp) -> Self {
        let mut next = self.checkpointed(progress);
        if next.rows_left() == 0 {
            next.state = BatchState::Done;
            next.end_redo();
            next.end_attempt(AttemptResult::Done, None, now);
        } else {
            next.state = BatchState::Queued;
            next.end_attempt(AttemptResult::HandedOn, progress.trouble.as_deref(), now);
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

    fn refuse_unless_free(&self, message: &str, now: Timestamp) -> Result<(), Refusal> {
        match self.state {
            state if state.is_closed() => Err(Refusal::Closed),
            _ if !self.is_held(now) => Ok(()),
            _ if self.answers_to(message) => Err(Refusal::Leased(self.lease_until)),
            _ => Err(Refusal::Duplicate),
        }
    }

    /// An attempt that never ended is one whose worker was never heard of again.
    fn give_up_lost_attempt(&mut self) {
        if let Some(lost) = self.attempts.last_mut().filter(|attempt| attempt.ended.is_none()) {
            lost.result = Some(AttemptResult::Lost);
        }
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
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests;
