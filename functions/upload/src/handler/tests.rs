use std::sync::atomic::{AtomicU8, Ordering};

use filas_domain::access::OwnerKeys;
use filas_domain::own_pipeline::OwnPipeline;
use filas_domain::ports::TaskLedger;
use filas_testkit::memory::{ManualClock, MemoryLedger, MemoryMeter, MemoryObjects, MemoryPipelines};
use serde_json::Value;

use super::*;

mod records;

const CSV: &str = "order_id,quantity\nA-1,3\n";

/// The uploads and everything around them.
struct World {
    ledger: MemoryLedger,
    objects: MemoryObjects,
    pipelines: MemoryPipelines,
    uploads: Uploads<MemoryLedger, MemoryObjects, MemoryPipelines, ManualClock>,
}

/// An answer as the caller sees it.
#[derive(Debug)]
struct Answered {
    status: u16,
    location: Option<String>,
    media_type: String,
    body: Value,
}

impl Answered {
    /// The id of the task in the body.
    fn task(&self) -> TaskId {
        let task = if self.body["task"].is_null() { &self.body } else { &self.body["task"] };
        task["id"].as_str().unwrap().parse().unwrap()
    }
}

/// A request in the making.
struct Ask {
    path: &'static str,
    query: Value,
    headers: Value,
    body: String,
}

impl Ask {
    /// The CSV for the pipeline `orders-check`, by `acme`.
    fn file() -> Self {
        Self {
            path: "/v1/tasks",
            query: json!({"pipeline": "orders-check", "filename": "orders.csv"}),
            headers: json!({"authorization": "Bearer acme-key", "content-type": "text/csv"}),
            body: CSV.into(),
        }
    }

    /// A place for a file of 9 bytes.
    fn place() -> Self {
        let body = json!({"pipeline": "prices", "filename": "prices.xlsx", "size": 9}).to_string();
        Self { path: "/v1/uploads", query: json!({}), body, ..Self::file() }
    }

    fn query(mut self, name: &str, value: &str) -> Self {
        self.query[name] = value.into();
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers[name] = value.into();
        self
    }

    fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }
}

fn random() -> Result<[u8; 10], PortError> {
    static MADE: AtomicU8 = AtomicU8::new(0);
    Ok([MADE.fetch_add(1, Ordering::Relaxed); 10])
}

impl World {
    fn new() -> Self {
        Self::with(Variables::new().with("PARTNER_URL", "http://partner").with("OUTBOUND_ALLOW", "partner:80"))
    }

    /// A world whose installation sets these variables.
    fn with(variables: Variables) -> Self {
        let (ledger, objects, clock) = (MemoryLedger::new(), MemoryObjects::new(), ManualClock::default());
        let pipelines = MemoryPipelines::new();
        let uploads = Uploads {
            ledger: ledger.clone(),
            pipelines: pipelines.clone(),
            objects: objects.clone(),
            clock,
            random,
            variables,
            kept: Mutex::default(),
            meter: Arc::new(MemoryMeter::new()),
            open_tasks: None,
        };
        Self { ledger, objects, pipelines, uploads }
    }

    /// Sends the request as API Gateway does.
    async fn send(&self, ask: Ask) -> Answered {
        let digest = |key: &str| sha256_hex(key.as_bytes());
        let keys = format!("acme={},other={}", digest("acme-key"), digest("other-key"));
        let keys = OwnerKeys::parse(&keys).unwrap();
        let event = json!({
            "resource": "/{proxy+}", "path": ask.path, "httpMethod": "POST", "headers": ask.headers,
            "queryStringParameters": ask.query, "body": ask.body, "isBase64Encoded": false,
            "requestContext": {"resourcePath": "/{proxy+}", "httpMethod": "POST", "requestId": "request-1", "identity": {}},
        });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let response = self.uploads.serve(request, &keys).await;
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let Body::Text(body) = response.body() else { panic!("{response:?}") };
        Answered {
            status: response.status().as_u16(),
            location: header("location"),
            media_type: header("content-type").unwrap(),
            body: serde_json::from_str(body).unwrap(),
        }
    }

    async fn tasks(&self) -> usize {
        let mut tasks = 0;
        for owner in ["acme", "other"] {
            let owner = owner.parse().unwrap();
            tasks +=
                filas_domain::ports::TaskCatalogue::list(&self.ledger, &owner, None, None, 100).await.unwrap().len();
        }
        tasks
    }

    fn file_of(&self, task: TaskId) -> Option<String> {
        self.objects.bytes(&ObjectKey::upload(task)).map(|bytes| String::from_utf8(bytes).unwrap())
    }
}

