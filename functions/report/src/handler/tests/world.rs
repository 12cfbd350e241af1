//! The reporter and everything around it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use filas_domain::TaskId;
use filas_domain::batch::{Batch, BatchChange, Part, Progress};
use filas_domain::clock::Timestamp;
use filas_domain::delivery::Delivery;
use filas_domain::ids::{BatchNumber, RowNumber};
use filas_domain::keys::ObjectKey;
use filas_domain::message::BatchMessage;
use filas_domain::metrics::Metrics;
use filas_domain::outcome::{Counts, Failure, OutcomeLine, RowResult, Stage};
use filas_domain::plan::{BatchIndex, ByteRange, Planner};
use filas_domain::ports::{Clock as _, ObjectWriter, TaskLedger, TaskRegister};
use filas_domain::report::{ReportMessage, ResultFile, SourceColumn, SourceColumns};
use filas_domain::task::{Head, Order, Task};
use filas_pipeline::catalogue;
use filas_testkit::memory::{
    At, Fragile, ManualClock, MemoryLedger, MemoryMeter, MemoryObjects, MemoryQueue, PlannedFate, Strike, WorldClock,
};
use serde_json::{Value, json};

use crate::handler::{Invocation, Reporter};

/// When Lambda ends an invocation, from its start.
pub const TIME_LIMIT: Duration = Duration::from_secs(300);

pub const ROWS_PER_BATCH: u32 = 2;

type AnyReporter =
    Reporter<Fragile<MemoryLedger>, Fragile<MemoryObjects>, Fragile<MemoryQueue>, Fragile<MemoryQueue>, WorldClock>;

pub struct World {
    pub manual: ManualClock,
    pub clock: WorldClock,
    pub fate: PlannedFate,
    pub ledger: MemoryLedger,
    pub objects: MemoryObjects,
    pub queue: MemoryQueue,
    /// Whether a death is planned.
    is_deadly: Cell<bool>,
}

/// A row's end, as a test names it.
pub fn failed(row: u32, code: &str, message: &str) -> OutcomeLine {
    let stage = if code == "RAGGED_ROW" { Stage::Read } else { Stage::Validate };
    let failure = Failure { stage, code: code.into(), message: message.into() };
    OutcomeLine::new(RowNumber::new(row), RowResult::Failed(failure))
}

pub fn succeeded(row: u32) -> OutcomeLine {
    OutcomeLine::new(RowNumber::new(row), RowResult::Succeeded { kept: None })
}

impl World {
    pub fn new() -> Self {
        let manual = ManualClock::new(Timestamp::from_millis(1_700_000_000_000));
        let clock = WorldClock::new(&manual);
        let fate = PlannedFate::new(&clock);
        let queue = MemoryQueue::new("report", &manual, 6 * TIME_LIMIT, 5);
        let (ledger, objects) = (MemoryLedger::new(), MemoryObjects::new());
        Self { manual, clock, fate, ledger, objects, queue, is_deadly: Cell::new(false) }
    }

    /// Plans a strike.
    pub fn strike(&self, at: At, strike: Strike) {
        self.fate.strike(at, strike);
        self.is_deadly.set(self.is_deadly.get() || matches!(strike, Strike::DieBefore | Strike::DieAfter));
    }

    pub fn reporter(&self) -> AnyReporter {
        Reporter {
            ledger: Fragile::new(self.ledger.clone(), self.fate.clone()),
            objects: Fragile::new(self.objects.clone(), self.fate.clone()),
            queue: Fragile::new(self.queue.clone(), self.fate.clone()),
            deliveries: Fragile::new(self.queue.clone(), self.fate.clone()),
            clock: self.clock.clone(),
            metrics: Metrics::new(),
            meter: Arc::new(MemoryMeter::new()),
        }
    }

