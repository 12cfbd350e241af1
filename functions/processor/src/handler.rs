//! An invocation: up to ten batches, fresh ones together, redelivered ones each for itself.
//!
//! Batches that come for the first time share what costs: one ranged GET where they lie side by side, one object of
//! outcomes, one transaction. A batch that comes again may be the one that killed its last worker, and so is claimed,
//! processed and counted alone, those that lost the most workers last: a poison batch cannot take its siblings along.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use filas_domain::batch::Batch;
use filas_domain::clock::Timestamp;
use filas_domain::completion;
use filas_domain::delivery::{Delivery, Redeliver};
use filas_domain::message::BatchMessage;
use filas_domain::metrics::{Metric, Metrics};
use filas_domain::ports::{BatchLedger, BatchQueue, Clock, Deliveries, ObjectReader, ObjectWriter, PortError};
use filas_domain::task::{Task, TaskState};
use filas_domain::trace::TraceParent;
use filas_domain::usage::Meter;
use filas_domain::{TaskId, error_chain};
use tracing::{Instrument as _, error, info, info_span, warn};

use crate::group::Held;
use crate::pipelines::Pipelines;

/// Kept back from the time limit for storing and counting what was done.
pub const TIME_TO_SETTLE: Duration = Duration::from_millis(1500);

/// How much longer than the worker its lease lives: clocks of two workers may differ by so much.
pub const CLOCK_SKEW: Duration = Duration::from_millis(1000);

/// What an invocation may use.
pub struct Invocation {
    /// Who processes: the log stream of the instance.
    pub worker: String,
    /// When Lambda ends it.
    pub deadline: Timestamp,
    /// Whether the rows of a batch were begun: those of the first have the whole time, those behind it what it left.
    begun: AtomicBool,
}

impl Invocation {
    /// An invocation of `worker` that Lambda ends at `deadline`.
    pub fn new(worker: &str, deadline: Timestamp) -> Self {
        let begun = AtomicBool::new(false);
        Self { worker: worker.to_owned(), deadline, begun }
    }

    /// Whether nobody asked this before: the caller's batch has the whole time.
    pub fn take_whole_time(&self) -> bool {
        !self.begun.swap(true, Ordering::Relaxed)
    }

    /// The invocation that Lambda describes by `context`.
    pub fn of(context: &lambda_runtime::Context) -> Self {
        let deadline = Timestamp::from_millis(context.deadline);
        Self::new(&context.env_config.log_stream, deadline)
    }
}

/// The processor and its ports.
pub struct Processor<L, O, Q, D, C> {
    /// Tasks and batches.
    pub ledger: L,
    /// Rows in, outcomes out.
    pub objects: O,
    /// Where the rest of a batch goes when the time is up.
    pub queue: Q,
    /// Where the messages came from.
    pub deliveries: D,
    /// What is done with a row.
    pub pipelines: Pipelines<O>,
    /// The time.
    pub clock: C,
    /// What is observed, to be printed at the end of an invocation.
    pub metrics: Metrics,
    /// What this worker asks of the cloud.
    pub meter: Arc<dyn Meter>,
}

/// A message that was read.
pub struct Item<'a> {
    /// The delivery, which the answer names.
    pub delivery: &'a Delivery,
    /// What it says.
    pub message: BatchMessage,
    /// What caused it.
    pub cause: TraceParent,
}

/// What is to happen with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is dealt with.
    Settled,
    /// Deliver it again, after this long where it is known.
    Again(Option<Duration>),
}

impl Verdict {
    /// Deliver it again, a little later each time.
    pub fn soon(item: &Item<'_>) -> Self {
        Self::Again(Some(item.delivery.backoff()))
    }
}

