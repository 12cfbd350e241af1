//! A task: the processing of one uploaded file.
//!
//! It has two parts. The *head* changes rarely (a state, the result of the split) and is written under its version: a
//! writer that read an older head loses and reads again. The *tally* changes with every batch and is only ever added to,
//! in the same transaction as the batch that it counts, so two workers never wait for each other's version.

mod commands;
mod splitting;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{Owner, PipelineRef, TaskId};
use crate::outcome::Counts;
use crate::trace::TraceParent;
use crate::usage::Usage;

pub use commands::{Changed, Command, Refused};
pub use splitting::{SPLIT_CRASHES_ALLOWED, SplitDecision};

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Registered; its file has not arrived.
    AwaitingUpload,
    /// Its file is being read.
    Splitting,
    /// Its batches are being processed.
    Processing,
    /// Held back by a person or a broken partner.
    Paused,
    /// Being cancelled: batches in flight are still ending.
    Cancelling,
    /// Every row succeeded.
    Completed,
    /// Every row has an outcome, and some did not succeed.
    CompletedWithFailures,
    /// The file could not be turned into rows.
    Failed,
    /// Cancelled; rows that had not been tried are unprocessed.
    Cancelled,
    /// The upload never came.
    Expired,
}

impl TaskState {
    /// Every state, in the order of a task's life.
    pub const ALL: [Self; 10] = [
        Self::AwaitingUpload,
        Self::Splitting,
        Self::Processing,
        Self::Paused,
        Self::Cancelling,
        Self::Completed,
        Self::CompletedWithFailures,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// The name, as stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingUpload => "awaiting_upload",
            Self::Splitting => "splitting",
            Self::Processing => "processing",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Completed => "completed",
            Self::CompletedWithFailures => "completed_with_failures",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The state with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// No more will happen to the task unless somebody asks.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::CompletedWithFailures | Self::Failed | Self::Cancelled | Self::Expired)
    }

    /// Whether a task may go from this state to `next` (the diagram in the design).
    pub const fn may_become(self, next: Self) -> bool {
        use TaskState as S;
        match self {
            S::AwaitingUpload => matches!(next, S::Splitting | S::Expired | S::Failed | S::Cancelled),
            S::Splitting => matches!(next, S::Processing | S::Completed | S::Failed | S::Cancelling | S::Cancelled),
            S::Processing => matches!(next, S::Paused | S::Completed | S::CompletedWithFailures | S::Cancelling),
            S::Paused => matches!(next, S::Processing | S::Completed | S::CompletedWithFailures | S::Cancelling),
            S::Cancelling => matches!(next, S::Cancelled),
            // A redrive takes a finished task back.
            S::Completed | S::CompletedWithFailures | S::Cancelled => matches!(next, S::Processing),
            S::Failed | S::Expired => false,
        }
    }
}

/// Why a task ended as it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reason {
    /// For programs: `FILE_ENCRYPTED`, `LIMIT_EXCEEDED`, …
    pub code: String,
    /// For people: what happened and what to do.
    pub message: String,
}

/// What a person asked for with the upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Whose it is.
    pub owner: Owner,
    /// What is done with each row.
    pub pipeline: PipelineRef,
    /// The name of the file, when known; tells the format together with the content.
    pub filename: Option<String>,
    /// The media type that was declared.
    pub media_type: Option<String>,
    /// The size of the file in bytes.
    pub size: u64,
    /// The sheet to read: a name or a number from 1; the first visible one unless given.
    pub sheet: Option<String>,
    /// Rows in a batch.
    pub batch_size: u32,
}

/// The reading of the file: who does it, under which lease, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Split {
    /// Counts the attempts; a reader that holds an older number has lost the task.
    pub epoch: u32,
    /// Until when nobody else may take over.
    pub lease_until: Timestamp,
    /// When the first attempt began.
    pub started: Option<Timestamp>,
    /// When the rows object and its index were complete.
    pub ended: Option<Timestamp>,
    /// The name of the format that was read.
    pub format: Option<String>,
    /// Whether a message has been sent for every batch.
    pub fanned_out: bool,
    /// What was asked of the cloud beside the batches: the call that registered it, reading the file, writing its files.
    #[serde(default, skip_serializing_if = "Usage::is_zero")]
    pub usage: Usage,
}

