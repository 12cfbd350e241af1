use std::sync::Arc;

use filas_domain::batch::{BatchChange, Progress};
use filas_domain::ids::{PipelineRef, RowNumber};
use filas_domain::message::BatchMessage;
use filas_domain::outcome::Counts;
use filas_domain::plan::{BatchIndex, Planner};
use filas_domain::ports::{ObjectWriter, TaskLedger, TaskRegister};
use filas_domain::task::{Order, Reason, TaskState};
use filas_testkit::memory::{ManualClock, MemoryLedger, MemoryObjects, MemoryQueue};
use serde_json::json;

use super::*;

type MemorySweeper =
    Sweeper<MemoryLedger, MemoryObjects, MemoryQueue, MemoryQueue, MemoryQueue, MemoryQueue, ManualClock>;

/// A sweeper and everything around it.
struct World {
    clock: ManualClock,
    ledger: MemoryLedger,
    objects: MemoryObjects,
    queue: MemoryQueue,
    ingest: MemoryQueue,
    reports: MemoryQueue,
    sweeper: Arc<MemorySweeper>,
}

impl World {
    fn new() -> Self {
        let (ledger, objects, clock) = (MemoryLedger::new(), MemoryObjects::new(), ManualClock::default());
        let queue = MemoryQueue::new("batch", &clock, Duration::from_secs(60), 5);
        let ingest = MemoryQueue::new("ingest", &clock, Duration::from_secs(60), 5);
        let reports = MemoryQueue::new("report", &clock, Duration::from_secs(60), 5);
        let sweeper = Arc::new(Sweeper {
            ledger: ledger.clone(),
            objects: objects.clone(),
            queue: queue.clone(),
            ingest: ingest.clone(),
            reports: reports.clone(),
            monitor: queue.clone(),
            clock: clock.clone(),
            patience: Patience::DEPLOYED,
        });
        Self { clock, ledger, objects, queue, ingest, reports, sweeper }
    }

    async fn sweep(&self) -> Report {
        self.sweeper.run(self.clock.now().plus(Duration::from_secs(120))).await.unwrap()
    }

    async fn awaiting(&self) -> TaskId {
        let now = self.clock.advance(Duration::from_secs(1));
        let order = Order {
            owner: "acme".parse().unwrap(),
            pipeline: PipelineRef { name: "orders".into(), version: "1".into() },
            filename: None,
            media_type: None,
            size: 1,
            sheet: None,
            batch_size: 2,
        };
        let task = Task::registered(TaskId::new(now, [7; 10]), order, now);
        self.ledger.register(&task, None).await.unwrap();
        task.id
    }

    /// A task of two batches of two rows.
    async fn split(&self) -> TaskId {
        let id = self.awaiting().await;
        let mut planner = Planner::new(2, 1 << 20);
        (2..6).for_each(|row| planner.line(RowNumber::new(row), 10));
        let index = planner.finish();
        self.objects.put(&ObjectKey::index(id), "application/json", index.to_json()).await.unwrap();
        self.head(id, |task| task.split_done(4, 2, "csv", self.clock.now())).await;
        id
    }

    async fn fanned_out(&self) -> TaskId {
        let id = self.split().await;
        self.head(id, |task| task.fanned_out(self.clock.now())).await;
        id
    }

    async fn task(&self, id: TaskId) -> Task {
        self.ledger.task(id).await.unwrap().unwrap()
    }

    async fn head(&self, id: TaskId, head: impl FnOnce(&Task) -> Head) {
        let task = self.task(id).await;
        self.ledger.write_head(&task, &head(&task)).await.unwrap();
    }

    /// The files of a task that has ended, as far as the sweeper looks at them.
    async fn files(&self, id: TaskId) {
        let finished = ended(&self.task(id).await.head).unwrap();
        let manifest =
            json!({"files": [], "workbook_rows": 0, "failed_rows": 0, "usage": {"s3_writes": 7}}).to_string();
        let key = ObjectKey::manifest(id, finished);
        self.objects.put(&key, "application/json", manifest.into_bytes()).await.unwrap();
    }

    async fn done(&self, id: TaskId, number: u32) {
        let index = BatchIndex::parse(&self.objects.bytes(&ObjectKey::index(id)).unwrap()).unwrap();
        let batch = BatchNumber::new(number);
        let before = Batch::unclaimed(&BatchMessage { task: id, batch, plan: index.batches[number as usize] });
        let now = self.clock.now();
        let counts = Counts { succeeded: 2, ..Counts::default() };
        let progress = Progress { rows: 2, bytes: 20, counts, ..Progress::default() };
        let after = before.claimed("worker", "m1", now, now).unwrap();
        self.ledger.write_batches(&[BatchChange { before, after: after.clone() }]).await.unwrap();
        let ended = after.recorded(&progress, now);
        self.ledger.write_batches(&[BatchChange { before: after, after: ended }]).await.unwrap();
    }
}

