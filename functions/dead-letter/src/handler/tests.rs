use std::time::Duration;

use filas_domain::BatchNumber;
use filas_domain::batch::{AttemptResult, BatchState, Progress};
use filas_domain::ids::{PipelineRef, RowNumber};
use filas_domain::keys::ObjectKey;
use filas_domain::outcome::Counts;
use filas_domain::plan::{BatchPlan, ByteRange};
use filas_domain::ports::{TaskLedger, TaskRegister};
use filas_domain::task::{Order, SplitDecision, Task};
use filas_testkit::memory::{ManualClock, MemoryLedger};
use serde_json::json;

use super::*;

const LEASE: Duration = Duration::from_secs(60);
const ROWS: u32 = 10;

/// An undertaker and everything around it: a task of two batches.
struct World {
    clock: ManualClock,
    ledger: MemoryLedger,
    id: TaskId,
}

impl World {
    /// A task that waits for its file.
    async fn awaiting() -> Self {
        let clock = ManualClock::default();
        let world = Self { id: TaskId::new(clock.now(), [1; 10]), ledger: MemoryLedger::new(), clock };
        let order = Order {
            owner: "acme".parse().unwrap(),
            pipeline: PipelineRef { name: "orders".into(), version: "1".into() },
            filename: None,
            media_type: None,
            size: 1,
            sheet: None,
            batch_size: ROWS,
        };
        let task = Task::registered(world.id, order, world.clock.now());
        world.ledger.register(&task, None).await.unwrap();
        world
    }

    /// A task that a reader holds.
    async fn splitting() -> Self {
        let world = Self::awaiting().await;
        let task = world.task().await;
        let SplitDecision::Read(head) = task.decide_split(world.clock.now(), LEASE) else { panic!("it is to be read") };
        world.ledger.write_head(&task, &head).await.unwrap();
        world
    }

    /// A task whose batches wait, sent or not.
    async fn processing(fanned_out: bool) -> Self {
        let world = Self::splitting().await;
        let task = world.task().await;
        let head = task.split_done(u64::from(2 * ROWS), 2, "csv", world.clock.now());
        world.ledger.write_head(&task, &head).await.unwrap();
        if fanned_out {
            let task = world.task().await;
            world.ledger.write_head(&task, &task.fanned_out(world.clock.now())).await.unwrap();
        }
        world
    }

    fn message(&self, number: u32) -> BatchMessage {
        let first = number * ROWS;
        BatchMessage {
            task: self.id,
            batch: BatchNumber::new(number),
            plan: BatchPlan {
                first_row: RowNumber::new(first + 2),
                last_row: RowNumber::new(first + ROWS + 1),
                rows: ROWS,
                bytes: ByteRange { start: u64::from(first), end: u64::from(first + ROWS) },
            },
        }
    }

    async fn task(&self) -> Task {
        self.ledger.task(self.id).await.unwrap().unwrap()
    }

    async fn batch(&self, number: u32) -> Batch {
        let stored = self.ledger.batches(self.id, &[BatchNumber::new(number)]).await.unwrap().pop();
        stored.unwrap_or_else(|| Batch::unclaimed(&self.message(number)))
    }

    async fn change(&self, number: u32, change: impl FnOnce(&Batch) -> Batch) {
        let before = self.batch(number).await;
        let after = change(&before);
        self.ledger.write_batches(&[BatchChange { before, after }]).await.unwrap();
    }

    async fn claim(&self, number: u32) {
        let now = self.clock.now();
        self.change(number, |batch| batch.claimed("worker", "1", now, now.plus(LEASE)).unwrap()).await;
    }

    /// So many of the batch's rows succeeded.
    async fn record(&self, number: u32, rows: u32) {
        let counts = Counts { succeeded: u64::from(rows), ..Counts::default() };
        let progress = Progress { rows, bytes: u64::from(rows), counts, ..Progress::default() };
        self.change(number, |batch| batch.recorded(&progress, self.clock.now())).await;
    }

    /// Delivers dead letters; says how many come again.
    async fn letters(&self, bodies: &[String]) -> usize {
        let deliveries: Vec<_> =
            (1..).zip(bodies).map(|(id, body)| Delivery::new(&format!("{id}"), &format!("h{id}"), body, 1)).collect();
        let undertaker = Undertaker { ledger: self.ledger.clone(), clock: self.clock.clone() };
        undertaker.run(&deliveries).await.len()
    }

    async fn batch_letter(&self, number: u32) -> usize {
        self.letters(&[self.message(number).encode()]).await
    }

    async fn ingest_letter(&self) -> usize {
        let key = ObjectKey::upload(self.id);
        self.letters(&[json!({"Records": [{"s3": {"object": {"key": key.as_str()}}}]}).to_string()]).await
    }
}

#[tokio::test]
async fn a_dead_batch_keeps_what_was_done_says_why_and_may_end_its_task() {
    let world = World::processing(true).await;
    world.claim(1).await;
    world.record(1, ROWS).await;
    world.claim(0).await;
    world.record(0, 4).await;
    world.claim(0).await;
    world.change(0, |batch| batch.released("the partner is down", world.clock.now())).await;

    assert_eq!(world.batch_letter(0).await, 0);
    let batch = world.batch(0).await;
    assert_eq!((batch.state, batch.counts.succeeded, batch.counts.unprocessed), (BatchState::Dead, 4, 6));
    assert_eq!(batch.reason.unwrap(), "Given up after 2 attempts. The last error: the partner is down");
    let task = world.task().await;
    assert_eq!(task.head.state, TaskState::CompletedWithFailures);
    assert_eq!((task.tally.done, task.tally.dead, task.tally.attempts), (1, 1, 3));
    assert_eq!((task.tally.counts.succeeded, task.tally.counts.unprocessed), (14, 6));

    assert_eq!(world.batch_letter(0).await, 0, "twice");
    assert_eq!(world.task().await, task, "is once");
}

