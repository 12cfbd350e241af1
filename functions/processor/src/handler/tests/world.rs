//! A processor and everything around it, in memory and in tokio's paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use filas_domain::batch::{Batch, BatchState};
use filas_domain::delivery::Delivery;
use filas_domain::ids::{PipelineRef, RowNumber, TaskId};
use filas_domain::keys::ObjectKey;
use filas_domain::message::BatchMessage;
use filas_domain::metrics::Metrics;
use filas_domain::outcome::{Counts, OutcomeLine};
use filas_domain::permits::{Bucket, Destination, Micros, Permits as _};
use filas_domain::plan::Planner;
use filas_domain::ports::{BatchQueue, Clock, ObjectWriter, TaskLedger, TaskRegister};
use filas_domain::task::{Order, Tally, Task};
use filas_pipeline::{Ports, Services, Variables, catalogue};
use filas_testkit::memory::{
    self, ManualClock, MemoryLedger, MemoryMeter, MemoryObjects, MemoryPermits, MemoryQueue, MemoryRecords,
    MemoryRowQueue, MemorySecrets,
};
use serde_json::{Value, json};

use super::fragile::{Fate, Fragile, WorldClock};
use crate::handler::{Invocation, Processor};
use crate::pipelines::Pipelines;

/// When Lambda ends a worker, from its start.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);
/// When a message comes again that nobody has deleted or postponed.
pub const VISIBILITY: Duration = Duration::from_secs(180);
/// Deliveries before a message is a dead letter.
pub const DELIVERIES: u32 = 5;
/// The version of a task's head that is split and waits for its batches to close.
pub const VERSION_WHEN_SPLIT: u64 = 3;

/// A pipeline that never waits: the batches of an invocation are processed together.
const PURE: &str = "
name: pure
validate: { type: object, required: [id], properties: { quantity: { type: integer, minimum: 1 } } }
deliver: none
";

/// Nobody listens there; nobody is to ask either.
const RATED: &str = "
name: rated
deliver: { http: { put: 'https://partner.example/rows/{row.id}', rate: 10/m } }
";

type AnyProcessor =
    Processor<Fragile<MemoryLedger>, Fragile<MemoryObjects>, Fragile<MemoryQueue>, Fragile<MemoryQueue>, WorldClock>;

/// A processor and everything around it.
pub struct World {
    pub clock: WorldClock,
    pub ledger: MemoryLedger,
    pub objects: MemoryObjects,
    pub queue: MemoryQueue,
    pub permits: MemoryPermits,
    pub fate: Fate,
    tasks: AtomicU8,
}

/// What became of the messages of an invocation: how many are deleted, and how many come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    pub gone: usize,
    pub again: usize,
}

pub const fn settled(gone: usize, again: usize) -> Settled {
    Settled { gone, again }
}

impl World {
    pub fn new() -> Self {
        Self::with_deliveries(DELIVERIES)
    }

    /// A world in which a message is delivered so often before it is a dead letter.
    pub fn with_deliveries(deliveries: u32) -> Self {
        let manual = ManualClock::default();
        let clock = WorldClock::new(&manual);
        Self {
            ledger: MemoryLedger::new(),
            objects: MemoryObjects::new(),
            queue: MemoryQueue::new("batch", &manual, VISIBILITY, deliveries),
            permits: MemoryPermits::new(),
            fate: Fate::new(&clock),
            tasks: AtomicU8::new(1),
            clock,
        }
    }

    /// A task of rows with these quantities under the pure pipeline; those under 1 are `INVALID_ROW`.
    pub async fn pure_task(&self, rows_per_batch: u32, quantities: &[i64]) -> TaskId {
        let pipeline = PipelineRef { name: "pure".into(), version: "1".into() };
        let key = ObjectKey::pipeline(&"acme".parse().unwrap(), &pipeline);
        self.objects.put(&key, "application/yaml", PURE.into()).await.unwrap();
        let records = quantities.iter().map(|quantity| json!({"id": "A", "quantity": quantity}));
        self.task(pipeline, rows_per_batch, records.collect()).await
    }

    /// A task of rows that take so many seconds each; 16 of a batch run at once, and a batch runs alone.
    pub async fn slow_task(&self, rows_per_batch: u32, seconds: &[u64]) -> TaskId {
        let pipeline = catalogue::shipped("simulate").unwrap();
        let records = seconds.iter().map(|seconds| json!({"id": "A", "cost": seconds * 1000}));
        self.task(pipeline, rows_per_batch, records.collect()).await
    }

