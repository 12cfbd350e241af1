use std::time::Duration;

use filas_domain::access::{OwnerKeys, sha256_hex};
use filas_domain::batch::{Batch, BatchChange, Part, Progress};
use filas_domain::ids::{BatchNumber, PipelineRef, RowNumber, TaskId};
use filas_domain::keys::ObjectKey;
use filas_domain::message::BatchMessage;
use filas_domain::outcome::{Counts, OutcomeLine, RowResult};
use filas_domain::plan::{BatchIndex, ByteRange, Planner};
use filas_domain::ports::{ObjectWriter as _, TaskLedger, TaskRegister};
use filas_domain::report::{Manifest, ResultFile};
use filas_domain::task::{Order, Reason};
use filas_domain::usage::Usage;
use filas_testkit::memory::{ManualClock, MemoryLedger, MemoryObjects, MemoryQueue, MemoryRecords};
use lambda_http::Body;
use serde_json::{Value, json};

use super::*;

mod commands;
mod erase;
mod files;
mod records;
mod rows;

const ROWS_PER_BATCH: u32 = 2;

/// The answers and everything around them.
struct World {
    clock: ManualClock,
    ledger: MemoryLedger,
    objects: MemoryObjects,
    queue: MemoryQueue,
    records: MemoryRecords,
    status: Status<MemoryLedger, MemoryObjects, MemoryQueue, MemoryQueue, ManualClock, MemoryRecords>,
}

/// An answer as the caller sees it.
#[derive(Debug)]
struct Answered {
    status: u16,
    location: Option<String>,
    retry_after: Option<String>,
    body: Value,
}

impl World {
    fn new() -> Self {
        let (ledger, objects, clock) = (MemoryLedger::new(), MemoryObjects::new(), ManualClock::default());
        let queues = MemoryQueue::new("batch", &clock, Duration::from_secs(60), 5);
        queues.send_body("waiting");
        let queue = MemoryQueue::new("batch", &clock, Duration::from_secs(60), 5);
        let answers = Answers {
            ledger: ledger.clone(),
            objects: objects.clone(),
            queue: queue.clone(),
            queues,
            clock: clock.clone(),
        };
        let records = MemoryRecords::new();
        let status = Status { answers, records: records.clone() };
        Self { clock, ledger, objects, queue, records, status }
    }

    /// Asks as `owner`; the path may have a query.
    async fn ask(&self, owner: &str, path: &str) -> Answered {
        self.call(owner, "GET", path, Value::Null).await
    }

    /// Commands as `acme`.
    async fn command(&self, path: &str, body: Value) -> Answered {
        self.call("acme", "POST", path, body).await
    }

    async fn call(&self, owner: &str, method: &str, path: &str, body: Value) -> Answered {
        let keys = format!("acme={},other={}", sha256_hex(b"acme"), sha256_hex(b"other"));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query: serde_json::Map<String, Value> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let event = json!({
            "resource": "/{proxy+}", "path": format!("/v1/{path}"), "httpMethod": method,
            "headers": {"authorization": format!("Bearer {owner}")}, "queryStringParameters": query,
            "body": (!body.is_null()).then(|| body.to_string()), "isBase64Encoded": false,
            "requestContext": {"resourcePath": "/{proxy+}", "httpMethod": method, "requestId": "request-1", "identity": {}},
        });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let keys = OwnerKeys::parse(&keys).unwrap();
        let response = filas_http::serve(request, &keys, |call| self.status.answer(call)).await;
        let body = match response.body() {
            Body::Text(text) => serde_json::from_str(text).unwrap(),
            _ => Value::Null,
        };
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (location, retry_after) = (header("location"), header("retry-after"));
        Answered { status: response.status().as_u16(), location, retry_after, body }
    }

    /// A task of `owner` that waits for its file, made a second after the last.
    async fn awaiting(&self, owner: &str) -> TaskId {
        let now = self.clock.advance(Duration::from_secs(1));
        let order = Order {
            owner: owner.parse().unwrap(),
            pipeline: PipelineRef { name: "orders".into(), version: "1".into() },
            filename: Some("orders.csv".into()),
            media_type: None,
            size: 1,
            sheet: None,
            batch_size: ROWS_PER_BATCH,
        };
        let task = Task::registered(TaskId::new(now, [7; 10]), order, now);
        self.ledger.register(&task, None).await.unwrap();
        task.id
    }

    /// A task of `acme` that is split into so many rows, two in a batch.
    async fn split(&self, rows: u32) -> TaskId {
        let id = self.awaiting("acme").await;
        let mut planner = Planner::new(ROWS_PER_BATCH, 1 << 20);
        let mut lines = String::new();
        for row in 2..rows + 2 {
            let line = format!("{{\"row\":{row},\"record\":{{}}}}\n");
            planner.line(RowNumber::new(row), line.len() as u64);
            lines.push_str(&line);
        }
        let index = planner.finish();
        let (batches, rows) = (index.batches.len() as u32, index.rows());
        self.objects.put(&ObjectKey::rows(id), "application/x-ndjson", lines.into()).await.unwrap();
        self.objects.put(&ObjectKey::index(id), "application/json", index.to_json()).await.unwrap();
        self.head(id, |task| Some(task.split_done(rows, batches, "csv", self.clock.now()))).await;
        id
    }