    /// A task of `orders` read from a file of `format`: one row for each record, or for each bad row a text; from row 2 on.
    pub async fn split(&self, format: &str, columns: &[(&str, Option<&str>)], rows: &[Value]) -> TaskId {
        let now = self.clock.now();
        let order = Order {
            owner: "acme".parse().unwrap(),
            pipeline: catalogue::shipped("orders").unwrap(),
            filename: Some(format!("orders.{format}")),
            media_type: None,
            size: 1,
            sheet: None,
            batch_size: ROWS_PER_BATCH,
        };
        let task = Task::registered(TaskId::new(now, [7; 10]), order, now);
        self.ledger.register(&task, None).await.unwrap();
        let mut planner = Planner::new(ROWS_PER_BATCH, 1 << 22);
        let mut lines = Vec::new();
        for (number, row) in (2..).zip(rows) {
            let line = match row {
                Value::String(text) => json!({"row": number, "error": {"code": "RAGGED_ROW", "message": text}}),
                record => json!({"row": number, "record": record}),
            };
            let line = format!("{line}\n");
            planner.line(RowNumber::new(number), line.len() as u64);
            lines.extend_from_slice(line.as_bytes());
        }
        let index = planner.finish();
        let named = |(name, format): &(&str, Option<&str>)| SourceColumn {
            name: (*name).to_owned(),
            format: format.map(str::to_owned),
        };
        let columns = serde_json::to_vec(&SourceColumns { columns: columns.iter().map(named).collect() }).unwrap();
        self.put(&ObjectKey::columns(task.id), columns).await;
        self.put(&ObjectKey::rows(task.id), lines).await;
        self.put(&ObjectKey::index(task.id), index.to_json()).await;
        let batches = u32::try_from(index.batches.len()).unwrap();
        self.head(task.id, |task| task.split_done(index.rows(), batches, format, now)).await;
        self.head(task.id, |task| task.fanned_out(now)).await;
        task.id
    }

    async fn put(&self, key: &ObjectKey, bytes: Vec<u8>) {
        self.objects.put(key, "application/json", bytes).await.unwrap();
    }

    pub async fn task(&self, id: TaskId) -> Task {
        self.ledger.task(id).await.unwrap().unwrap()
    }

    pub async fn head(&self, id: TaskId, head: impl FnOnce(&Task) -> Head) {
        let task = self.task(id).await;
        self.ledger.write_head(&task, &head(&task)).await.unwrap();
    }

    pub async fn change(&self, id: TaskId, number: u32, change: impl FnOnce(&Batch) -> Batch) {
        let number = BatchNumber::new(number);
        let index = BatchIndex::parse(&self.objects.bytes(&ObjectKey::index(id)).unwrap()).unwrap();
        let message = BatchMessage { task: id, batch: number, plan: index.batches[number.get() as usize] };
        let stored = filas_domain::ports::BatchLedger::batches(&self.ledger, id, &[number]).await.unwrap().pop();
        let before = stored.unwrap_or_else(|| Batch::unclaimed(&message));
        let change = BatchChange { after: change(&before), before };
        filas_domain::ports::BatchLedger::write_batches(&self.ledger, &[change]).await.unwrap();
    }

    /// Claims a batch and records the outcomes of its next rows.
    pub async fn record(&self, id: TaskId, number: u32, outcomes: &[OutcomeLine]) {
        let now = self.clock.now();
        let mut epoch = 0;
        self.change(id, number, |batch| {
            let claimed = batch.claimed("worker", &format!("{now:?}"), now, now.plus(Duration::from_secs(60))).unwrap();
            epoch = claimed.epoch();
            claimed
        })
        .await;
        let key = ObjectKey::part(id, BatchNumber::new(number), epoch);
        let (mut lines, mut counts) = (Vec::new(), Counts::default());
        for outcome in outcomes {
            outcome.write_to(&mut lines);
            counts.count(outcome);
        }
        let rows = u32::try_from(outcomes.len()).unwrap();
        let bytes = ByteRange { start: 0, end: lines.len() as u64 };
        self.put(&key, lines).await;
        let index = BatchIndex::parse(&self.objects.bytes(&ObjectKey::index(id)).unwrap()).unwrap();
        let plan = index.batches[number as usize];
        let source = self.objects.bytes(&ObjectKey::rows(id)).unwrap();
        let source = &source[plan.bytes.start as usize..plan.bytes.end as usize];
        let taken: usize = source.split_inclusive(|byte| *byte == b'\n').take(outcomes.len()).map(<[u8]>::len).sum();
        let part = Some(Part { key, bytes, rows, is_overlay: false });
        let progress = Progress { rows, bytes: taken as u64, counts, part, ..Progress::default() };
        self.change(id, number, |batch| batch.recorded(&progress, now)).await;
    }

