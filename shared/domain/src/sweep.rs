//! What a crash, or a lost message, left to be done: decided here from the task alone, carried out by the sweeper.

use std::time::Duration;

use crate::batch::Batch;
use crate::clock::Timestamp;
use crate::task::{Task, TaskState};

/// How long things may take before the sweeper steps in. Longer than anything takes that is still going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// A step of one process: the fan-out, the taking over of an expired lease.
    pub step: Duration,
    /// A batch that waits in an empty queue. The depth of a queue is approximate, so this is not short.
    pub empty_queue: Duration,
    /// A batch that waits in a queue which is not empty: the time after which the queue forgets a message.
    pub retention: Duration,
    /// An upload that was announced.
    pub upload: Duration,
    /// A task that is being worked at and does not move: by then the sweeper had its chances, and a person should look.
    pub stuck: Duration,
}

impl Patience {
    /// That of a deployed stack.
    pub const DEPLOYED: Self = Self {
        step: Duration::from_secs(120),
        empty_queue: Duration::from_secs(15 * 60),
        retention: Duration::from_secs(4 * 24 * 60 * 60),
        upload: Duration::from_secs(60 * 60),
        stuck: Duration::from_secs(60 * 60),
    };
}

/// What is to be done for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// The file may have come without its event: if it is there, have it read; if not, and the time is up, give up.
    LookForUpload {
        /// Whether the time is up.
        is_late: bool,
    },
    /// Nobody reads the file: send its event again.
    ReadAgain,
    /// Messages are missing, and the task says so.
    SendOpen,
    /// Messages seem to be lost: say so, and send them.
    SendAgain,
    /// A partner that was down may be up again.
    Resume,
    /// Batches are still open in a task that is being cancelled.
    CloseOpen,
    /// The task has ended: compare its counters a last time.
    LastAudit,
    /// Others are at it.
    Nothing,
}

/// What the sweeper knows of a task.
#[derive(Debug)]
pub struct Observation<'a> {
    /// The task.
    pub task: &'a Task,
    /// Those of its batches that somebody has claimed.
    pub batches: &'a [Batch],
    /// Whether no message is in the batch queue, as far as the queue knows.
    pub is_queue_empty: bool,
}

/// Decides what is to be done.
pub fn decide(seen: &Observation<'_>, now: Timestamp, patience: &Patience) -> Sweep {
    let head = &seen.task.head;
    let waits_since = |since: Timestamp, patience: Duration| now.since(since) >= patience;
    match head.state {
        TaskState::AwaitingUpload if waits_since(head.updated, patience.step) => {
            Sweep::LookForUpload { is_late: waits_since(head.created, patience.upload) }
        }
        TaskState::Splitting if waits_since(head.split.lease_until.max(head.updated), patience.step) => {
            Sweep::ReadAgain
        }
        TaskState::Processing if !head.split.fanned_out => match waits_since(head.updated, patience.step) {
            true => Sweep::SendOpen,
            false => Sweep::Nothing,
        },
        TaskState::Processing => {
            let since = last_activity(seen);
            let is_lost = waits_since(since, patience.retention)
                || (seen.is_queue_empty && waits_since(since, patience.empty_queue));
            if is_lost { Sweep::SendAgain } else { Sweep::Nothing }
        }
        TaskState::Paused if head.resume_at.is_some_and(|at| at <= now) => Sweep::Resume,
        TaskState::Cancelling => Sweep::CloseOpen,
        state if state.is_final() && !head.is_audited => Sweep::LastAudit,
        _ => Sweep::Nothing,
    }
}

/// Whether the task should move and has not for long. One that is paused, or waits for its file, need not.
pub fn is_stuck(seen: &Observation<'_>, now: Timestamp, patience: &Patience) -> bool {
    matches!(seen.task.head.state, TaskState::Splitting | TaskState::Processing | TaskState::Cancelling)
        && now.since(last_activity(seen).max(seen.task.head.split.lease_until)) >= patience.stuck
}

/// When something last happened to the task. A lease that runs is activity until it ends.
fn last_activity(seen: &Observation<'_>) -> Timestamp {
    let attempts = seen.batches.iter().filter_map(|batch| batch.attempts.last().map(|attempt| (batch, attempt)));
    let moments = attempts.map(|(batch, attempt)| attempt.ended.unwrap_or(attempt.started).max(batch.lease_until));
    moments.fold(seen.task.head.updated, Timestamp::max)
}

#[cfg(test)]
mod tests;