/// The part of a task that is written under its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// What was asked for.
    pub order: Order,
    /// Where the task is.
    pub state: TaskState,
    /// When it was registered.
    pub created: Timestamp,
    /// When the head last changed.
    pub updated: Timestamp,
    /// The reading of the file.
    pub split: Split,
    /// Rows in the file; known once it is split.
    pub total: Option<u64>,
    /// Batches; known once it is split.
    pub batches: Option<u32>,
    /// When the last row had its outcome.
    pub finished: Option<Timestamp>,
    /// Why it ended as it did, or why it is held back, when that needs saying.
    pub reason: Option<Reason>,
    /// When a paused task is to be tried again by itself: its partner was down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_at: Option<Timestamp>,
    /// Whether its counters were compared with its batches after it ended.
    #[serde(default)]
    pub is_audited: bool,
    /// What caused the work that is done for it now: the call that registered it, and then the reading of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceParent>,
}

impl Head {
    /// Whether the sweeper has nothing more to do with the task.
    pub const fn is_settled(&self) -> bool {
        self.state.is_final() && self.is_audited
    }
}

/// What the batches of a task have come to so far. Only ever added to, with the batch that it counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Rows by outcome.
    pub counts: Counts,
    /// Batches that ended as `done`.
    pub done: u32,
    /// Batches that are dead.
    pub dead: u32,
    /// Batches that were cancelled.
    pub cancelled: u32,
    /// Deliveries of batches to workers.
    pub attempts: u64,
    /// What the batches asked of the cloud.
    #[serde(default)]
    pub usage: Usage,
}

impl Tally {
    /// Batches that nothing more will happen to.
    pub fn closed(&self) -> u32 {
        self.done + self.dead + self.cancelled
    }
}

/// A task as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The version of the head: 1 when registered, one more with each change of it.
    pub version: u64,
    /// What changes rarely.
    pub head: Head,
    /// What changes with every batch.
    pub tally: Tally,
}

impl Task {
    /// A task that waits for its file.
    pub fn registered(id: TaskId, order: Order, now: Timestamp) -> Self {
        let head = Head {
            order,
            state: TaskState::AwaitingUpload,
            created: now,
            updated: now,
            split: Split::default(),
            total: None,
            batches: None,
            finished: None,
            reason: None,
            resume_at: None,
            is_audited: false,
            trace: None,
        };
        Self { id, version: 1, head, tally: Tally::default() }
    }

    /// What caused the work that is done for it now. A task that was registered before traces were stored is one itself.
    pub fn trace(&self) -> TraceParent {
        self.head.trace.unwrap_or_else(|| TraceParent::of_task(self.id))
    }

    /// The head of a task whose file cannot be turned into rows.
    pub fn failed(&self, reason: Reason, now: Timestamp) -> Head {
        let mut head = self.head.clone();
        head.state = TaskState::Failed;
        head.updated = now;
        head.finished = Some(now);
        head.reason = Some(reason);
        head
    }

    /// The head of a task whose last batch has closed, or `None` while one is open or somebody was first.
    ///
    /// It is written under the version that it was read with, which is what makes completion happen once: whoever opens a
    /// batch again moves that version in the same transaction.
    pub fn finished(&self, now: Timestamp) -> Option<Head> {
        let all_closed = self.head.batches.is_some_and(|batches| self.tally.closed() >= batches);
        let may_end = matches!(self.head.state, TaskState::Processing | TaskState::Paused | TaskState::Cancelling);
        if !all_closed || !may_end {
            return None;
        }
        let counts = &self.tally.counts;
        let mut head = self.head.clone();
        head.updated = now;
        head.finished = Some(now);
        head.resume_at = None;
        head.state = match self.head.state {
            TaskState::Cancelling => TaskState::Cancelled,
            _ if counts.failed + counts.unprocessed == 0 => TaskState::Completed,
            _ => TaskState::CompletedWithFailures,
        };
        if head.state != TaskState::Cancelled {
            head.reason = None;
        }
        Some(head)
    }

    /// What the task asked of the cloud so far.
    pub fn usage(&self) -> Usage {
        self.head.split.usage.plus(&self.tally.usage)
    }

    /// The head once its counters were compared with its batches, and its files, which took `reported`, are there.
    pub fn audited(&self, reported: &Usage) -> Head {
        let mut head = Head { is_audited: true, ..self.head.clone() };
        head.split.usage = head.split.usage.plus(reported);
        head
    }
}

#[cfg(test)]
mod tests;
