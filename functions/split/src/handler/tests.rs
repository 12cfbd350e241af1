use std::sync::{Arc, Mutex};

use filas_domain::batch::{Batch, BatchChange, Progress};
use filas_domain::ids::BatchNumber;
use filas_domain::keys::ObjectKey;
use filas_domain::message::BatchMessage;
use filas_domain::outcome::Counts;
use filas_domain::plan::BatchIndex;
use filas_domain::ports::{TaskLedger, TaskRegister};
use filas_domain::task::{Order, TaskState};
use filas_domain::trace::TraceParent;
use filas_pipeline::catalogue;
use filas_testkit::memory::{self, ManualClock, MemoryLedger, MemoryMeter, MemoryObjects, MemoryQueue};
use serde_json::{Value, json};

use super::*;

const TIME_LIMIT: Duration = Duration::from_secs(300);
const DELIVERIES: u32 = 5;
const CSV: &[u8] = b"order_id,quantity\nA-1,3\nA-2,\nA-3\nA-4,5\nA-5,6\n";

/// What a write of the head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// A reader takes the file.
    Taken,
    /// It gives the file back.
    GivenBack,
    /// The file is read.
    Read,
    /// Every batch is sent.
    Sent,
}

/// A ledger in which the writes fail that are planned to, each once and before it has an effect.
#[derive(Clone)]
struct PlannedLedger {
    ledger: MemoryLedger,
    fails: Arc<Mutex<Vec<Says>>>,
}

impl TaskLedger for PlannedLedger {
    async fn task(&self, id: TaskId) -> Result<Option<Task>, PortError> {
        self.ledger.task(id).await
    }

    async fn write_head(&self, read: &Task, head: &Head) -> Result<(), WriteError> {
        let says = match head.state {
            TaskState::Splitting if head.split.epoch > read.head.split.epoch => Says::Taken,
            TaskState::Splitting => Says::GivenBack,
            _ if head.split.fanned_out => Says::Sent,
            _ => Says::Read,
        };
        let planned = {
            let mut fails = self.fails.lock().unwrap();
            fails.iter().position(|planned| *planned == says).map(|index| fails.remove(index))
        };
        match planned {
            Some(_) => Err(PortError::transient("write_head", "as planned").into()),
            None => self.ledger.write_head(read, head).await,
        }
    }
}

impl BatchLedger for PlannedLedger {
    async fn batches(&self, task: TaskId, numbers: &[BatchNumber]) -> Result<Vec<Batch>, PortError> {
        self.ledger.batches(task, numbers).await
    }

    async fn write_batches(&self, changes: &[BatchChange]) -> Result<(), WriteError> {
        self.ledger.write_batches(changes).await
    }

    async fn write_task_and_batches(
        &self,
        read: &Task,
        head: &Head,
        changes: &[BatchChange],
    ) -> Result<(), WriteError> {
        self.ledger.write_task_and_batches(read, head, changes).await
    }
}

/// A splitter and everything around it.
struct World {
    clock: ManualClock,
    ledger: PlannedLedger,
    objects: MemoryObjects,
    batches: MemoryQueue,
    ingest: MemoryQueue,
    id: TaskId,
}

impl World {
    /// A task in batches of two rows, whose file has arrived and of which one event is on its way.
    async fn new(filename: &str, file: &[u8]) -> Self {
        let clock = ManualClock::default();
        let world = Self {
            ledger: PlannedLedger { ledger: MemoryLedger::new(), fails: Arc::default() },
            objects: MemoryObjects::new(),
            batches: MemoryQueue::new("batch", &clock, Duration::from_secs(360), DELIVERIES),
            ingest: MemoryQueue::new("ingest", &clock, Duration::from_secs(1800), DELIVERIES),
            // The reader keeps its file under the task's id, and the tests of one process run side by side.
            id: TaskId::new(clock.now(), unique()),
            clock,
        };
        let order = Order {
            owner: "acme".parse().unwrap(),
            pipeline: catalogue::shipped("orders").unwrap(),
            filename: Some(filename.to_owned()),
            media_type: None,
            size: file.len() as u64,
            sheet: None,
            batch_size: 2,
        };
        let task = Task::registered(world.id, order, world.clock.now());
        world.ledger.ledger.register(&task, None).await.unwrap();
        world.objects.put(&ObjectKey::upload(world.id), "text/csv", file.to_vec()).await.unwrap();
        world.event();
        world
    }

    /// Sends an event for the file.
    fn event(&self) {
        self.ingest.send_body(event_for(ObjectKey::upload(self.id).as_str()));
    }