#[tokio::test]
async fn a_task_whose_end_nobody_saw_is_ended_audited_and_then_left_alone() {
    let world = World::new();
    let id = world.fanned_out().await;
    world.done(id, 0).await;
    world.done(id, 1).await;
    let report = world.sweep().await;
    assert_eq!((report.tasks, report.drifting, report.is_complete), (1, 0, true));
    let task = world.task(id).await;
    assert_eq!((task.head.state, task.head.is_audited), (TaskState::Completed, false), "its files are missing");
    world.files(id).await;
    assert_eq!(world.sweep().await.swept, 1);
    let audited = world.task(id).await;
    assert!(audited.head.is_audited);
    assert_eq!(audited.usage().s3_writes, task.usage().s3_writes + 7, "what its files took");
    assert_eq!(world.sweep().await.tasks, 0);
}

#[tokio::test]
async fn files_that_nobody_wrote_are_asked_for_less_and_less_often() {
    let world = World::new();
    let id = world.fanned_out().await;
    world.done(id, 0).await;
    world.done(id, 1).await;
    world.sweep().await;
    let step = Patience::DEPLOYED.step;
    let mut asked = Vec::new();
    for minute in 1..=24 * 60 + 1 {
        world.clock.advance(Duration::from_secs(60));
        let before = world.reports.bodies().len();
        world.sweep().await;
        if world.reports.bodies().len() > before {
            asked.push(minute * 60 / step.as_secs());
        }
    }
    assert_eq!(asked, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    let message = ReportMessage::decode(&world.reports.bodies()[0]).unwrap();
    assert_eq!((message.task, Some(message.finished)), (id, world.task(id).await.head.finished));
    assert!(world.task(id).await.head.is_audited, "after a day it is a matter for people");
}

#[tokio::test]
async fn a_request_for_files_that_cannot_be_sent_is_sent_later() {
    let world = World::new();
    let id = world.fanned_out().await;
    world.done(id, 0).await;
    world.done(id, 1).await;
    world.sweep().await;
    world.reports.fail_next("send", 1);
    world.clock.advance(Patience::DEPLOYED.step);
    assert_eq!(world.sweep().await.in_trouble, 1);
    world.clock.advance(Patience::DEPLOYED.step);
    world.sweep().await;
    assert_eq!(world.reports.bodies().len(), 1);
    assert!(!world.task(id).await.head.is_audited);
}

#[tokio::test]
async fn a_fan_out_that_died_is_gone_on_with() {
    let world = World::new();
    let id = world.split().await;
    assert_eq!(world.sweep().await.swept, 0, "somebody may be at it");
    world.done(id, 0).await;
    world.clock.advance(Patience::DEPLOYED.step);
    assert_eq!(world.sweep().await.swept, 1);
    let sent: Vec<_> =
        world.queue.bodies().iter().map(|body| BatchMessage::decode(body).unwrap().batch.get()).collect();
    assert_eq!(sent, [1], "the batch that is closed needs no message");
    assert!(world.task(id).await.head.split.fanned_out);
}

#[tokio::test]
async fn messages_that_are_lost_are_sent_again_once() {
    let world = World::new();
    world.fanned_out().await;
    world.clock.advance(Patience::DEPLOYED.empty_queue);
    assert_eq!(world.sweep().await.swept, 1);
    assert_eq!(world.queue.bodies().len(), 2);
    world.clock.advance(Patience::DEPLOYED.empty_queue);
    world.sweep().await;
    assert_eq!(world.queue.bodies().len(), 2, "they are in the queue");
    world.clock.advance(Patience::DEPLOYED.retention);
    world.sweep().await;
    assert_eq!(world.queue.bodies().len(), 4, "what lies longer than the queue keeps it is gone");
}

#[tokio::test]
async fn an_upload_that_never_came_expires_and_one_whose_event_was_lost_is_read() {
    let world = World::new();
    let (never, lost) = (world.awaiting().await, world.awaiting().await);
    world.objects.put(&ObjectKey::upload(lost), "text/csv", b"a\n1\n".to_vec()).await.unwrap();
    world.clock.advance(Patience::DEPLOYED.step);
    assert_eq!(world.sweep().await.swept, 1);
    assert_eq!(world.ingest.bodies().len(), 1);
    assert!(world.ingest.bodies()[0].contains(&lost.to_string()));
    assert_eq!(world.sweep().await.swept, 0, "not with every sweep");
    world.clock.advance(Patience::DEPLOYED.upload);
    world.sweep().await;
    assert_eq!(world.task(never).await.head.state, TaskState::Expired);
    assert_eq!(world.task(lost).await.head.state, TaskState::AwaitingUpload);
}

#[tokio::test]
async fn a_file_whose_reader_is_long_gone_is_read_again() {
    let world = World::new();
    let id = world.awaiting().await;
    world.head(id, |task| Head { state: TaskState::Splitting, ..task.changed(world.clock.now()) }).await;
    world.clock.advance(Patience::DEPLOYED.step);
    assert_eq!(world.sweep().await.swept, 1);
    assert_eq!(world.ingest.bodies().len(), 1);
}

#[tokio::test]
async fn a_cancellation_that_died_is_gone_on_with() {
    let world = World::new();
    let id = world.fanned_out().await;
    world.head(id, |task| Head { state: TaskState::Cancelling, ..task.changed(world.clock.now()) }).await;
    world.sweep().await;
    let task = world.task(id).await;
    assert_eq!((task.head.state, task.tally.counts.unprocessed, task.tally.cancelled), (TaskState::Cancelled, 4, 2));
}

#[tokio::test]
async fn a_task_whose_partner_was_down_is_tried_again_when_it_says() {
    let world = World::new();
    let id = world.fanned_out().await;
    let at = world.clock.now().plus(Duration::from_secs(30));
    let reason = Reason { code: "PARTNER_DOWN".into(), message: "no answer".into() };
    filas_domain::commands::pause(&world.ledger, &world.clock, id, reason, Some(at)).await.unwrap();
    world.sweep().await;
    assert_eq!(world.task(id).await.head.state, TaskState::Paused);
    world.clock.advance(Duration::from_secs(30));
    world.sweep().await;
    assert_eq!(world.task(id).await.head.state, TaskState::Processing);
    assert_eq!(world.queue.bodies().len(), 2);
}

#[tokio::test]
async fn a_drift_is_told_with_every_sweep_and_never_mended() {
    let world = World::new();
    let id = world.fanned_out().await;
    world.done(id, 0).await;
    world.done(id, 1).await;
    let mut broken = world.task(id).await;
    broken.tally.counts.succeeded = 3;
    world.ledger.put_as_it_is(&broken);
    for _ in 0..2 {
        let report = world.sweep().await;
        assert_eq!((report.drifting, report.in_trouble), (1, 0));
    }
    let task = world.task(id).await;
    assert_eq!((task.tally.counts.succeeded, task.head.is_audited), (3, false));
}

#[tokio::test]
async fn the_trouble_of_one_task_does_not_keep_the_others_from_being_swept() {
    let world = World::new();
    let (first, second) = (world.fanned_out().await, world.fanned_out().await);
    for id in [first, second] {
        world.done(id, 0).await;
        world.done(id, 1).await;
    }
    world.ledger.fail_next("task", 1);
    let report = world.sweep().await;
    assert_eq!((report.tasks, report.in_trouble), (2, 1));
    assert_eq!(world.task(second).await.head.state, TaskState::Completed);
}

#[test]
fn patience_is_configured_in_seconds() {
    let found = patience(|name| Ok::<_, std::env::VarError>((name == "FILAS_SWEEP_STEP_SECONDS").then(|| "7".into())));
    assert_eq!(found.unwrap(), Patience { step: Duration::from_secs(7), ..Patience::DEPLOYED });
    let broken = patience(|_| Ok::<_, std::env::VarError>(Some("soon".into()))).unwrap_err();
    assert!(broken.to_string().contains("number of seconds"), "{broken}");
}

#[test]
fn a_drift_is_a_metric_of_the_stack() {
    let report = Report { tasks: 3, drifting: 1, ..Report::default() };
    let metrics = Metrics::new();
    report.observe(&metrics);
    let line = metrics.line("filas", Timestamp::from_millis(7)).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["LedgerDrift"], &line["StuckTasks"], &line["Stack"]),
        (&1.0.into(), &0.0.into(), &"filas".into())
    );
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "LedgerDrift");
}

#[tokio::test]
async fn what_was_left_of_a_task_that_was_deleted_is_erased_and_then_forgotten() {
    let world = World::new();
    let id = world.fanned_out().await;
    let task = world.task(id).await;
    world.ledger.take_away(&task, world.clock.now()).await.unwrap();
    for minute in 0..=60 {
        // A worker that had a batch in hand writes as long as it lives.
        if minute < 15 {
            world.objects.put(&ObjectKey::rows(id), "application/x-ndjson", b"x".to_vec()).await.unwrap();
        }
        let report = world.sweep().await;
        assert_eq!((report.tasks, report.erased, report.in_trouble), (1, 1, 0), "minute {minute}");
        // It looks more and more seldom, and a last time when nobody can be alive any more.
        if [1, 2, 4, 8].contains(&minute) || minute >= 16 {
            assert!(world.objects.keys().is_empty(), "minute {minute}");
        }
        world.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(world.sweep().await.tasks, 0, "nothing is left to look at");
}