impl<L, O, Q, D, C> Processor<L, O, Q, D, C>
where
    L: BatchLedger,
    O: ObjectReader + ObjectWriter,
    Q: BatchQueue,
    D: Deliveries,
    C: Clock,
{
    /// Processes the batches of the messages and says which messages are to come again.
    pub async fn run(&self, deliveries: &[Delivery], invocation: &Invocation) -> Redeliver {
        self.meter.begin(true);
        for delivery in deliveries {
            if let Some(sent) = delivery.sent() {
                self.metrics.observe_time(Metric::QueueAge, self.clock.now().since(sent));
            }
        }
        let mut again = Redeliver::default();
        let mut items = Vec::new();
        for delivery in deliveries {
            match BatchMessage::decode(&delivery.body) {
                Ok(message) => {
                    // One that was sent before messages had a cause belongs to the trace of its task.
                    let cause = delivery.trace().unwrap_or_else(|| TraceParent::of_task(message.task));
                    items.push(Item { delivery, message, cause });
                }
                Err(error) => {
                    error!(message_id = delivery.message_id(), error = %error_chain(&error), "a message cannot be read");
                    again.add(delivery);
                }
            }
        }
        // Usually all of one task.
        items.sort_by_key(|item| (item.message.task, item.message.batch));
        for items in items.chunk_by(|one, other| one.message.task == other.message.task) {
            let span = info_span!("task", task = %items[0].message.task, trace_id = items[0].cause.trace_id());
            let verdicts = self.run_task(items, invocation).instrument(span).await;
            for (item, verdict) in items.iter().zip(verdicts) {
                if let Verdict::Again(wait) = verdict {
                    self.postpone(item.delivery, wait).await;
                    again.add(item.delivery);
                }
            }
        }
        info!(messages = deliveries.len(), to_come_again = again.len(), "batches processed");
        again
    }

    /// One verdict for each item, in order.
    async fn run_task(&self, items: &[Item<'_>], invocation: &Invocation) -> Vec<Verdict> {
        let id = items[0].message.task;
        let mut verdicts = match self.try_task(id, items, invocation).await {
            Ok(verdicts) => verdicts,
            Err(error) => {
                error!(error = %error_chain(&error), "the batches of a task cannot be processed");
                items.iter().map(Verdict::soon).collect()
            }
        };
        // Also when no batch closed here: an earlier invocation may have died between closing one and looking.
        if verdicts.contains(&Verdict::Settled) {
            match completion::finish(&self.ledger, &self.clock, id).await {
                Ok(Some(state)) => info!(state = state.as_str(), "the task ended"),
                Ok(None) => {}
                Err(error) => {
                    error!(error = %error_chain(&error), "it cannot be seen whether the task ended");
                    // The last message to come again will look again.
                    verdicts = items.iter().map(Verdict::soon).collect();
                }
            }
        }
        verdicts
    }

    async fn try_task(
        &self,
        id: TaskId,
        items: &[Item<'_>],
        invocation: &Invocation,
    ) -> Result<Vec<Verdict>, PortError> {
        let Some(task) = self.ledger.task(id).await? else {
            warn!(messages = items.len(), "batches of a task that is no longer there are dropped");
            return Ok(vec![Verdict::Settled; items.len()]);
        };
        match task.head.state {
            TaskState::Paused => return Ok(self.park_all(&task, items).await),
            TaskState::Cancelling => return Ok(self.cancel_all(items).await),
            _ => {}
        }
        let order = &task.head.order;
        let pipeline = match self.pipelines.get(&order.owner, &order.pipeline).await {
            Ok(pipeline) => pipeline,
            // Said in the history of each batch: when they die of it, their reason is known.
            Err(error) => return Ok(self.release_all(items, &error, invocation).await),
        };
        let mut verdicts = vec![Verdict::Again(None); items.len()];
        // A pipeline that waits for others is counted batch by batch, so that a worker that dies repeats less.
        let together = |item: &Item| item.delivery.receive_count() == 1 && pipeline.is_pure();
        let (together, alone): (Vec<usize>, Vec<usize>) = (0..items.len()).partition(|index| together(&items[*index]));
        let group: Vec<&Item> = together.iter().map(|index| &items[*index]).collect();
        for (index, verdict) in together.iter().zip(self.run_group(&task, &group, invocation).await) {
            verdicts[*index] = verdict;
        }
        for index in self.least_suspect_first(id, items, alone).await? {
            verdicts[index] = self.run_alone(&task, &items[index], invocation).await;
        }
        if let Some(rule) = pipeline.stop_rule() {
            self.stop_early(id, rule).await;
        }
        Ok(verdicts)
    }

    async fn release_all(&self, items: &[Item<'_>], trouble: &PortError, invocation: &Invocation) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for item in items {
            verdicts.push(match self.claim(item, invocation).await {
                Ok(batch) => self.release(&Held { item, batch }, trouble).await,
                Err(verdict) => verdict,
            });
        }
        verdicts
    }

    async fn run_alone(&self, task: &Task, item: &Item<'_>, invocation: &Invocation) -> Verdict {
        if self.is_time_up(invocation) {
            return self.send_on(task, item).await;
        }
        self.run_group(task, &[item], invocation).await.pop().unwrap_or(Verdict::Again(None))
    }

    /// Those that lost the most workers last.
    async fn least_suspect_first(
        &self,
        id: TaskId,
        items: &[Item<'_>],
        mut indices: Vec<usize>,
    ) -> Result<Vec<usize>, PortError> {
        if indices.iter().any(|index| items[*index].delivery.receive_count() > 1) {
            let numbers: Vec<_> = indices.iter().map(|index| items[*index].message.batch).collect();
            let batches = self.ledger.batches(id, &numbers).await?;
            indices.sort_by_key(|index| {
                let number = items[*index].message.batch;
                batches.iter().find(|batch| batch.number == number).map_or(0, Batch::workers_lost)
            });
        }
        Ok(indices)
    }

    /// Tells of trouble, and has the message come again.
    pub fn trouble(&self, item: &Item<'_>, what: &str, error: &PortError) -> Verdict {
        let delivery = item.delivery.receive_count();
        error!(batch = %item.message.batch, delivery, error = %error_chain(error), "cannot {what} a batch");
        Verdict::soon(item)
    }

    /// Asks for the message to come again after `wait`, or, where that is not known, after its visibility timeout.
    async fn postpone(&self, delivery: &Delivery, wait: Option<Duration>) {
        let Some(wait) = wait else { return };
        if let Err(error) = self.deliveries.postpone(&delivery.receipt_handle, wait).await {
            // It then comes after the visibility timeout: later, but it comes.
            warn!(message_id = delivery.message_id(), error = %error_chain(&error), "a message cannot be postponed");
        }
    }
}

#[cfg(test)]
mod tests;