    /// Delivers what is visible; says how many messages are gone and how many come again.
    async fn invoke(&self) -> (usize, usize) {
        let received = self.ingest.receive(10);
        let as_lambda_delivers = |from: &memory::Delivery| {
            Delivery::new(&from.message_id, &from.receipt_handle, &from.body, from.receive_count)
        };
        let deliveries: Vec<Delivery> = received.iter().map(as_lambda_delivers).collect();
        let splitter = Splitter {
            ledger: self.ledger.clone(),
            objects: self.objects.clone(),
            queue: self.batches.clone(),
            deliveries: self.ingest.clone(),
            clock: self.clock.clone(),
            meter: Arc::new(MemoryMeter::new()),
        };
        let invocation = Invocation { deadline: self.clock.now().plus(TIME_LIMIT) };
        let again = serde_json::to_value(splitter.run(&deliveries, &invocation).await).unwrap();
        let again = again["batchItemFailures"].as_array().unwrap();
        let is_gone = |delivery: &&memory::Delivery| !again.contains(&json!({"itemIdentifier": delivery.message_id}));
        received.iter().filter(is_gone).for_each(|delivery| self.ingest.delete(&delivery.receipt_handle));
        (received.len() - again.len(), again.len())
    }

    /// Delivers until no event is left.
    async fn invoke_until_settled(&self) {
        for _ in 0..4000 {
            if self.ingest.bodies().is_empty() {
                break;
            }
            self.invoke().await;
            self.clock.advance(Duration::from_secs(1));
        }
        assert_eq!((self.ingest.bodies().len(), self.ingest.dead().len()), (0, 0), "events are left");
    }

    async fn task(&self) -> Task {
        self.ledger.task(self.id).await.unwrap().unwrap()
    }

    async fn code(&self) -> Option<String> {
        self.task().await.head.reason.map(|reason| reason.code)
    }

    /// The numbers of the batches that were sent, in order.
    fn sent(&self) -> Vec<u32> {
        self.batches.bodies().iter().map(|body| BatchMessage::decode(body).unwrap().batch.get()).collect()
    }

    /// Lets a reader take the file and die.
    async fn reader_dies(&self) {
        let task = self.task().await;
        let SplitDecision::Read(head) = task.decide_split(self.clock.now(), TIME_LIMIT + CLOCK_SKEW) else {
            panic!("the file is not to be read")
        };
        self.ledger.write_head(&task, &head).await.unwrap();
    }

    /// The task is split as it should be: three batches of five rows, one of which is bad.
    async fn assert_split(&self) {
        let head = self.task().await.head;
        assert_eq!((head.state, head.total, head.batches), (TaskState::Processing, Some(5), Some(3)));
        assert!(head.split.fanned_out);
        let index = BatchIndex::parse(&self.objects.bytes(&ObjectKey::index(self.id)).unwrap()).unwrap();
        let rows = self.objects.bytes(&ObjectKey::rows(self.id)).unwrap();
        let mut seen = Vec::new();
        for body in self.batches.bodies() {
            let BatchMessage { task, batch, plan } = BatchMessage::decode(&body).unwrap();
            assert_eq!((task, plan), (self.id, index.batches[batch.get() as usize]));
            let lines = &rows[plan.bytes.start as usize..plan.bytes.end as usize];
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                let line: Value = serde_json::from_slice(line).unwrap();
                seen.push((batch.get(), line["row"].as_u64().unwrap(), line["record"]["order_id"].clone()));
            }
        }
        seen.sort_by_key(|(batch, row, _)| (*batch, *row));
        seen.dedup();
        let expected = [
            (0, 2, json!("A-1")),
            (0, 3, json!("A-2")),
            (1, 4, json!(null)),
            (1, 5, json!("A-4")),
            (2, 6, json!("A-5")),
        ];
        assert_eq!(seen, expected);
    }
}

fn unique() -> [u8; 10] {
    static MADE: Mutex<u8> = Mutex::new(0);
    let mut made = MADE.lock().unwrap();
    *made += 1;
    [*made; 10]
}

fn event_for(key: &str) -> String {
    json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key}}}]}).to_string()
}

#[tokio::test]
async fn a_file_becomes_rows_an_index_and_a_message_for_each_batch() {
    let world = World::new("orders.csv", CSV).await;
    assert_eq!(world.invoke().await, (1, 0));
    world.assert_split().await;
    assert_eq!(world.sent(), [0, 1, 2]);
    let head = world.task().await.head;
    assert_eq!(head.split.format.as_deref(), Some("csv"));
    assert_eq!(head.split.epoch, 1);
}