    async fn head(&self, id: TaskId, head: impl FnOnce(&Task) -> Option<filas_domain::task::Head>) {
        let task = self.ledger.task(id).await.unwrap().unwrap();
        self.ledger.write_head(&task, &head(&task).unwrap()).await.unwrap();
    }

    async fn finish(&self, id: TaskId) {
        self.head(id, |task| task.finished(self.clock.now())).await;
    }

    async fn change(&self, id: TaskId, number: u32, change: impl FnOnce(&Batch) -> Batch) {
        let number = BatchNumber::new(number);
        let index = BatchIndex::parse(&self.objects.bytes(&ObjectKey::index(id)).unwrap()).unwrap();
        let message = BatchMessage { task: id, batch: number, plan: index.batches[number.get() as usize] };
        let stored = self.ledger.batches(id, &[number]).await.unwrap().pop();
        let before = stored.unwrap_or_else(|| Batch::unclaimed(&message));
        let change = BatchChange { after: change(&before), before };
        self.ledger.write_batches(&[change]).await.unwrap();
    }

    async fn claim(&self, id: TaskId, number: u32) {
        let now = self.clock.now();
        self.change(id, number, |batch| {
            batch.claimed("worker-7", "1", now, now.plus(Duration::from_secs(60))).unwrap()
        })
        .await;
    }

    /// Claims the batches and lets so many rows of each succeed; their outcomes share one object.
    async fn succeed(&self, id: TaskId, batches: &[(u32, u32)]) {
        let key = ObjectKey::part(id, BatchNumber::new(batches[0].0), 1);
        let mut object = Vec::new();
        for (number, rows) in batches {
            self.claim(id, *number).await;
            let start = object.len() as u64;
            let first = 2 + number * ROWS_PER_BATCH;
            for row in first..first + rows {
                OutcomeLine::new(RowNumber::new(row), RowResult::Succeeded { kept: None }).write_to(&mut object);
            }
            let bytes = ByteRange { start, end: object.len() as u64 };
            let progress = Progress {
                rows: *rows,
                bytes: u64::from(*rows) * 22,
                counts: Counts { succeeded: u64::from(*rows), ..Counts::default() },
                part: Some(Part { key: key.clone(), bytes, rows: *rows, is_overlay: false }),
                ..Progress::default()
            };
            self.change(id, *number, |batch| batch.recorded(&progress, self.clock.now())).await;
        }
        self.objects.put(&key, "application/x-ndjson", object).await.unwrap();
    }

    /// Stores a file of results, as `report` does.
    async fn file(&self, id: TaskId, file: ResultFile) {
        let finished = self.ledger.task(id).await.unwrap().unwrap().head.finished.unwrap();
        self.objects.put(&ObjectKey::result(id, finished, file), file.media_type(), Vec::new()).await.unwrap();
    }
}

fn ids(answer: &Answered) -> Vec<TaskId> {
    let items = answer.body["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn tasks_are_listed_newest_first_page_by_page() {
    let world = World::new();
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, world.awaiting("acme").await);
        world.awaiting("other").await;
    }
    assert_eq!(ids(&world.ask("acme", "tasks").await), expected);

    let mut seen = Vec::new();
    let mut path = "tasks?limit=2".to_owned();
    let pages = loop {
        let page = world.ask("acme", &path).await;
        seen.push(ids(&page));
        // A task that arrives meanwhile does not move the pages.
        world.awaiting("acme").await;
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("tasks?limit=2&cursor={cursor}"),
            None => break seen,
        }
    };
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.concat(), expected);
}

#[tokio::test]
async fn tasks_are_listed_by_state() {
    let world = World::new();
    let waiting = world.awaiting("acme").await;
    let processing = world.split(3).await;
    assert_eq!(ids(&world.ask("acme", "tasks?state=awaiting_upload").await), [waiting]);
    assert_eq!(ids(&world.ask("acme", "tasks?state=processing").await), [processing]);
    assert_eq!(ids(&world.ask("acme", "tasks?state=failed").await), []);
    assert_eq!(world.ask("acme", "tasks?limit=2").await.body["next_cursor"], Value::Null, "an exact page is the last");
}