#[tokio::test]
async fn a_batch_that_nobody_ever_claimed_is_buried_and_the_task_goes_on() {
    let world = World::processing(true).await;
    assert_eq!(world.letters(&[world.message(0).encode(), world.message(0).encode()]).await, 0);
    assert_eq!(world.batch(0).await.counts.unprocessed, u64::from(ROWS));
    let task = world.task().await;
    assert_eq!((task.head.state, task.tally.dead), (TaskState::Processing, 1));
    assert_eq!(world.batch_letter(1).await, 0);
    assert_eq!(world.task().await.head.state, TaskState::CompletedWithFailures);
}

#[tokio::test]
async fn a_batch_that_a_worker_holds_is_looked_at_again_after_its_lease() {
    let world = World::processing(true).await;
    world.claim(0).await;
    let held = world.batch(0).await;
    assert_eq!(world.batch_letter(0).await, 1);
    assert_eq!(world.batch(0).await, held);
    world.clock.advance(LEASE);
    assert_eq!(world.batch_letter(0).await, 0);
    let batch = world.batch(0).await;
    assert_eq!((batch.state, batch.attempts[0].result), (BatchState::Dead, Some(AttemptResult::Lost)));
    assert!(batch.reason.unwrap().contains("without saying why"));
    assert_eq!(world.task().await.tally.attempts, 1);
}

#[tokio::test]
async fn a_letter_for_a_batch_that_is_done_changes_nothing_but_may_end_the_task() {
    let world = World::processing(true).await;
    for number in 0..2 {
        world.claim(number).await;
        world.record(number, ROWS).await;
    }
    let batches = world.ledger.all_batches(world.id);
    assert_eq!(world.batch_letter(0).await, 0);
    assert_eq!(world.ledger.all_batches(world.id), batches);
    let task = world.task().await;
    assert_eq!((task.head.state, task.tally.dead), (TaskState::Completed, 0), "its worker died before it looked");
}

#[tokio::test]
async fn trouble_with_the_ledger_keeps_the_letter_and_buries_once() {
    for operation in ["task", "batches", "write_batches", "write_head"] {
        for lost in [false, true] {
            let world = World::processing(true).await;
            world.claim(1).await;
            world.record(1, ROWS).await;
            if lost {
                world.ledger.lose_answers(operation, 1)
            } else {
                world.ledger.fail_next(operation, 1)
            }
            assert_eq!(world.batch_letter(0).await, 1, "{operation}, answer lost: {lost}");
            assert_eq!(world.batch_letter(0).await, 0, "{operation}, answer lost: {lost}");
            let task = world.task().await;
            assert_eq!((task.tally.done, task.tally.dead, task.tally.counts.unprocessed), (1, 1, u64::from(ROWS)));
            assert_eq!(task.head.state, TaskState::CompletedWithFailures, "{operation}, answer lost: {lost}");
        }
    }
}

/// An event for a file whose task is in this state comes again so often, and leaves the task in `state` with `code`.
async fn check_ingest(world: World, again: usize, state: TaskState, code: Option<&str>) {
    let before = world.task().await;
    assert_eq!(world.ingest_letter().await, again, "{:?}", before.head.state);
    let head = world.task().await.head;
    assert_eq!(head.state, state);
    assert_eq!(head.reason.as_ref().map(|reason| reason.code.as_str()), code);
    if code.is_none() {
        assert_eq!(head, before.head);
    } else {
        assert_eq!(world.ingest_letter().await, 0, "twice is once");
        assert_eq!(world.task().await.head, head);
    }
}

#[tokio::test]
async fn a_file_that_could_not_be_split_fails_its_task_unless_somebody_is_at_it() {
    check_ingest(World::awaiting().await, 0, TaskState::Failed, Some("FILE_NOT_SPLIT")).await;
    check_ingest(World::splitting().await, 1, TaskState::Splitting, None).await;
    let world = World::splitting().await;
    world.clock.advance(LEASE);
    check_ingest(world, 0, TaskState::Failed, Some("FILE_NOT_SPLIT")).await;
    check_ingest(World::processing(false).await, 1, TaskState::Processing, None).await;
    check_ingest(World::processing(true).await, 0, TaskState::Processing, None).await;
}

#[tokio::test]
async fn letters_of_a_deleted_task_are_dropped_and_garbage_stays() {
    let world = World::processing(true).await;
    let letters = [
        world.message(0).encode(),
        "poison".into(),
        world.message(0).encode().replace("\"version\":1", "\"version\":2"),
        json!({"Records": [{"s3": {"object": {"key": "rows/x"}}}]}).to_string(),
        json!({"Event": "s3:TestEvent"}).to_string(),
    ];
    world.ledger.forget(world.id);
    assert_eq!(world.letters(&letters).await, 3);
    assert_eq!(world.ledger.all_batches(world.id), []);
    assert_eq!(world.ingest_letter().await, 0);
}

#[tokio::test]
async fn the_letter_of_a_duplicate_does_not_kill_a_batch_that_goes_on() {
    let world = World::processing(true).await;
    world.claim(0).await;
    world.record(0, 4).await;
    // The worker came by message 1, and this is the second letter of the two.
    assert_eq!(world.letters(&[world.message(1).encode(), world.message(0).encode()]).await, 0);
    assert_eq!(world.batch(0).await.state, BatchState::Queued);
    assert_eq!(world.batch(1).await.state, BatchState::Dead, "nobody ever took the other one");
}
