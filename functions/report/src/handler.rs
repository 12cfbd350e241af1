//! An invocation, by the table's stream or by the queue.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use filas_aws::stream::{Change, StreamAnswer, StreamEvent, StreamRecord};
use filas_domain::clock::Timestamp;
use filas_domain::delivery::{Delivery, QueueEvent, Redeliver};
use filas_domain::error_chain;
use filas_domain::metrics::{Metric, Metrics};
use filas_domain::ports::{Clock, Deliveries, ObjectReader, ObjectWriter, ReportQueue, TaskCatalogue, TaskLedger};
use filas_domain::report::{ReportMessage, has_ended};
use filas_domain::usage::{Meter, Prices};
use serde::{Deserialize, Serialize};
use tracing::{Instrument as _, error, info, info_span, warn};

use crate::job::{Job, Verdict};

/// How often the work on one task is handed on before it is given up: far more than a million rows need.
const HAND_ONS: u32 = 20;

/// What an invocation may use.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// When Lambda ends it.
    pub deadline: Timestamp,
}

impl Invocation {
    /// The invocation that Lambda describes by `context`.
    pub fn of(context: &lambda_runtime::Context) -> Self {
        Self { deadline: Timestamp::from_millis(context.deadline) }
    }
}

/// What the function is invoked with. The records of a stream have what messages have not, and the other way round.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// Ends of tasks, among other changes.
    Stream(StreamEvent),
    /// Requests for files.
    Queue(QueueEvent),
}

/// What the function answers: what is to come again.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Again {
    /// From which record on.
    Stream(StreamAnswer),
    /// Which messages.
    Queue(Redeliver),
}

/// The reporter and its ports.
pub struct Reporter<L, O, Q, D, C> {
    /// Tasks and batches.
    pub ledger: L,
    /// Rows and outcomes in, files out.
    pub objects: O,
    /// Where requests for files go.
    pub queue: Q,
    /// Where they came from.
    pub deliveries: D,
    /// The time.
    pub clock: C,
    /// What is observed, to be printed at the end of an invocation.
    pub metrics: Metrics,
    /// What this process asks of the cloud.
    pub meter: Arc<dyn Meter>,
}

impl<L, O, Q, D, C> Reporter<L, O, Q, D, C>
where
    L: TaskLedger + TaskCatalogue,
    O: ObjectReader + ObjectWriter,
    Q: ReportQueue,
    D: Deliveries,
    C: Clock,
{
    /// Does what an event asks for.
    pub async fn answer(&self, event: Event, invocation: &Invocation) -> Again {
        match event {
            Event::Stream(event) => Again::Stream(self.tell(&event).await),
            Event::Queue(event) => Again::Queue(self.run(&event.deliveries, invocation).await),
        }
    }

    /// Asks for the files of every task whose end is among the changes. Where that fails, the stream is to come again from
    /// there on; what was asked for twice is written once.
    pub async fn tell(&self, event: &StreamEvent) -> StreamAnswer {
        for record in &event.records {
            if let Err(error) = self.tell_one(record).await {
                let sequence_number = record.sequence_number();
                error!(sequence_number, error = %error_chain(&*error), "an end is not told");
                return StreamAnswer::again_from(record);
            }
        }
        StreamAnswer::default()
    }

    async fn tell_one(&self, record: &StreamRecord) -> Result<()> {
        let Change::Task { old, new: Some(task) } = record.change()? else { return Ok(()) };
        let Some(finished) = has_ended(old.as_deref(), &task) else { return Ok(()) };
        self.queue.send_report(&ReportMessage { task: task.id, finished, continued: 0 }).await?;
        self.metrics.observe(Metric::TaskCost, task.usage().dollars(&Prices::US_EAST_1));
        let trace_id = task.trace().trace_id();
        info!(task = %task.id, trace_id, state = task.head.state.as_str(), "the files of a task are asked for");
        Ok(())
    }

    /// Writes the files that the messages ask for and says which messages are to come again.
    pub async fn run(&self, deliveries: &[Delivery], invocation: &Invocation) -> Redeliver {
        self.meter.begin(true);
        let mut again = Redeliver::default();
        for delivery in deliveries {
            let span = info_span!("message", message_id = delivery.message_id(), delivery = delivery.receive_count());
            let Err(error) = self.take(delivery, invocation).instrument(span).await else { continue };
            error!(message_id = delivery.message_id(), error = %error_chain(&*error), "files are not written");
            again.add(delivery);
            if let Err(error) = self.deliveries.postpone(&delivery.receipt_handle, delivery.backoff()).await {
                // It then comes after the visibility timeout: later, but it comes.
                warn!(message_id = delivery.message_id(), error = %error_chain(&error), "a message is not postponed");
            }
        }
        again
    }

    async fn take(&self, delivery: &Delivery, invocation: &Invocation) -> Result<()> {
        let message = ReportMessage::decode(&delivery.body)?;
        let begun = self.clock.now();
        let job = Job {
            ledger: &self.ledger,
            objects: &self.objects,
            clock: &self.clock,
            meter: &*self.meter,
            message,
            message_id: delivery.message_id(),
            begun,
            deadline: invocation.deadline,
        };
        let verdict = job.run().await.with_context(|| format!("write the files of task {}", message.task))?;
        let seconds = self.clock.now().since(begun).as_secs_f64();
        info!(task = %message.task, ?verdict, seconds, "a request for files is taken");
        match verdict {
            Verdict::OutOfTime if message.continued >= HAND_ONS => {
                anyhow::bail!("the files of task {} do not get done in {HAND_ONS} invocations", message.task)
            }
            Verdict::OutOfTime => Ok(self.queue.send_report(&message.handed_on()).await?),
            Verdict::Written | Verdict::Obsolete | Verdict::InOtherHands => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