#[tokio::test]
async fn a_file_is_stored_for_a_registered_task() {
    let world = World::new();
    let answer = world.send(Ask::file().query("batch_size", "7").query("sheet", "2")).await;
    assert_eq!(answer.status, 202);
    let id = answer.task();
    assert_eq!(answer.location, Some(format!("tasks/{id}")));
    assert_eq!((&answer.body["state"], &answer.body["size"]), (&json!("awaiting_upload"), &json!(CSV.len())));
    assert_eq!(world.file_of(id).as_deref(), Some(CSV));
    assert_eq!(world.objects.media_type(&ObjectKey::upload(id)).as_deref(), Some("text/csv"));
    let task = world.ledger.task(id).await.unwrap().unwrap();
    assert_eq!((task.usage().lambda_requests, task.usage().s3_writes), (1, 1));
    let order = task.head.order;
    assert_eq!((order.owner.as_str(), order.batch_size, order.sheet.as_deref()), ("acme", 7, Some("2")));
    assert!(
        world.objects.bytes(&ObjectKey::pipeline(&order.owner, &order.pipeline)).is_some(),
        "the pipeline's text is kept"
    );
}

#[tokio::test]
async fn a_large_file_gets_a_place_where_to_put_it() {
    let world = World::new();
    let answer = world.send(Ask::place()).await;
    assert_eq!(answer.status, 201);
    let id = answer.task();
    assert_eq!(answer.location, Some(format!("tasks/{id}")));
    let stored = world.ledger.task(id).await.unwrap().unwrap();
    assert_eq!(answer.body["upload"]["method"], "PUT");
    assert_eq!(answer.body["upload"]["url"], format!("memory://uploads/{id}/source"));
    assert_eq!(
        answer.body["upload"]["headers"],
        json!([["content-length", "9"], ["x-amz-meta-traceparent", stored.trace().to_string()]])
    );
    assert_eq!(world.file_of(id), None);
}

#[tokio::test]
async fn a_task_is_of_the_trace_that_its_caller_names_or_begins_one() {
    let check = async |header: Option<&str>, expected: Option<&str>| {
        let world = World::new();
        let ask = Ask::file();
        let ask = match header {
            Some(header) => ask.header("traceparent", header),
            None => ask,
        };
        let id = world.send(ask).await.task();
        let trace = world.ledger.task(id).await.unwrap().unwrap().head.trace.unwrap();
        let expected = expected.map_or_else(|| id.to_string().replace('-', ""), str::to_owned);
        assert_eq!(trace.trace_id(), expected);
        // The call is a piece of work of its own.
        assert!(header.is_none_or(|header| !header.contains(&trace.span_id())), "{trace}");
        assert_eq!(world.objects.trace(&ObjectKey::upload(id)), Some(trace));
    };
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    check(Some(&format!("00-{trace}-00f067aa0ba902b7-01")), Some(trace)).await;
    check(Some("no traceparent"), None).await;
    check(None, None).await;
}

#[tokio::test]
async fn the_same_key_and_request_are_the_same_task() {
    for ask in [Ask::file, Ask::place] {
        let world = World::new();
        let first = world.send(ask().header("idempotency-key", "k 1")).await;
        let second = world.send(ask().header("idempotency-key", "k 1")).await;
        assert_eq!((second.status, &second.body), (first.status, &first.body));
        assert_eq!(world.tasks().await, 1);
        // A key belongs to its owner, and a request without one is always new.
        let other = ask().header("idempotency-key", "k 1").header("authorization", "Bearer other-key");
        assert_ne!(world.send(other).await.task(), first.task());
        assert_ne!(world.send(ask()).await.task(), first.task());
        assert_eq!(world.tasks().await, 3);
    }
}

#[tokio::test]
async fn the_same_key_for_another_request_is_refused() {
    let changes: [fn(Ask) -> Ask; 5] = [
        |ask| ask.body("order_id,quantity\nA-1,4\n"),
        |ask| ask.query("filename", "other.csv"),
        |ask| ask.query("pipeline", "prices"),
        |ask| ask.query("batch_size", "7"),
        |_| Ask::place().header("idempotency-key", "k"),
    ];
    let world = World::new();
    let first = world.send(Ask::file().header("idempotency-key", "k")).await;
    for (number, change) in changes.iter().enumerate() {
        let answer = world.send(change(Ask::file().header("idempotency-key", "k"))).await;
        assert_eq!(
            (answer.status, &answer.body["type"]),
            (422, &json!("/problems/idempotency-key-reused")),
            "{number}"
        );
    }
    assert_eq!(world.tasks().await, 1);
    assert_eq!(world.file_of(first.task()).as_deref(), Some(CSV));
}

