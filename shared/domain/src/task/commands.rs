//! What a person, a broken partner or the sweeper may do to a task: cancel, pause, resume, redrive, expire.

use thiserror::Error;

use super::{Head, Reason, Task, TaskState};
use crate::clock::Timestamp;

/// What a command comes to. Commands are idempotent: asked for twice, they happen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The task is to be written with this head.
    To(Box<Head>),
    /// It is so already.
    Already,
}

/// The commands, by the names that people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// End it now.
    Cancel,
    /// Hold it back.
    Pause,
    /// Go on.
    Resume,
    /// Put rows through again.
    Redrive,
}

/// A command that makes no sense in the state that the task is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a task that is {} cannot be {}", .state.as_str(), .command.participle())]
pub struct Refused {
    /// What was asked for.
    pub command: Command,
    /// Where the task is.
    pub state: TaskState,
}

impl Command {
    const fn participle(self) -> &'static str {
        match self {
            Self::Cancel => "cancelled",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Redrive => "redriven",
        }
    }
}

impl Task {
    /// Ends the task: at once while its file is not read, and else as soon as no worker holds one of its batches.
    ///
    /// # Errors
    /// When it has ended otherwise.
    pub fn cancel(&self, reason: Option<Reason>, now: Timestamp) -> Result<Changed, Refused> {
        let mut head = self.changed(now);
        head.reason = reason.or(head.reason);
        head.resume_at = None;
        match self.head.state {
            TaskState::AwaitingUpload | TaskState::Splitting => {
                head.state = TaskState::Cancelled;
                head.finished = Some(now);
            }
            TaskState::Processing | TaskState::Paused => head.state = TaskState::Cancelling,
            TaskState::Cancelling | TaskState::Cancelled => return Ok(Changed::Already),
            state => return Err(Refused { command: Command::Cancel, state }),
        }
        Ok(Changed::To(Box::new(head)))
    }

    /// Holds the task back: batches that no worker holds are parked when their messages come. With `resume_at` the
    /// sweeper tries again by itself at that time.
    ///
    /// # Errors
    /// When it is not being processed.
    pub fn pause(&self, reason: Reason, resume_at: Option<Timestamp>, now: Timestamp) -> Result<Changed, Refused> {
        match self.head.state {
            TaskState::Processing => {}
            TaskState::Paused => return Ok(Changed::Already),
            state => return Err(Refused { command: Command::Pause, state }),
        }
        let head = self.changed(now);
        Ok(Changed::To(Box::new(Head { state: TaskState::Paused, reason: Some(reason), resume_at, ..head })))
    }

    /// Goes on with a paused task. Its batches are parked without a message: until they have one, it is not fanned out.
    ///
    /// # Errors
    /// When it is neither paused nor being processed.
    pub fn resume(&self, now: Timestamp) -> Result<Changed, Refused> {
        match self.head.state {
            TaskState::Paused => {}
            TaskState::Processing => return Ok(Changed::Already),
            state => return Err(Refused { command: Command::Resume, state }),
        }
        let mut head = self.changed(now);
        head.state = TaskState::Processing;
        head.reason = None;
        head.resume_at = None;
        head.split.fanned_out = false;
        Ok(Changed::To(Box::new(head)))
    }

    /// The head under which batches are opened again: in the same transaction, so that nobody who read the task before
    /// can end it with an open batch.
    ///
    /// # Errors
    /// When it is paused, being cancelled, or has no rows.
    pub fn reopened(&self, now: Timestamp) -> Result<Head, Refused> {
        match self.head.state {
            TaskState::Processing | TaskState::Completed | TaskState::CompletedWithFailures | TaskState::Cancelled
                if self.head.batches.is_some() => {}
            state => return Err(Refused { command: Command::Redrive, state }),
        }
        let mut head = self.changed(now);
        head.state = TaskState::Processing;
        head.finished = None;
        head.reason = None;
        head.is_audited = false;
        head.split.fanned_out = false;
        Ok(head)
    }

    /// The head of a task whose upload did not come in time.
    pub fn expired(&self, now: Timestamp) -> Head {
        let message = "The file did not arrive in time. Begin the upload anew.".to_owned();
        Head {
            state: TaskState::Expired,
            finished: Some(now),
            reason: Some(Reason { code: "UPLOAD_EXPIRED".into(), message }),
            ..self.changed(now)
        }
    }

    /// The head of a task of which every open batch is to have a message again.
    pub fn to_be_sent_again(&self, now: Timestamp) -> Head {
        let mut head = self.changed(now);
        head.split.fanned_out = false;
        head
    }

    /// The head as it is, touched: written together with batches, it moves the version.
    pub fn changed(&self, now: Timestamp) -> Head {
        Head { updated: now, ..self.head.clone() }
    }
}