#[tokio::test]
async fn the_messages_were_caused_by_the_reading_and_that_by_what_stored_the_file() {
    // Without a word of its cause, the file belongs to the trace of its task.
    for cause in [None, Some(TraceParent::begun_by("a caller"))] {
        let world = World::new("orders.csv", CSV).await;
        if let Some(cause) = cause {
            let (key, bytes) = (ObjectKey::upload(world.id), CSV.to_vec());
            world.objects.put_traced(&key, "text/csv", cause, bytes).await.unwrap();
        }
        world.invoke().await;
        let reading = cause.unwrap_or_else(|| TraceParent::of_task(world.id)).child("split 1");
        assert_eq!(world.task().await.head.trace, Some(reading));
        let sent = world.batches.receive(10);
        assert_eq!(sent.iter().map(|message| message.trace).collect::<Vec<_>>(), [Some(reading); 3]);
    }
}

#[tokio::test]
async fn two_events_for_a_file_are_one_split() {
    let world = World::new("orders.csv", CSV).await;
    world.event();
    assert_eq!(world.invoke().await, (2, 0));
    let before = world.task().await;
    world.event();
    assert_eq!(world.invoke().await, (1, 0));
    assert_eq!(world.task().await, before);
    assert_eq!(world.sent(), [0, 1, 2]);
}

#[tokio::test]
async fn an_event_for_a_file_that_is_being_read_comes_again_when_the_lease_is_over() {
    let world = World::new("orders.csv", CSV).await;
    world.reader_dies().await;
    let before = world.task().await;
    assert_eq!(world.invoke().await, (0, 1));
    assert_eq!(world.task().await, before);
    world.clock.advance(TIME_LIMIT);
    assert_eq!(world.invoke().await, (0, 0), "not yet");
    world.clock.advance(CLOCK_SKEW);
    assert_eq!(world.invoke().await, (1, 0));
    world.assert_split().await;
    assert_eq!(world.task().await.head.split.epoch, 2);
}

#[tokio::test]
async fn a_file_that_ended_two_readers_is_given_up() {
    let world = World::new("orders.csv", CSV).await;
    for _ in 0..2 {
        world.reader_dies().await;
        world.clock.advance(TIME_LIMIT + CLOCK_SKEW);
    }
    assert_eq!(world.invoke().await, (1, 0));
    assert_eq!(world.task().await.head.state, TaskState::Failed);
    assert_eq!(world.code().await.as_deref(), Some("FILE_CRASHES_READER"));
    assert_eq!(world.sent(), [0; 0]);
}

