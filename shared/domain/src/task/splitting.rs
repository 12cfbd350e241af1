//! The reading of the file: who does it, and what an event means.

use std::time::Duration;

use super::{Head, Reason, Task, TaskState};
use crate::clock::Timestamp;

/// How often a reader may die on a file before the file is held to be the cause.
pub const SPLIT_CRASHES_ALLOWED: u32 = 2;

/// What an event for an uploaded file leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitDecision {
    /// Read the file under this head.
    Read(Box<Head>),
    /// Somebody else reads it; look again at this moment.
    Wait(Timestamp),
    /// The file is read, but perhaps not every batch was sent: send those that are not closed.
    SendAgain,
    /// Nothing is left to do.
    Nothing,
    /// The file killed its readers: give it up under this head.
    GiveUp(Box<Head>),
}

impl Task {
    /// What to do when an event says that the file is there. Events come twice, late and out of order.
    pub fn decide_split(&self, now: Timestamp, lease: Duration) -> SplitDecision {
        let split = &self.head.split;
        match self.head.state {
            TaskState::AwaitingUpload => SplitDecision::Read(Box::new(self.split_head(now, lease))),
            TaskState::Splitting if split.lease_until > now => SplitDecision::Wait(split.lease_until),
            TaskState::Splitting if split.epoch >= SPLIT_CRASHES_ALLOWED => {
                let reason = Reason {
                    code: "FILE_CRASHES_READER".into(),
                    message: format!(
                        "Reading the file ended the reader {} times. Save it again from your spreadsheet program, or as \
                         csv, and upload that.",
                        split.epoch
                    ),
                };
                SplitDecision::GiveUp(Box::new(self.failed(reason, now)))
            }
            TaskState::Splitting => SplitDecision::Read(Box::new(self.split_head(now, lease))),
            TaskState::Processing if !split.fanned_out => SplitDecision::SendAgain,
            _ => SplitDecision::Nothing,
        }
    }

    fn split_head(&self, now: Timestamp, lease: Duration) -> Head {
        let mut head = self.head.clone();
        head.state = TaskState::Splitting;
        head.updated = now;
        head.split.epoch += 1;
        head.split.lease_until = now.plus(lease);
        head.split.started.get_or_insert(now);
        head
    }

    /// The head once the reader with `epoch` could not finish for a reason outside the file: its lease ends at once, and
    /// the attempt does not count as a crash.
    pub fn split_released(&self, now: Timestamp) -> Head {
        let mut head = self.head.clone();
        head.updated = now;
        head.split.lease_until = now;
        head.split.epoch = head.split.epoch.saturating_sub(1);
        head
    }

    /// The head once the rows object and its index are stored. A file without rows is complete at once.
    pub fn split_done(&self, rows: u64, batches: u32, format: &str, now: Timestamp) -> Head {
        let mut head = self.head.clone();
        head.updated = now;
        head.total = Some(rows);
        head.batches = Some(batches);
        head.split.ended = Some(now);
        head.split.format = Some(format.to_owned());
        if batches == 0 {
            head.state = TaskState::Completed;
            head.finished = Some(now);
            head.split.fanned_out = true;
        } else {
            head.state = TaskState::Processing;
        }
        head
    }

    /// The head once a message has been sent for every batch.
    pub fn fanned_out(&self, now: Timestamp) -> Head {
        let mut head = self.head.clone();
        head.updated = now;
        head.split.fanned_out = true;
        head
    }
}