#[tokio::test]
async fn a_file_that_could_not_be_stored_is_stored_for_the_same_task_by_the_same_key() {
    for lost in [false, true] {
        let world = World::new();
        // The text of the pipeline is stored first, and only once.
        world.send(Ask::file()).await;
        if lost {
            world.objects.lose_answers("put_traced", 1)
        } else {
            world.objects.fail_next("put_traced", 1)
        }
        let failed = world.send(Ask::file().header("idempotency-key", "k")).await;
        assert_eq!((failed.status, failed.media_type.as_str()), (500, "application/problem+json"));
        assert!(failed.body["detail"].as_str().unwrap().contains("request-1"), "{failed:?}");
        assert_eq!(world.tasks().await, 2);
        let answer = world.send(Ask::file().header("idempotency-key", "k")).await;
        assert_eq!((answer.status, world.tasks().await), (202, 2));
        assert_eq!(world.file_of(answer.task()).as_deref(), Some(CSV));
    }
}

#[tokio::test]
async fn a_key_that_is_used_after_the_file_came_neither_stores_nor_signs_again() {
    for ask in [Ask::file, Ask::place] {
        let world = World::new();
        let id = world.send(ask().header("idempotency-key", "k")).await.task();
        let task = world.ledger.task(id).await.unwrap().unwrap();
        let head = task.split_done(0, 0, "csv", task.head.created);
        world.ledger.write_head(&task, &head).await.unwrap();
        world.objects.forget(&ObjectKey::upload(id));
        let answer = world.send(ask().header("idempotency-key", "k")).await;
        assert_eq!((answer.task(), world.file_of(id)), (id, None));
        assert_eq!(answer.body["upload"], json!(null));
    }
}

#[tokio::test]
async fn a_key_whose_task_was_deleted_makes_no_other() {
    let world = World::new();
    let id = world.send(Ask::file().header("idempotency-key", "k")).await.task();
    world.ledger.forget(id);
    assert_eq!(world.send(Ask::file().header("idempotency-key", "k")).await.status, 409);
}