#[tokio::test]
async fn a_reader_that_dies_with_everything_stored_is_made_up_for() {
    let world = World::new("orders.csv", CSV).await;
    world.reader_dies().await;
    reading::read(&world.objects, world.id, &world.task().await.head.order, TIME_LIMIT).await.map(drop).unwrap();
    let stored = world.objects.bytes(&ObjectKey::index(world.id)).unwrap();
    world.invoke_until_settled().await;
    world.assert_split().await;
    assert_eq!(
        world.objects.bytes(&ObjectKey::index(world.id)).unwrap(),
        stored,
        "the same file makes the same objects"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_rows_fails_the_task_with_the_code_of_the_reader() {
    for (filename, file, code) in [
        ("orders.csv", &b""[..], "FILE_EMPTY"),
        ("orders.csv", b"order_id,\"quantity\nA-1,3", "FILE_CORRUPT"),
        ("orders.xlsx", b"PK\x03\x04 and no more", "FILE_CORRUPT"),
    ] {
        let world = World::new(filename, file).await;
        assert_eq!(world.invoke().await, (1, 0), "{filename}: {file:?}");
        let head = world.task().await.head;
        assert_eq!((head.state, head.finished), (TaskState::Failed, Some(world.clock.now())));
        assert_eq!(world.code().await.as_deref(), Some(code), "{filename}: {:?}", head.reason);
        assert_eq!(world.sent(), [0; 0]);
        assert_eq!(world.objects.bytes(&ObjectKey::rows(world.id)), None, "what was begun is dropped");
    }
}

#[tokio::test]
async fn a_file_with_a_header_only_is_completed_at_once() {
    let world = World::new("orders.csv", b"order_id,quantity\n").await;
    assert_eq!(world.invoke().await, (1, 0));
    let head = world.task().await.head;
    assert_eq!((head.state, head.total, head.batches), (TaskState::Completed, Some(0), Some(0)));
    assert_eq!(world.sent(), [0; 0]);
}

#[tokio::test]
async fn messages_that_could_not_be_sent_are_sent_with_the_next_delivery() {
    let world = World::new("orders.csv", CSV).await;
    world.batches.fail_next("send", 1);
    assert_eq!(world.invoke().await, (0, 1));
    assert_eq!(world.task().await.head.state, TaskState::Processing);
    assert!(!world.task().await.head.split.fanned_out);
    let rows = world.objects.bytes(&ObjectKey::rows(world.id));
    world.objects.forget(&ObjectKey::upload(world.id));
    world.invoke_until_settled().await;
    world.assert_split().await;
    assert_eq!(world.sent(), [0, 1, 2]);
    assert_eq!(world.objects.bytes(&ObjectKey::rows(world.id)), rows, "the file is not read again");
}

#[tokio::test]
async fn batches_that_are_closed_or_in_a_workers_hands_are_not_sent_again() {
    let world = World::new("orders.csv", CSV).await;
    world.batches.lose_answers("send", 1);
    assert_eq!(world.invoke().await, (0, 1));
    assert_eq!(world.sent(), [0, 1, 2]);
    for body in world.batches.bodies().iter().take(2) {
        let message = BatchMessage::decode(body).unwrap();
        let before = Batch::unclaimed(&message);
        let now = world.clock.now();
        let claimed = before.claimed("worker", "1", now, now.plus(TIME_LIMIT)).unwrap();
        world.ledger.write_batches(&[BatchChange { before, after: claimed.clone() }]).await.unwrap();
        if message.batch.get() == 0 {
            let counts = Counts { succeeded: 2, ..Counts::default() };
            let progress = Progress { rows: 2, bytes: message.plan.bytes.len(), counts, ..Progress::default() };
            let after = claimed.recorded(&progress, now);
            world.ledger.write_batches(&[BatchChange { before: claimed, after }]).await.unwrap();
        }
    }
    world.invoke_until_settled().await;
    assert_eq!(world.sent(), [0, 1, 2, 2]);
    assert!(world.task().await.head.split.fanned_out);
}

#[tokio::test]
async fn a_store_in_trouble_is_no_crash_of_the_reader() {
    for operation in ["download", "create", "append", "complete", "put"] {
        let world = World::new("orders.csv", CSV).await;
        for delivery in 1..DELIVERIES {
            world.objects.fail_next(operation, 1);
            assert_eq!(world.invoke().await, (0, 1), "{operation}, delivery {delivery}");
            let split = world.task().await.head.split;
            assert_eq!((split.epoch, split.lease_until), (0, world.clock.now()), "{operation}: the file is given back");
            world.clock.advance(Duration::from_secs(300));
        }
        assert_eq!(world.invoke().await, (1, 0), "{operation}");
        world.assert_split().await;
    }
}

/// The file is split in the end, though these writes of the head fail.
async fn check_heads(fails: &[Says]) {
    let world = World::new("orders.csv", CSV).await;
    world.ledger.fails.lock().unwrap().extend(fails);
    world.invoke_until_settled().await;
    assert_eq!(*world.ledger.fails.lock().unwrap(), [], "{fails:?}: each has failed");
    assert_eq!(world.code().await, None, "{fails:?}");
    world.assert_split().await;
}

#[tokio::test]
async fn a_ledger_in_trouble_is_no_crash_of_the_reader() {
    check_heads(&[Says::Taken, Says::Taken]).await;
    check_heads(&[Says::Read]).await;
    check_heads(&[Says::Read, Says::Read, Says::Read]).await;
    check_heads(&[Says::Read, Says::GivenBack]).await;
    check_heads(&[Says::Sent, Says::Sent]).await;
    check_heads(&[Says::Taken, Says::Read, Says::Sent]).await;
}

#[tokio::test]
async fn a_lost_answer_of_the_ledger_is_made_up_for() {
    let world = World::new("orders.csv", CSV).await;
    world.ledger.ledger.lose_answers("write_head", 1);
    assert_eq!(world.invoke().await, (0, 1));
    world.invoke_until_settled().await;
    world.assert_split().await;
}

#[tokio::test]
async fn a_message_that_is_no_upload_stays_until_it_is_a_dead_letter() {
    let world = World::new("orders.csv", CSV).await;
    for body in ["poison".to_owned(), "{}".into(), event_for("rows/x"), event_for("uploads/x/source")] {
        world.ingest.send_body(body);
    }
    assert_eq!(world.invoke().await, (1, 4));
    world.assert_split().await;
    for _ in 1..DELIVERIES {
        world.clock.advance(Duration::from_secs(300));
        assert_eq!(world.invoke().await, (0, 4));
    }
    world.clock.advance(Duration::from_secs(300));
    assert_eq!((world.invoke().await, world.ingest.dead().len()), ((0, 0), 4));
}

#[tokio::test]
async fn the_test_event_of_s3_and_the_file_of_a_deleted_task_are_settled() {
    let world = World::new("orders.csv", CSV).await;
    world.ingest.send_body(json!({"Service": "Amazon S3", "Event": "s3:TestEvent"}).to_string());
    world.ledger.ledger.forget(world.id);
    assert_eq!(world.invoke().await, (2, 0));
    assert_eq!(world.sent(), [0; 0]);
}
