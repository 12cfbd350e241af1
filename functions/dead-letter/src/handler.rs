//! A dead batch, or a task whose file could not be split.
//!
//! A message that is neither stays in the dead-letter queue, where `/v1/queues` counts it: there is no task to tell.

use std::error::Error;

use filas_domain::batch::{Batch, BatchChange};
use filas_domain::completion;
use filas_domain::delivery::{Delivery, Redeliver, UploadEvent};
use filas_domain::message::{BatchMessage, MessageError};
use filas_domain::ports::{BatchLedger, Clock, PortError, WriteError};
use filas_domain::task::{Reason, TaskState};
use filas_domain::{TaskId, error_chain};
use tracing::{Instrument as _, error, info, info_span, warn};

/// The undertaker and its ports.
pub struct Undertaker<L, C> {
    /// Tasks and batches.
    pub ledger: L,
    /// The time.
    pub clock: C,
}

/// What is to happen with a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is state now.
    Settled,
    /// A worker still holds its batch, or a reader its file; look again later.
    Later,
}

impl<L: BatchLedger, C: Clock> Undertaker<L, C> {
    /// Turns the dead letters into state and says which are to come again.
    pub async fn run(&self, deliveries: &[Delivery]) -> Redeliver {
        let mut again = Redeliver::default();
        for delivery in deliveries {
            let trace_id = delivery.trace().map(|cause| cause.trace_id());
            let span = info_span!("message", message_id = delivery.message_id(), trace_id);
            match self.take(delivery).instrument(span).await {
                Ok(Verdict::Settled) => {}
                Ok(Verdict::Later) => again.add(delivery),
                Err(error) => {
                    error!(message_id = delivery.message_id(), error = %error_chain(&*error), "a dead letter stays");
                    again.add(delivery);
                }
            }
        }
        info!(dead_letters = deliveries.len(), to_come_again = again.len(), "dead letters taken");
        again
    }

    async fn take(&self, delivery: &Delivery) -> Result<Verdict, Box<dyn Error + Send + Sync>> {
        match BatchMessage::decode(&delivery.body) {
            Ok(message) => Ok(self.bury(&message, delivery.message_id()).await?),
            // An unknown version is ours to read one day, and not an upload.
            Err(error @ MessageError::UnknownVersion(_)) => Err(error.into()),
            Err(MessageError::Malformed(_)) => match UploadEvent::decode(&delivery.body)? {
                UploadEvent::Test => Ok(Verdict::Settled),
                UploadEvent::Arrived(tasks) => {
                    for id in tasks {
                        if self.give_up(id).await? == Verdict::Later {
                            return Ok(Verdict::Later);
                        }
                    }
                    Ok(Verdict::Settled)
                }
            },
        }
    }

    /// Marks the batch as dead, unless it is closed or somebody works on it.
    async fn bury(&self, message: &BatchMessage, message_id: &str) -> Result<Verdict, PortError> {
        let id = message.task;
        loop {
            if self.ledger.task(id).await?.is_none() {
                warn!(task = %id, "the dead letter of a task that is no longer there is dropped");
                return Ok(Verdict::Settled);
            }
            let stored = self.ledger.batches(id, &[message.batch]).await?.pop();
            let before = stored.unwrap_or_else(|| Batch::unclaimed(message));
            if before.state.is_closed() {
                break;
            }
            if !before.answers_to(message_id) {
                info!(task = %id, batch = %message.batch, "the dead letter of a duplicate is dropped");
                break;
            }
            let now = self.clock.now();
            if before.is_held(now) {
                return Ok(Verdict::Later);
            }
            let change = BatchChange { after: before.buried(now), before };
            match self.ledger.write_batches(std::slice::from_ref(&change)).await {
                Ok(()) => {
                    let reason = change.after.reason.as_deref().unwrap_or_default();
                    let attempt = change.after.epoch();
                    warn!(task = %id, batch = %message.batch, attempt, reason, "a batch is dead");
                    break;
                }
                Err(WriteError::Stale) => {}
                Err(WriteError::Port(error)) => return Err(error),
            }
        }
        if let Some(state) = completion::finish(&self.ledger, &self.clock, id).await? {
            info!(task = %id, state = state.as_str(), "the task ended");
        }
        Ok(Verdict::Settled)
    }

    /// Fails the task whose file could not be split, unless somebody is at it or it is split.
    async fn give_up(&self, id: TaskId) -> Result<Verdict, PortError> {
        loop {
            let Some(task) = self.ledger.task(id).await? else { return Ok(Verdict::Settled) };
            let now = self.clock.now();
            match task.head.state {
                TaskState::AwaitingUpload => {}
                TaskState::Splitting if task.head.split.lease_until <= now => {}
                TaskState::Splitting => return Ok(Verdict::Later),
                // Split, but not every batch was sent: the letter stays until somebody sends them.
                TaskState::Processing if !task.head.split.fanned_out => return Ok(Verdict::Later),
                _ => return Ok(Verdict::Settled),
            }
            let reason = Reason {
                code: "FILE_NOT_SPLIT".into(),
                message: "The file could not be read in several attempts, for reasons outside the file or because \
                          reading it takes too long or too much memory. Upload it again; if that ends the same way, \
                          split it into smaller files."
                    .into(),
            };
            let head = task.failed(reason, now);
            match self.ledger.write_head(&task, &head).await {
                Ok(()) => {
                    warn!(task = %id, "a task failed: its file could not be split");
                    return Ok(Verdict::Settled);
                }
                Err(WriteError::Stale) => {}
                Err(WriteError::Port(error)) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests;
