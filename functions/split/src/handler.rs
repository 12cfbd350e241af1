//! An invocation: which files to read, and what becomes of each.
//!
//! It may die between any two lines. The rows and the index are stored first, then the task says that it is split, then
//! the messages go out, and last the task says that they did: whoever comes next goes on where this one ended.

use std::sync::Arc;
use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::delivery::{Delivery, Redeliver, UploadEvent};
use filas_domain::ports::{
    BatchLedger, BatchQueue, Clock, Deliveries, ObjectReader, ObjectWriter, PortError, WriteError,
};
use filas_domain::task::{Head, SplitDecision, Task};
use filas_domain::usage::{Meter, Usage};
use filas_domain::{TaskId, error_chain, fan_out};
use tracing::{Instrument as _, error, info, info_span, warn};

use crate::reading::{self, Read};

/// Kept back from the time limit for storing the index and sending the messages.
const TIME_TO_SETTLE: Duration = Duration::from_secs(5);

/// How much longer than the reader its lease lives: clocks of two readers may differ by so much.
const CLOCK_SKEW: Duration = Duration::from_millis(1000);

/// Messages in one request to SQS.
const MESSAGES_AT_ONCE: u64 = 10;

/// Write request units of a task's item, which has between 1 and 2 KiB.
const UNITS_OF_A_TASK: u64 = 2;

/// What an invocation may use.
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

/// The splitter and its ports.
pub struct Splitter<L, O, Q, D, C> {
    /// Tasks and batches.
    pub ledger: L,
    /// The file in, rows and index out.
    pub objects: O,
    /// Where the batches go.
    pub queue: Q,
    /// Where the events came from.
    pub deliveries: D,
    /// The time.
    pub clock: C,
    /// What this worker asks of the cloud.
    pub meter: Arc<dyn Meter>,
}

/// What is to happen with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is dealt with.
    Settled,
    /// Somebody else has the file until then.
    Wait(Timestamp),
}

