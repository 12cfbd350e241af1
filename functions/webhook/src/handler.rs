//! Events from the queue to signed requests.
//!
//! Whatever goes wrong, the message comes again, later each time, until it has used up its deliveries and is a dead letter:
//! a receiver that is down for hours, a secret that somebody mends, an address that was mistyped. Receivers tell copies by
//! `webhook-id`, which is the event's id.

use std::time::Duration;

use anyhow::{Context as _, Result};
use filas_domain::delivery::{Delivery, Redeliver};
use filas_domain::error_chain;
use filas_domain::event::Event;
use filas_domain::ids::{Owner, PipelineRef};
use filas_domain::ports::{Clock, Deliveries, ObjectReader, TaskLedger};
use filas_domain::secrets::Secrets;
use filas_pipeline::webhook::{Webhook, WebhookError};
use filas_pipeline::{Variables, catalogue};
use futures::future::join_all;
use tracing::{Instrument as _, error, info, info_span, warn};

/// SQS hides a message for twelve hours at most.
const LONGEST_WAIT: Duration = Duration::from_secs(12 * 60 * 60);

/// The function and its ports.
pub struct Webhooks<L, O, S, D, C> {
    /// Says which pipeline the task of a batch has.
    pub ledger: L,
    /// Where the texts of pipelines are.
    pub objects: O,
    /// The secrets of owners.
    pub secrets: S,
    /// The deliveries of its queue.
    pub deliveries: D,
    /// The time.
    pub clock: C,
    /// What stands for `${NAME}` in a URL, and which places inside may be called.
    pub variables: Variables,
    /// The wait after the first failure; each further one is four times as long.
    pub first_wait: Duration,
}

impl<L, O, S, D, C> Webhooks<L, O, S, D, C>
where
    L: TaskLedger,
    O: ObjectReader,
    S: Secrets,
    D: Deliveries,
    C: Clock,
{
    /// Tells the events, side by side, and says which messages are to come again.
    pub async fn run(&self, deliveries: &[Delivery]) -> Redeliver {
        let mut again = Redeliver::default();
        let taken = join_all(deliveries.iter().map(|delivery| {
            let span = info_span!("message", message_id = delivery.message_id(), delivery = delivery.receive_count());
            self.take(delivery).instrument(span)
        }))
        .await;
        for (delivery, taken) in deliveries.iter().zip(taken) {
            let Err(trouble) = taken else { continue };
            let attempt = delivery.receive_count();
            let wait = self.wait(attempt, &trouble);
            error!(message_id = delivery.message_id(), attempt, error = %error_chain(&*trouble), "an event is not told");
            again.add(delivery);
            if let Err(error) = self.deliveries.postpone(&delivery.receipt_handle, wait).await {
                // It then comes after the visibility timeout.
                warn!(message_id = delivery.message_id(), error = %error_chain(&error), "a message is not postponed");
            }
        }
        again
    }

    /// How long until the next attempt: longer each time, and not before the receiver wants it.
    fn wait(&self, attempt: u32, trouble: &anyhow::Error) -> Duration {
        let factor = 4_u32.saturating_pow(attempt.saturating_sub(1));
        let asked_for = trouble.downcast_ref::<WebhookError>().and_then(WebhookError::retry_after);
        self.first_wait.saturating_mul(factor).max(asked_for.unwrap_or_default()).min(LONGEST_WAIT)
    }

    async fn take(&self, delivery: &Delivery) -> Result<()> {
        let event: Event = serde_json::from_str(&delivery.body).context("the message is no event")?;
        // An event of nobody's task has nobody to be told to.
        let Some((owner, pipeline)) = self.of_whom(&event).await? else { return Ok(()) };
        let spec = catalogue::spec(&self.objects, &owner, &pipeline).await?;
        let Some(webhook) = Webhook::compile(&spec, &self.variables)? else { return Ok(()) };
        if !webhook.wants(&event.kind) {
            return Ok(());
        }
        let now = self.clock.now();
        webhook.tell(&self.secrets, &owner, now, (&event.id, event.traceparent), delivery.body.clone()).await?;
        let millis = u64::try_from(self.clock.now().since(now).as_millis()).unwrap_or(u64::MAX);
        let (trace_id, task) =
            (event.traceparent.map(|cause| cause.trace_id()), event.task.map(tracing::field::display));
        info!(subject = event.subject, task, trace_id, kind = event.kind, millis, "a webhook is told");
        Ok(())
    }

    /// Whose event it is, and the pipeline of its task. Events of tasks say so themselves; for those of batches the ledger
    /// is asked, and a task that is gone by then is nobody's.
    async fn of_whom(&self, event: &Event) -> Result<Option<(Owner, PipelineRef)>> {
        if let (Some(owner), Some(pipeline)) = (&event.owner, event.data.get("pipeline")) {
            let pipeline = serde_json::from_value(pipeline.clone()).context("the event names no pipeline")?;
            return Ok(Some((owner.clone(), pipeline)));
        }
        let Some(task) = event.task else { return Ok(None) };
        let task = self.ledger.task(task).await?;
        Ok(task.map(|task| (task.head.order.owner, task.head.order.pipeline)))
    }
}

#[cfg(test)]
mod tests;