    /// A task of rows for a partner that takes ten a minute.
    pub async fn rated_task(&self, rows: usize) -> TaskId {
        let pipeline = PipelineRef { name: "rated".into(), version: "1".into() };
        let key = ObjectKey::pipeline(&"acme".parse().unwrap(), &pipeline);
        self.objects.put(&key, "application/yaml", RATED.into()).await.unwrap();
        self.task(pipeline, rows as u32, vec![json!({"id": "A"}); rows]).await
    }

    /// Others have every turn at the partner of [`rated_task`](Self::rated_task) for so long.
    pub async fn others_have_all_turns(&self, time: Duration) {
        let of = Destination::new("acme", "rated", "deliver.http");
        let taken = Bucket { next_free: Micros::from(self.clock.now()).plus(time), ..Bucket::default() };
        self.permits.replace(&of, None, taken).await.unwrap();
    }

    /// A task as split leaves it: rows stored, head written, messages sent.
    async fn task(&self, pipeline: PipelineRef, rows_per_batch: u32, records: Vec<Value>) -> TaskId {
        let now = self.clock.now();
        let id = TaskId::new(now, [self.tasks.fetch_add(1, Ordering::Relaxed); 10]);
        let mut planner = Planner::new(rows_per_batch, 1 << 20);
        let mut lines = String::new();
        for (row, record) in (2..).zip(records) {
            let line = json!({"row": row, "record": record}).to_string() + "\n";
            planner.line(RowNumber::new(row), line.len() as u64);
            lines.push_str(&line);
        }
        let index = planner.finish();
        self.objects.put(&ObjectKey::rows(id), "application/x-ndjson", lines.into()).await.unwrap();
        self.objects.put(&ObjectKey::index(id), "application/json", index.to_json()).await.unwrap();
        let order = Order {
            owner: "acme".parse().unwrap(),
            pipeline,
            filename: None,
            media_type: None,
            size: 1,
            sheet: None,
            batch_size: rows_per_batch,
        };
        let task = Task::registered(id, order, now);
        self.ledger.register(&task, None).await.unwrap();
        let head = task.split_done(index.rows(), index.batches.len() as u32, "csv", now);
        self.ledger.write_head(&task, &head).await.unwrap();
        let task = self.stored(id).await;
        self.ledger.write_head(&task, &task.fanned_out(now)).await.unwrap();
        let messages: Vec<_> =
            index.numbered().map(|(batch, plan)| BatchMessage { task: id, batch, plan: *plan }).collect();
        self.queue.send(&task.head.order.owner, task.trace(), &messages).await.unwrap();
        assert_eq!(self.stored(id).await.version, VERSION_WHEN_SPLIT);
        id
    }

    /// The task as it is now.
    pub async fn stored(&self, id: TaskId) -> Task {
        self.ledger.task(id).await.unwrap().unwrap()
    }

    /// One of the task's batches as it is now.
    pub fn batch(&self, id: TaskId, number: u32) -> Batch {
        self.ledger.all_batches(id).into_iter().find(|batch| batch.number.get() == number).unwrap()
    }

    /// How the attempts of a batch ended, oldest first; `None` for one that is under way.
    pub fn attempts(&self, id: TaskId, number: u32) -> Vec<Option<filas_domain::batch::AttemptResult>> {
        self.batch(id, number).attempts.iter().map(|attempt| attempt.result).collect()
    }

    /// The objects of outcomes.
    pub fn parts(&self) -> Vec<ObjectKey> {
        self.objects.keys().into_iter().filter(|key| key.as_str().starts_with("results/")).collect()
    }

    /// Delivers what is visible to a worker.
    pub async fn invoke(&self) -> Settled {
        self.invoke_as("worker").await
    }

    /// Delivers what is visible to this worker, and deletes what it does not ask for again. A worker that dies deletes
    /// nothing.
    pub async fn invoke_as(&self, worker: &str) -> Settled {
        let now = self.clock.now();
        let received = self.queue.receive(10);
        let deliveries: Vec<Delivery> = received.iter().map(as_lambda_delivers).collect();
        let invocation = Invocation::new(worker, now.plus(TIME_LIMIT));
        let processor = self.processor();
        // No worker that lives takes so long.
        let Ok(again) = tokio::time::timeout(Duration::from_secs(150), processor.run(&deliveries, &invocation)).await
        else {
            return settled(0, received.len());
        };
        let answer = serde_json::to_value(&again).unwrap();
        let is_named = |delivery: &&memory::Delivery| {
            answer["batchItemFailures"].as_array().unwrap().contains(&json!({"itemIdentifier": delivery.message_id}))
        };
        let (again, gone): (Vec<_>, Vec<_>) = received.iter().partition(is_named);
        gone.iter().for_each(|delivery| self.queue.delete(&delivery.receipt_handle));
        settled(gone.len(), again.len())
    }