impl<L, O, Q, D, C> Splitter<L, O, Q, D, C>
where
    L: BatchLedger,
    O: ObjectReader + ObjectWriter,
    Q: BatchQueue,
    D: Deliveries,
    C: Clock,
{
    /// Splits the files of the events and says which events are to come again.
    pub async fn run(&self, deliveries: &[Delivery], invocation: &Invocation) -> Redeliver {
        self.meter.begin(true);
        let mut again = Redeliver::default();
        for delivery in deliveries {
            let span = info_span!("event", message_id = delivery.message_id(), delivery = delivery.receive_count());
            let wait = match self.take(delivery, invocation).instrument(span).await {
                Ok(Verdict::Settled) => continue,
                Ok(Verdict::Wait(until)) => until.since(self.clock.now()),
                Err(error) => {
                    error!(message_id = delivery.message_id(), error = %error_chain(&*error), "an upload is not split");
                    delivery.backoff()
                }
            };
            again.add(delivery);
            if let Err(error) = self.deliveries.postpone(&delivery.receipt_handle, wait).await {
                // It then comes after the visibility timeout: later, but it comes.
                warn!(message_id = delivery.message_id(), error = %error_chain(&error), "an event is not postponed");
            }
        }
        info!(events = deliveries.len(), to_come_again = again.len(), "events taken");
        again
    }

    async fn take(
        &self,
        delivery: &Delivery,
        invocation: &Invocation,
    ) -> Result<Verdict, Box<dyn std::error::Error + Send + Sync>> {
        let tasks = match UploadEvent::decode(&delivery.body)? {
            UploadEvent::Arrived(tasks) => tasks,
            UploadEvent::Test => Vec::new(),
        };
        for id in tasks {
            if let wait @ Verdict::Wait(_) =
                self.split(id, invocation).instrument(info_span!("task", task = %id)).await?
            {
                return Ok(wait);
            }
        }
        Ok(Verdict::Settled)
    }

    async fn split(&self, id: TaskId, invocation: &Invocation) -> Result<Verdict, PortError> {
        loop {
            let Some(task) = self.ledger.task(id).await? else {
                warn!("the upload of a task that is no longer there is left alone");
                return Ok(Verdict::Settled);
            };
            let now = self.clock.now();
            let lease = invocation.deadline.plus(CLOCK_SKEW).since(now);
            match task.decide_split(now, lease) {
                SplitDecision::Nothing => return Ok(Verdict::Settled),
                SplitDecision::Wait(until) => return Ok(Verdict::Wait(until)),
                SplitDecision::SendAgain => {
                    fan_out::send_open(&self.ledger, &self.objects, &self.queue, &self.clock, id).await?;
                    return Ok(Verdict::Settled);
                }
                SplitDecision::GiveUp(head) => {
                    if self.write(&task, *head).await?.is_some() {
                        warn!("the file ended its readers and is given up");
                        return Ok(Verdict::Settled);
                    }
                }
                SplitDecision::Read(head) => {
                    if let Some(task) = self.write(&task, *head).await? {
                        let read = self.read(&task, invocation).await;
                        if read.is_err() {
                            self.give_back(&task).await;
                        }
                        return read;
                    }
                }
            }
        }
    }

    /// The task with `head` written, or `None` when somebody else wrote first.
    async fn write(&self, task: &Task, head: Head) -> Result<Option<Task>, PortError> {
        match self.ledger.write_head(task, &head).await {
            Ok(()) => Ok(Some(Task { version: task.version + 1, head, ..task.clone() })),
            Err(WriteError::Stale) => Ok(None),
            Err(WriteError::Port(error)) => Err(error),
        }
    }

    /// Gives the file back at once, without counting a crash. If that fails, the lease runs out; and if the reading got
    /// further than its error tells, the version has moved on and nothing is written.
    async fn give_back(&self, task: &Task) {
        if let Err(error) = self.write(task, task.split_released(self.clock.now())).await {
            warn!(error = %error_chain(&error), "the file cannot be given back");
        }
    }

    /// What was asked of the cloud, with what is about to be: two writes of the task and the messages, ten at a time.
    fn used_until_sent(&self, batches: u32) -> Usage {
        let sqs_requests = u64::from(batches).div_ceil(MESSAGES_AT_ONCE);
        self.meter.take(Usage { sqs_requests, table_writes: 2 * UNITS_OF_A_TASK, ..Usage::default() })
    }

    async fn read(&self, task: &Task, invocation: &Invocation) -> Result<Verdict, PortError> {
        let time = invocation.deadline.since(self.clock.now()).saturating_sub(TIME_TO_SETTLE);
        let read = reading::read(&self.objects, task.id, &task.head.order, time).await?;
        let now = self.clock.now();
        match read {
            Read::Refused(reason) => {
                info!(code = reason.code, "the file is refused");
                self.write(task, task.failed(reason, now)).await?;
            }
            Read::Rows { index, format, cause } => {
                let cause = cause.unwrap_or_else(|| task.trace());
                let trace = cause.child(&format!("split {}", task.head.split.epoch));
                let batches = u32::try_from(index.batches.len()).unwrap_or(u32::MAX);
                let mut head = task.split_done(index.rows(), batches, &format.to_string(), now);
                head.split.usage = head.split.usage.plus(&self.used_until_sent(batches));
                // What is sent from now on was caused by this reading, whoever sends it.
                head.trace = Some(trace);
                if let Some(task) = self.write(task, head).await? {
                    let (trace_id, span_id, parent_id) = (trace.trace_id(), trace.span_id(), cause.span_id());
                    let (attempt, rows) = (task.head.split.epoch, index.rows());
                    info!(trace_id, span_id, parent_id, attempt, rows, batches, "the file is split");
                    fan_out::send_all(&self.ledger, &self.queue, &self.clock, task, &index).await?;
                }
            }
        }
        Ok(Verdict::Settled)
    }
}

#[cfg(test)]
mod tests;