/// The request is refused with this status and problem, a detail that has `part` in it, and without a trace.
async fn check_refused(ask: Ask, status: u16, kind: &str, part: &str) {
    let world = World::new();
    let answer = world.send(ask).await;
    assert_eq!((answer.status, answer.media_type.as_str()), (status, "application/problem+json"), "{part}: {answer:?}");
    assert_eq!(answer.body["type"], format!("/problems/{kind}"), "{part}");
    assert!(answer.body["detail"].as_str().unwrap().contains(part), "{part}: {answer:?}");
    assert_eq!((world.tasks().await, world.objects.keys().len()), (0, 0), "{part}");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_what_to_do() {
    let long = "x".repeat(300);
    let place = |body: Value| Ask::place().body(body.to_string());
    check_refused(Ask::file().header("authorization", "Bearer wrong"), 401, "unauthorized", "Authorization").await;
    check_refused(Ask::file().header("authorization", "Basic acme-key"), 401, "unauthorized", "Bearer").await;
    let large = "x".repeat(DIRECT_UPLOAD_BYTES as usize + 1);
    check_refused(Ask::file().body(large), 413, "too-large", "POST /v1/uploads").await;
    check_refused(
        Ask::file().query("pipeline", "nope"),
        422,
        "unknown-pipeline",
        "orders, orders-check, prices, simulate",
    )
    .await;
    check_refused(Ask::file().query("pipeline", ""), 400, "bad-request", "?pipeline=NAME").await;
    check_refused(Ask::file().query("batch_size", "0"), 400, "bad-request", "from 1 to 10000").await;
    check_refused(Ask::file().query("filename", &long), 400, "bad-request", "filename").await;
    check_refused(Ask::file().query("sheet", "a\nb"), 400, "bad-request", "sheet").await;
    check_refused(Ask::file().header("idempotency-key", &long), 400, "bad-request", "Idempotency-Key").await;
    check_refused(Ask::file().header("idempotency-key", ""), 400, "bad-request", "Idempotency-Key").await;
    check_refused(Ask::place().body("{"), 400, "bad-request", "The body").await;
    check_refused(place(json!({"pipeline": "orders-check"})), 400, "bad-request", "size").await;
    check_refused(place(json!({"pipeline": "orders-check", "size": 1, "no": 1})), 400, "bad-request", "unknown field")
        .await;
    check_refused(place(json!({"pipeline": "orders-check", "size": 1u64 << 40})), 413, "too-large", "at most").await;
    check_refused(
        place(json!({"pipeline": "orders-check", "size": 1, "batch_size": 10_001})),
        400,
        "bad-request",
        "batch_size",
    )
    .await;
    check_refused(Ask { path: "/v1/other", ..Ask::file() }, 404, "not-found", "such call").await;
}

#[tokio::test]
async fn a_pipeline_that_cannot_work_here_is_refused_before_anything_is_stored() {
    let world = World::with(Variables::new());
    let answer = world.send(Ask::file().query("pipeline", "prices")).await;
    assert_eq!((answer.status, &answer.body["type"]), (422, &json!("/problems/unusable-pipeline")));
    assert!(answer.body["detail"].as_str().unwrap().contains("PARTNER_URL"), "{answer:?}");
    assert_eq!((world.tasks().await, world.objects.keys().len()), (0, 0));
}

#[tokio::test]
async fn an_owners_own_pipeline_comes_before_the_shipped_one_and_is_nobody_elses() {
    const OWN: &str = "name: orders-check\ndeliver: none\n";
    let world = World::new();
    let owner = "acme".parse().unwrap();
    let own = PipelineRef { name: "orders-check".into(), version: Pipeline::version(OWN) };
    world.objects.put(&ObjectKey::pipeline(&owner, &own), "application/yaml", OWN.into()).await.unwrap();
    let changed = world.uploads.clock.now();
    let present = OwnPipeline { pipeline: own.clone(), description: None, changed };
    world.pipelines.set_pipeline(&owner, &present).await.unwrap();
    let pinned = async |ask: Ask| {
        let id = world.send(ask).await.task();
        world.ledger.task(id).await.unwrap().unwrap().head.order.pipeline
    };
    assert_eq!(pinned(Ask::file()).await, own);
    let shipped = catalogue::shipped("orders-check").unwrap();
    assert_eq!(pinned(Ask::file().header("authorization", "Bearer other-key")).await, shipped);
}

#[tokio::test]
async fn a_repeated_request_is_the_same_task_though_its_pipeline_has_another_version_now() {
    const OWN: &str = "name: orders-check\ndeliver: none\n";
    let world = World::new();
    let first = world.send(Ask::file().header("idempotency-key", "k")).await.task();
    let owner = "acme".parse().unwrap();
    let own = PipelineRef { name: "orders-check".into(), version: Pipeline::version(OWN) };
    world.objects.put(&ObjectKey::pipeline(&owner, &own), "application/yaml", OWN.into()).await.unwrap();
    let changed = world.uploads.clock.now();
    world.pipelines.set_pipeline(&owner, &OwnPipeline { pipeline: own, description: None, changed }).await.unwrap();
    let again = world.send(Ask::file().header("idempotency-key", "k")).await;
    assert_eq!((again.status, again.task()), (202, first));
}

#[tokio::test]
async fn an_owner_with_too_many_open_tasks_waits_and_others_do_not() {
    let mut world = World::new();
    world.uploads.open_tasks = Some(3);
    let key = |name: &str| Ask::file().header("idempotency-key", name);
    for name in ["one", "two"] {
        assert_eq!(world.send(key(name)).await.status, 202);
    }
    let third = world.send(Ask::place()).await;
    assert_eq!(third.status, 201);
    for ask in [key("four"), Ask::file(), Ask::place()] {
        let answered = world.send(ask).await;
        assert_eq!((answered.status, &answered.body["type"]), (429, &json!("/problems/too-many-tasks")));
        assert!(answered.body["detail"].as_str().unwrap().contains("3 tasks"), "{answered:?}");
    }
    assert_eq!(world.ledger.open_tasks(&"acme".parse().unwrap(), 9).await.unwrap(), 3);
    // A request that is sent again makes no task, and is answered as before.
    assert_eq!(world.send(key("two")).await.status, 202);
    assert_eq!(world.send(Ask::file().header("authorization", "Bearer other-key")).await.status, 202);
    let task = world.ledger.task(third.task()).await.unwrap().unwrap();
    let head = filas_domain::task::Head { state: TaskState::Cancelled, ..task.head.clone() };
    world.ledger.write_head(&task, &head).await.unwrap();
    assert_eq!(world.send(key("four")).await.status, 202);
}

#[test]
fn how_many_tasks_may_be_open_is_a_number_and_none_is_no_limit() {
    let read = |text: Option<&str>| open_tasks_allowed(|_| text.map(str::to_owned)).ok();
    for (text, expected) in [
        (None, Some(Some(OPEN_TASKS))),
        (Some(" "), Some(Some(OPEN_TASKS))),
        (Some("7"), Some(Some(7))),
        (Some("0"), Some(None)),
        (Some("many"), None),
        (Some("-1"), None),
    ] {
        assert_eq!(read(text), expected, "{text:?}");
    }
}