    /// Delivers until no message is left.
    ///
    /// # Panics
    /// When a message is still there after an hour, or a dead letter.
    pub async fn invoke_until_settled(&self) {
        let begun = self.clock.now();
        while !self.queue.bodies().is_empty() {
            assert!(self.clock.now().since(begun) < Duration::from_secs(3600), "messages stay for ever");
            if self.invoke().await == settled(0, 0) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        assert_eq!(self.queue.dead(), [""; 0], "dead letters");
    }

    /// Delivers the message of every batch once more, whatever became of the first.
    pub async fn send_again(&self, id: TaskId) {
        let task = self.stored(id).await;
        for batch in self.ledger.all_batches(id) {
            let message = BatchMessage { task: id, batch: batch.number, plan: batch.plan };
            self.queue.send(&task.head.order.owner, task.trace(), &[message]).await.unwrap();
        }
    }

    /// The outcomes of the task's rows in order, as `2 succeeded` or `3 INVALID_ROW`.
    ///
    /// # Panics
    /// When the books do not balance: outcomes to batches, and batches to the task.
    pub async fn outcomes(&self, id: TaskId) -> Vec<String> {
        let mut sum = Tally::default();
        let mut shown = Vec::new();
        for batch in self.ledger.all_batches(id) {
            let lines = self.lines(&batch);
            let mut counts = Counts::default();
            lines.iter().for_each(|line| counts.count(line));
            assert_eq!(counts, batch.counts, "the outcomes of batch {} are what it counts", batch.number);
            assert_eq!(lines.len(), batch.processed as usize);
            let rows: Vec<u32> = lines.iter().map(row).collect();
            let first = batch.plan.first_row.get();
            assert_eq!(rows, (first..first + batch.processed).collect::<Vec<_>>(), "each row once, in order");
            sum.counts.add(&batch.counts);
            sum.done += u32::from(batch.state == BatchState::Done);
            sum.attempts += u64::from(batch.attempts_counted);
            sum.usage = sum.usage.plus(&batch.usage);
            shown.extend(lines.iter().map(show));
        }
        assert_eq!(self.stored(id).await.tally, sum, "the task counts what its batches count");
        shown
    }

    fn lines(&self, batch: &Batch) -> Vec<OutcomeLine> {
        let mut lines = Vec::new();
        for part in &batch.parts {
            let object = self.objects.bytes(&part.key).unwrap();
            let bytes = &object[part.bytes.start as usize..part.bytes.end as usize];
            let before = lines.len();
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                lines.push(serde_json::from_slice(line).unwrap());
            }
            assert_eq!(lines.len() - before, part.rows as usize);
        }
        lines
    }

    fn processor(&self) -> AnyProcessor {
        let objects = Fragile::new(self.objects.clone(), self.fate.clone());
        let queue = Fragile::new(self.queue.clone(), self.fate.clone());
        let services = Services::of_worker(Ports {
            records: MemoryRecords::new(),
            permits: self.permits.clone(),
            secrets: MemorySecrets::new(),
            queue: MemoryRowQueue::new(),
            clock: self.clock.clone(),
        });
        Processor {
            ledger: Fragile::new(self.ledger.clone(), self.fate.clone()),
            pipelines: Pipelines::new(objects.clone(), Variables::new(), services),
            objects,
            deliveries: queue.clone(),
            queue,
            clock: self.clock.clone(),
            metrics: Metrics::new(),
            meter: Arc::new(MemoryMeter::new()),
        }
    }
}

fn as_lambda_delivers(received: &memory::Delivery) -> Delivery {
    let delivery =
        Delivery::new(&received.message_id, &received.receipt_handle, &received.body, received.receive_count);
    received.trace.into_iter().fold(delivery, Delivery::with_trace)
}

fn row(line: &OutcomeLine) -> u32 {
    match line {
        OutcomeLine::Succeeded { row, .. } | OutcomeLine::Failed { row, .. } | OutcomeLine::Unprocessed { row, .. } => {
            row.get()
        }
    }
}

fn show(line: &OutcomeLine) -> String {
    match line {
        OutcomeLine::Succeeded { row, .. } => format!("{row} succeeded"),
        OutcomeLine::Failed { row, failure } => format!("{row} {}", failure.code),
        OutcomeLine::Unprocessed { row, code, .. } => format!("{row} unprocessed {code}"),
    }
}