#[tokio::test]
async fn nobody_sees_the_task_of_another_owner() {
    let world = World::new();
    let id = world.split(3).await;
    let never = TaskId::new(world.clock.now(), [9; 10]);
    for rest in ["", "/batches", "/batches/0", "/rows", "/rows/2", "/results", "/failures"] {
        let foreign = world.ask("other", &format!("tasks/{id}{rest}")).await;
        let missing = world.ask("other", &format!("tasks/{never}{rest}")).await;
        assert_eq!((foreign.status, missing.status), (404, 404), "{rest}");
        let without_id = |answer: &Answered, id: TaskId| answer.body.to_string().replace(&id.to_string(), "ID");
        assert_eq!(without_id(&foreign, id), without_id(&missing, never), "{rest}: the answers are the same");
    }
    assert_eq!(ids(&world.ask("other", "tasks").await), []);
    assert_eq!(world.ask("acme", &format!("tasks/{id}")).await.status, 200);
    assert_eq!(world.ask("nobody", &format!("tasks/{id}")).await.status, 401);
}

#[tokio::test]
async fn a_task_shows_its_counters() {
    let world = World::new();
    let id = world.split(5).await;
    world.succeed(id, &[(0, 2)]).await;
    world.clock.advance(Duration::from_secs(2));
    let body = world.ask("acme", &format!("tasks/{id}")).await.body;
    for (field, expected) in [
        ("state", json!("processing")),
        ("total", json!(5)),
        ("succeeded", json!(2)),
        ("rows_per_second", json!(1.0)),
        ("seconds_left", json!(3.0)),
        ("batches", json!({"total": 3, "size": 2, "done": 1, "dead": 0, "cancelled": 0})),
        (
            "links",
            json!({
                "batches": format!("/v1/tasks/{id}/batches"),
                "rows": format!("/v1/tasks/{id}/rows"),
                "self": format!("/v1/tasks/{id}"),
            }),
        ),
    ] {
        assert_eq!(body[field], expected, "{field}");
    }
}

#[tokio::test]
async fn batches_that_nobody_claimed_are_shown_from_the_index() {
    let world = World::new();
    let id = world.split(9).await;
    world.claim(id, 1).await;
    world.succeed(id, &[(3, 2)]).await;
    let batches = format!("tasks/{id}/batches");
    let show =
        |item: &Value| format!("{} {} {}-{}", item["number"], item["state"], item["first_row"], item["last_row"]);
    let expected =
        ["0 \"queued\" 2-3", "1 \"processing\" 4-5", "2 \"queued\" 6-7", "3 \"done\" 8-9", "4 \"queued\" 10-10"];
    let mut seen = Vec::new();
    let mut path = format!("{batches}?limit=2");
    loop {
        let page = world.ask("acme", &path).await;
        seen.extend(page.body["items"].as_array().unwrap().iter().map(show));
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        path = format!("{batches}?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, expected);

    let one = world.ask("acme", &format!("{batches}/3")).await.body;
    assert_eq!((&one["succeeded"], &one["attempts"][0]["worker"]), (&json!(2), &json!("worker-7")));
    assert_eq!(one["attempts"][0]["result"], "done");
    assert_eq!(show(&world.ask("acme", &format!("{batches}/4")).await.body), expected[4]);
    for wrong in ["5", "x", "-1"] {
        assert_eq!(world.ask("acme", &format!("{batches}/{wrong}")).await.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn a_task_that_is_not_split_has_no_batches_yet() {
    let world = World::new();
    let id = world.awaiting("acme").await;
    let answer = world.ask("acme", &format!("tasks/{id}/batches")).await;
    assert_eq!((answer.status, answer.body), (200, json!({"items": [], "next_cursor": null})));
    assert_eq!(world.ask("acme", &format!("tasks/{id}/batches/0")).await.status, 404);
}

#[tokio::test]
async fn questions_that_cannot_be_understood_say_what_to_ask() {
    let world = World::new();
    let id = world.split(3).await;
    for (path, status, part) in [
        ("tasks?state=nope".to_owned(), 400, "awaiting_upload"),
        ("tasks?limit=0".into(), 400, "from 1 to 500"),
        ("tasks?limit=x".into(), 400, "from 1 to 500"),
        ("tasks?cursor=x".into(), 400, "next_cursor"),
        (format!("tasks/{id}/batches?cursor=x"), 400, "next_cursor"),
        (format!("tasks/{id}/batches?limit=501"), 400, "from 1 to 500"),
        (format!("tasks/{id}/rows?outcome=lost"), 400, "unprocessed"),
        (format!("tasks/{id}/rows?cursor=x"), 400, "next_cursor"),
        (format!("tasks/{id}/rows/x"), 404, "such row"),
        (format!("tasks/{id}/rows/02"), 404, "such row"),
        ("receipts/x".into(), 404, "such receipt"),
        (format!("receipts/{id}.0"), 404, "such receipt"),
        ("tasks/x".into(), 404, "task 'x'"),
        ("other".into(), 404, "such call"),
    ] {
        let answer = world.ask("acme", &path).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.body["detail"].as_str().unwrap().contains(part), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn the_queues_are_shown() {
    let world = World::new();
    let body = world.ask("acme", "queues").await.body;
    let batch = json!({"name": "batch", "visible": 1, "in_flight": 0, "delayed": 0, "dead": 0});
    assert_eq!(body, json!({"queues": [batch]}));
}
