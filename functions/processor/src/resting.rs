//! Messages of a task that is paused or being cancelled: nothing is run, and no message is kept going round.

use std::time::Duration;

use filas_domain::error_chain;
use filas_domain::ports::{BatchLedger, BatchQueue, Clock, Deliveries, ObjectReader, ObjectWriter};
use filas_domain::task::{Task, TaskState};
use tracing::error;

use crate::handler::{Item, Processor, Verdict};

impl<L, O, Q, D, C> Processor<L, O, Q, D, C>
where
    L: BatchLedger,
    O: ObjectReader + ObjectWriter,
    Q: BatchQueue,
    D: Deliveries,
    C: Clock,
{
    /// Parks the batches of a paused task: their messages are done with, and who resumes the task sends others.
    pub async fn park_all(&self, task: &Task, items: &[Item<'_>]) -> Vec<Verdict> {
        let mut parked = Vec::with_capacity(items.len());
        for item in items {
            let message = item.delivery.message_id();
            parked.push(self.change(item, "park", |batch, now| batch.parked(message, now)).await);
        }
        // Who resumed the task in this very moment may not have seen these batches parked, and sent them nothing. One of
        // the two sees the other: the head is written before the batches are looked at, and the batch before the head.
        let is_paused = match self.ledger.task(task.id).await {
            Ok(task) => task.is_none_or(|task| task.head.state == TaskState::Paused),
            Err(error) => {
                error!(task = %task.id, error = %error_chain(&error), "it cannot be seen whether the task is still paused");
                false
            }
        };
        let verdict = if is_paused { Verdict::Settled } else { Verdict::Again(Some(Duration::ZERO)) };
        parked.into_iter().map(|parked| parked.map_or_else(|verdict| verdict, |_| verdict)).collect()
    }

    /// Closes the batches of a task that is being cancelled.
    pub async fn cancel_all(&self, items: &[Item<'_>]) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(items.len());
        for item in items {
            let message = item.delivery.message_id();
            let cancelled = self.change(item, "cancel", |batch, now| batch.cancelled(message, now)).await;
            verdicts.push(cancelled.map_or_else(|verdict| verdict, |_| Verdict::Settled));
        }
        verdicts
    }
}
