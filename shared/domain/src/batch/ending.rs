//! Batches that end, or rest, without a worker: dead, cancelled, parked.

use super::{Batch, BatchState, Refusal};
use crate::clock::Timestamp;

impl Batch {
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
        next.close_unprocessed(BatchState::Dead, now);
        next
    }

    /// The batch once its task was cancelled: rows without an outcome are unprocessed.
    ///
    /// # Errors
    /// When it is closed, or when a worker holds it: the worker ends it, or its message comes again.
    pub fn cancelled(&self, message: &str, now: Timestamp) -> Result<Self, Refusal> {
        self.refuse_unless_free(message, now)?;
        let mut next = self.next();
        next.reason = Some("The task was cancelled before these rows were processed.".into());
        next.close_unprocessed(BatchState::Cancelled, now);
        Ok(next)
    }

    /// The batch once it rests because its task is paused. It has no message then: who resumes the task sends one.
    ///
    /// # Errors
    /// When it is closed, or when a worker holds it.
    pub fn parked(&self, message: &str, now: Timestamp) -> Result<Self, Refusal> {
        self.refuse_unless_free(message, now)?;
        let mut next = self.next();
        next.give_up_lost_attempt();
        next.state = BatchState::Parked;
        next.lease_until = now;
        Ok(next)
    }

    fn close_unprocessed(&mut self, state: BatchState, now: Timestamp) {
        self.give_up_lost_attempt();
        self.counts.unprocessed += u64::from(self.rows_left());
        self.state = state;
        self.lease_until = now;
    }
}
