//! The HTTP API: what it answers, and to whom.
#![cfg(feature = "cloud")]

use anyhow::Result;
use filas_domain::TaskId;
use filas_domain::view::TaskView;
use filas_e2e::Stack;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

const CSV: &str =
    "order_id,sku,customer,quantity,unit_price,currency,order_date\nA1,00012345,Zoë,3,1.5,EUR,2024-01-02\n";

struct Api {
    stack: Stack,
    agent: Agent,
}

impl Api {
    fn new() -> Result<Self> {
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        Ok(Self { stack: Stack::main()?, agent: config.new_agent() })
    }

    fn get(&self, path: &str, key: Option<&str>) -> Result<Response<Body>> {
        let mut request = self.agent.get(format!("{}{path}", self.stack.url));
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        Ok(request.call()?)
    }

    fn post(&self, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Result<Response<Body>> {
        let mut request = self.agent.post(format!("{}{path}", self.stack.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(request.header("authorization", format!("Bearer {}", self.stack.key)).send(body.as_ref())?)
    }

    fn upload(&self, key: &str, body: &str) -> Result<Response<Body>> {
        self.post("/v1/tasks?pipeline=orders-check&filename=a.csv", &[("idempotency-key", key)], body)
    }
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn problem(response: Response<Body>, status: u16, kind: &str) -> Result<String> {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let problem: Value = response.into_body().read_json()?;
    assert_eq!((&problem["type"], &problem["status"]), (&json!(format!("/problems/{kind}")), &json!(status)));
    Ok(problem["detail"].as_str().unwrap_or_default().to_owned())
}

fn unique(name: &str) -> String {
    format!("{name}-{}-{:?}", std::process::id(), std::time::SystemTime::now())
}

#[test]
fn an_upload_is_accepted_with_its_task_and_location() -> Result<()> {
    let api = Api::new()?;
    let response = api.upload(&unique("accepted"), CSV)?;
    assert_eq!(response.status().as_u16(), 202);
    let location = header(&response, "location").to_owned();
    let task: TaskView = response.into_body().read_json()?;
    // Relative to the URL of the call, which ended in /v1/tasks.
    assert_eq!(location, format!("tasks/{}", task.id));
    assert_eq!(api.get(&format!("/v1/{location}"), Some(&api.stack.key))?.status().as_u16(), 200);
    Ok(())
}

#[test]
fn the_same_key_and_body_give_the_same_task_and_another_body_is_refused() -> Result<()> {
    let api = Api::new()?;
    let key = unique("same");
    let id = |response: Response<Body>| -> Result<TaskId> {
        assert_eq!(response.status().as_u16(), 202);
        Ok(response.into_body().read_json::<TaskView>()?.id)
    };
    let first = id(api.upload(&key, CSV)?)?;
    assert_eq!(id(api.upload(&key, CSV)?)?, first);
    problem(api.upload(&key, &CSV.replace("A1", "A2"))?, 422, "idempotency-key-reused")?;
    assert_ne!(id(api.upload(&unique("another"), CSV)?)?, first);
    // Sent twice, split once, counted once.
    let task = api.stack.wait(first)?;
    assert_eq!((task.total, task.succeeded, task.attempts), (Some(1), 1, 1));
    Ok(())
}

#[test]
fn a_large_body_is_refused_with_the_other_way() -> Result<()> {
    let api = Api::new()?;
    let body = vec![b'x'; 4_500_001];
    let detail = problem(api.post("/v1/tasks?pipeline=orders", &[], body)?, 413, "too-large")?;
    assert!(detail.contains("POST /v1/uploads"), "{detail}");
    Ok(())
}

#[test]
fn a_presigned_upload_takes_exactly_the_announced_bytes_and_is_split_once() -> Result<()> {
    let api = Api::new()?;
    let wish = json!({ "filename": "a.csv", "size": CSV.len(), "pipeline": "orders-check" }).to_string();
    let response = api.post("/v1/uploads", &[("content-type", "application/json")], wish)?;
    assert_eq!(response.status().as_u16(), 201);
    let announced: Value = response.into_body().read_json()?;
    assert_eq!(announced["upload"]["method"], "PUT");
    let put = |body: &str| -> Result<u16> {
        let mut request = api.agent.put(announced["upload"]["url"].as_str().unwrap_or_default());
        for header in announced["upload"]["headers"].as_array().into_iter().flatten() {
            let (name, value) = (header[0].as_str().unwrap_or_default(), header[1].as_str().unwrap_or_default());
            if !name.eq_ignore_ascii_case("content-length") {
                request = request.header(name, value);
            }
        }
        Ok(request.send(body)?.status().as_u16())
    };
    assert_eq!(put(CSV)?, 200);
    // Each PUT makes an event of its own.
    assert_eq!(put(CSV)?, 200);
    let id: TaskId = announced["task"]["id"].as_str().unwrap_or_default().parse()?;
    let task = api.stack.wait(id)?;
    assert_eq!((task.total, task.succeeded, task.attempts), (Some(1), 1, 1), "{task:?}");
    Ok(())
}

#[test]
fn wrong_wishes_are_refused_with_what_is_right() -> Result<()> {
    let api = Api::new()?;
    for (path, status, kind, says) in [
        ("/v1/tasks", 400, "bad-request", "orders"),
        ("/v1/tasks?pipeline=nothing", 422, "unknown-pipeline", "orders"),
        ("/v1/tasks?pipeline=orders-check&batch_size=0", 400, "bad-request", "from 1 to"),
        ("/v1/tasks?pipeline=orders-check&batch_size=many", 400, "bad-request", "from 1 to"),
    ] {
        let detail = problem(api.post(path, &[], CSV)?, status, kind)?;
        assert!(detail.contains(says), "{path}: {detail}");
    }
    for (body, status, kind) in [
        ("{", 400, "bad-request"),
        (r#"{"pipeline":"orders-check"}"#, 400, "bad-request"),
        (r#"{"pipeline":"orders-check","size":1,"colour":"red"}"#, 400, "bad-request"),
        (r#"{"pipeline":"orders-check","size":99999999999}"#, 413, "too-large"),
    ] {
        problem(api.post("/v1/uploads", &[], body)?, status, kind)?;
    }
    Ok(())
}

#[test]
fn nobody_gets_in_without_a_key_and_nobody_sees_what_belongs_to_another() -> Result<()> {
    let api = Api::new()?;
    let task: TaskView = api.upload(&unique("mine"), CSV)?.into_body().read_json()?;
    let id = task.id;
    api.stack.wait(id)?;
    let paths = [
        "/v1/tasks".to_owned(),
        format!("/v1/tasks/{id}"),
        format!("/v1/tasks/{id}/batches"),
        format!("/v1/tasks/{id}/batches/0"),
        format!("/v1/tasks/{id}/results"),
        format!("/v1/tasks/{id}/failures"),
        "/v1/queues".to_owned(),
    ];
    for path in &paths {
        for key in [None, Some("wrong")] {
            problem(api.get(path, key)?, 401, "unauthorized")?;
        }
    }
    let mine = api.get(&paths[1], Some(&api.stack.key))?;
    assert_eq!(mine.status().as_u16(), 200);
    for path in &paths[1..6] {
        let theirs = problem(api.get(path, Some(&api.stack.other_key))?, 404, "not-found")?;
        let missing = path.replace(&id.to_string(), "01890000-0000-7000-8000-000000000000");
        let nothing = problem(api.get(&missing, Some(&api.stack.other_key))?, 404, "not-found")?;
        assert_eq!(theirs.replace(&id.to_string(), ""), nothing.replace("01890000-0000-7000-8000-000000000000", ""));
    }
    let theirs = api.stack.other_client().tasks(None, 500)?;
    assert!(theirs.iter().all(|task| task.id != id));
    Ok(())
}

#[test]
fn lists_page_newest_first_and_filter_by_state() -> Result<()> {
    let api = Api::new()?;
    let mut ids = Vec::new();
    for number in 0..3 {
        let task: TaskView = api.upload(&unique(&format!("page{number}")), CSV)?.into_body().read_json()?;
        api.stack.wait(task.id)?;
        ids.insert(0, task.id);
    }
    let key = Some(api.stack.key.as_str());
    let (mut seen, mut path) = (Vec::new(), "/v1/tasks?state=completed&limit=2".to_owned());
    while !ids.iter().all(|id| seen.contains(id)) {
        let page: Value = api.get(&path, key)?.into_body().read_json()?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        assert!(items.iter().all(|task| task["state"] == "completed"));
        for item in items {
            seen.push(item["id"].as_str().unwrap_or_default().parse()?);
        }
        let cursor = page["next_cursor"].as_str().expect("the three are not all seen yet");
        path = format!("/v1/tasks?state=completed&limit=2&cursor={cursor}");
    }
    assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
    problem(api.get("/v1/tasks?state=nothing", key)?, 400, "bad-request")?;
    problem(api.get("/v1/tasks?cursor=nothing", key)?, 400, "bad-request")?;
    Ok(())
}

#[test]
fn results_are_a_redirect_once_the_task_has_ended() -> Result<()> {
    let api = Api::new()?;
    let wish = json!({ "filename": "never.csv", "size": 10, "pipeline": "orders-check" }).to_string();
    let announced: Value = api.post("/v1/uploads", &[], wish)?.into_body().read_json()?;
    let waiting = announced["task"]["id"].as_str().unwrap_or_default().to_owned();
    let key = Some(api.stack.key.as_str());
    let detail = problem(api.get(&format!("/v1/tasks/{waiting}/results"), key)?, 409, "conflict")?;
    assert!(detail.contains("awaiting_upload"), "{detail}");
    let task: TaskView = api.upload(&unique("results"), CSV)?.into_body().read_json()?;
    api.stack.wait(task.id)?;
    // They are written a moment after the end. Until then the answer says when to come again.
    let response = loop {
        let response = api.get(&format!("/v1/tasks/{}/results", task.id), key)?;
        if response.status().as_u16() != 503 {
            break response;
        }
        assert_eq!(header(&response, "retry-after"), "2");
        problem(response, 503, "not-ready")?;
    };
    assert_eq!(response.status().as_u16(), 303);
    let outcomes = api.agent.get(header(&response, "location")).call()?.into_body().read_to_string()?;
    assert_eq!(outcomes, "{\"outcome\":\"succeeded\",\"row\":2}\n");
    Ok(())
}

#[test]
fn preflights_are_answered_without_a_key() -> Result<()> {
    let api = Api::new()?;
    for path in [
        "/v1/tasks",
        "/v1/uploads",
        "/v1/tasks/x",
        "/v1/tasks/x/batches",
        "/v1/tasks/x/results",
        "/v1/tasks/x/failures",
        "/v1/queues",
    ] {
        let request = ureq::http::Request::options(format!("{}{path}", api.stack.url)).body(())?;
        let response = api.agent.run(request)?;
        assert_eq!(response.status().as_u16(), 204, "{path}");
        assert!(header(&response, "access-control-allow-headers").contains("authorization"), "{path}");
    }
    Ok(())
}

#[test]
fn queues_are_counted() -> Result<()> {
    let stack = Stack::main()?;
    let names: Vec<String> = stack.client().queues()?.into_iter().map(|queue| queue.name).collect();
    assert_eq!(names, ["batch", "ingest", "report", "webhook", "live"]);
    Ok(())
}
