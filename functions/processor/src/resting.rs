//! Messages of a task that is paused or being cancelled: nothing is run, and no message is kept going round. And what
//! makes a task rest: a partner that is down, or too many rows that failed.

use std::time::Duration;

use filas_domain::commands::CommandError;
use filas_domain::ports::{BatchLedger, BatchQueue, Clock, Deliveries, ObjectReader, ObjectWriter};
use filas_domain::stop::{StopRule, should_stop};
use filas_domain::task::{Reason, Task, TaskState};
use filas_domain::{TaskId, commands, error_chain};
use tracing::{error, warn};

use crate::handler::{Item, Processor, Verdict};
use crate::rows::PartnerDown;

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
                error!(error = %error_chain(&error), "it cannot be seen whether the task is still paused");
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

    /// Pauses the task until its partner is tried again. If that fails, the next worker finds the partner down as well.
    pub async fn pause(&self, id: TaskId, down: PartnerDown) {
        let resume_at = self.clock.now().plus(down.probe_after);
        let reason = Reason { code: "PARTNER_DOWN".into(), message: down.reason };
        warn!(reason = reason.message, "the task is paused until its partner is tried again");
        // Somebody else may have paused or cancelled it meanwhile: that is as good.
        match commands::pause(&self.ledger, &self.clock, id, reason, Some(resume_at)).await {
            Ok(()) | Err(CommandError::Refused(_) | CommandError::NoSuchTask) => {}
            Err(error) => error!(error = %error_chain(&error), "a task cannot be paused"),
        }
    }

    /// Ends a task of which too many rows failed, when its pipeline says so. If that fails, the next batch sees to it.
    pub async fn stop_early(&self, id: TaskId, rule: StopRule) {
        let stopped = async {
            let Some(task) = self.ledger.task(id).await? else { return Ok(()) };
            let total = task.head.total.unwrap_or(0);
            if task.head.state != TaskState::Processing || !should_stop(rule, &task.tally, total) {
                return Ok(());
            }
            let failed = task.tally.counts.failed;
            let message = format!("{failed} of {total} rows failed, which is more than the pipeline allows.");
            warn!(failed, total, "the task is stopped early");
            let reason = Reason { code: "TOO_MANY_FAILED".into(), message };
            commands::cancel(&self.ledger, &self.objects, &self.clock, id, Some(reason)).await
        };
        match stopped.await {
            Ok(()) | Err(CommandError::Refused(_) | CommandError::NoSuchTask) => {}
            Err(error) => error!(error = %error_chain(&error), "a task cannot be stopped"),
        }
    }
}