    /// Records these outcomes, in order from row 2 on, and ends the task.
    pub async fn end(&self, id: TaskId, outcomes: &[OutcomeLine]) {
        for (number, outcomes) in (0..).zip(outcomes.chunks(ROWS_PER_BATCH as usize)) {
            self.record(id, number, outcomes).await;
        }
        self.finish(id).await;
    }

    pub async fn finish(&self, id: TaskId) {
        self.manual.advance(Duration::from_secs(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        let now = self.clock.now();
        self.head(id, |task| task.finished(now).unwrap()).await;
    }

    /// Asks for the files of a task as it ended last.
    pub async fn ask(&self, id: TaskId) {
        let finished = self.task(id).await.head.finished.unwrap();
        self.queue.send_body(ReportMessage { task: id, finished, continued: 0 }.encode());
    }

    /// Delivers what is visible, once; the invocation dies when one of its calls does. The messages that are left.
    pub async fn invoke(&self) -> usize {
        self.invoke_with(TIME_LIMIT).await
    }

    pub async fn invoke_with(&self, limit: Duration) -> usize {
        let received = self.queue.receive(1);
        let deliveries: Vec<Delivery> = received
            .iter()
            .map(|from| Delivery::new(&from.message_id, &from.receipt_handle, &from.body, from.receive_count))
            .collect();
        let reporter = self.reporter();
        let invocation = Invocation { deadline: self.clock.now().plus(limit) };
        // A call that dies never answers, and paused time stands still while the thread that writes the workbook waits.
        let died = async {
            if !self.is_deadly.get() {
                // Time goes on only while nobody has anything to do.
                std::future::pending::<()>().await;
            }
            while !self.fate.is_done() {
                tokio::task::yield_now().await;
            }
        };
        let ran = tokio::select! {
            biased;
            again = reporter.run(&deliveries, &invocation) => Some(again),
            () = died => None,
        };
        self.is_deadly.set(self.is_deadly.get() && ran.is_some());
        if let Some(again) = ran {
            let again = serde_json::to_string(&again).unwrap();
            for delivery in &received {
                if !again.contains(&format!("\"{}\"", delivery.message_id)) {
                    self.queue.delete(&delivery.receipt_handle);
                }
            }
        }
        self.queue.bodies().len()
    }

    /// Invokes until no message is left.
    pub async fn invoke_until_settled(&self) {
        for _ in 0..100 {
            if self.invoke().await == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
            self.clock.now();
        }
        panic!("messages stay for ever: {:?}", self.queue.bodies());
    }

    /// Asks for the files and has them written.
    pub async fn report(&self, id: TaskId) {
        self.ask(id).await;
        assert_eq!(self.invoke().await, 0, "the message is settled");
    }

    pub async fn key(&self, id: TaskId, file: ResultFile) -> ObjectKey {
        ObjectKey::result(id, self.task(id).await.head.finished.unwrap(), file)
    }

    /// The bytes of a file, if it is there.
    pub async fn bytes(&self, id: TaskId, file: ResultFile) -> Option<Vec<u8>> {
        self.objects.bytes(&self.key(id, file).await)
    }

    /// A file as text.
    pub async fn text(&self, id: TaskId, file: ResultFile) -> String {
        String::from_utf8(self.bytes(id, file).await.unwrap()).unwrap()
    }

    /// Every outcome, as `2 succeeded` or `3 INVALID_ROW`.
    pub async fn outcomes(&self, id: TaskId, file: ResultFile) -> Vec<String> {
        let text = self.text(id, file).await;
        let shown = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            format!("{} {}", line["row"], line["code"].as_str().or(line["outcome"].as_str()).unwrap())
        });
        shown.collect()
    }

    /// Everything that a report leaves behind but the claim, which tells of the time.
    pub fn left_behind(&self) -> BTreeMap<String, Vec<u8>> {
        let keys = self.objects.keys().into_iter().filter(|key| {
            let key = key.as_str();
            key.starts_with("results/") && !key.contains("/parts/") && !key.ends_with("claim.json")
        });
        keys.map(|key| (key.to_string(), self.objects.bytes(&key).unwrap())).collect()
    }
}
