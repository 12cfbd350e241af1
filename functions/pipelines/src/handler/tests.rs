use filas_domain::access::{OwnerKeys, sha256_hex};
use filas_domain::keys::ObjectKey;
use filas_domain::row_line;
use filas_pipeline::Pipeline;
use filas_testkit::memory::{ManualClock, MemoryObjects, MemoryPipelines};
use lambda_http::Body;
use serde_json::{Value, json};

use super::*;

const OWN: &str = "\
name: own
description: adds up
rows: { key: id }
validate:
  required: [id, quantity]
  properties: { id: { type: string }, quantity: { type: integer, minimum: 1 } }
compute: { double: row.quantity * 2 }
deliver: { http: { post: \"${PARTNER_URL}/orders\" } }
";

/// The calls and everything around them.
struct World {
    objects: MemoryObjects,
    calls: PipelineCalls<MemoryPipelines, MemoryObjects, ManualClock>,
}

/// A request in the making, by `acme`.
struct Ask {
    method: &'static str,
    path: String,
    query: Value,
    headers: Value,
    body: String,
}

impl Ask {
    fn new(method: &'static str, path: &str) -> Self {
        let headers = json!({"authorization": "Bearer acme-key"});
        Self { method, path: path.to_owned(), query: json!({}), headers, body: String::new() }
    }

    fn put(name: &str, yaml: &str) -> Self {
        Self { body: yaml.to_owned(), ..Self::new("PUT", &format!("/v1/pipelines/{name}")) }
    }

    fn check(file: &str) -> Self {
        let ask = Self { body: file.to_owned(), ..Self::new("POST", "/v1/pipelines/own/check") };
        ask.query("filename", "rows.csv")
    }

    fn query(mut self, name: &str, value: &str) -> Self {
        self.query[name] = value.into();
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers[name] = value.into();
        self
    }
}

impl World {
    fn new() -> Self {
        let objects = MemoryObjects::new();
        let calls = PipelineCalls {
            register: MemoryPipelines::new(),
            objects: objects.clone(),
            clock: ManualClock::default(),
            variables: Variables::new().with("PARTNER_URL", "https://partner.example"),
            services: Services::none(),
        };
        Self { objects, calls }
    }

    /// Sends the request as API Gateway does; the answer's status, media type and text.
    async fn send_for_text(&self, ask: Ask) -> (u16, String, String) {
        let digest = |key: &str| sha256_hex(key.as_bytes());
        let keys = format!("acme={},other={}", digest("acme-key"), digest("other-key"));
        let keys = OwnerKeys::parse(&keys).unwrap();
        let event = json!({
            "resource": "/{proxy+}", "path": ask.path, "httpMethod": ask.method, "headers": ask.headers,
            "queryStringParameters": ask.query, "body": ask.body, "isBase64Encoded": false,
            "requestContext": {"resourcePath": "/{proxy+}", "httpMethod": ask.method, "requestId": "r-1", "identity": {}},
        });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let response = filas_http::serve(request, &keys, |call| self.calls.answer(call)).await;
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        let Body::Text(body) = response.body() else { panic!("{response:?}") };
        (response.status().as_u16(), media_type, body.clone())
    }

    async fn send(&self, ask: Ask) -> (u16, Value) {
        let (status, _, body) = self.send_for_text(ask).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    /// The names and versions that `acme` is shown, page by page.
    async fn listed(&self, limit: u32) -> Vec<(String, bool)> {
        let mut seen = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let ask = Ask::new("GET", "/v1/pipelines").query("limit", &limit.to_string());
            let ask = match &cursor {
                Some(cursor) => ask.query("cursor", cursor),
                None => ask,
            };
            let (status, page) = self.send(ask).await;
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit as usize);
            let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
            seen.extend(items.iter().map(|item| (name(item), item["shipped"] == true)));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return seen,
            }
        }
    }
}

#[tokio::test]
async fn a_pipeline_is_put_shown_and_put_again() {
    let world = World::new();
    let version = Pipeline::version(OWN);
    let (status, first) = world.send(Ask::put("own", OWN)).await;
    assert_eq!((status, &first["version"], &first["description"]), (201, &json!(version), &json!("adds up")));
    // The same text is the same version, and the moment of its change stays.
    assert_eq!(world.send(Ask::put("own", OWN)).await, (200, first.clone()));
    let (status, shown) = world.send(Ask::new("GET", "/v1/pipelines/own")).await;
    assert_eq!((status, &shown["yaml"], &shown["shipped"]), (200, &json!(OWN), &json!(false)));
    assert_eq!(shown["changed"], first["changed"]);
    let yaml = Ask::new("GET", "/v1/pipelines/own").header("accept", "application/yaml");
    assert_eq!(world.send_for_text(yaml).await, (200, "application/yaml".to_owned(), OWN.to_owned()));
    // Another text is another version, and the first can still be had.
    let other = OWN.replace("adds up", "multiplies");
    let (status, second) = world.send(Ask::put("own", &other)).await;
    assert_eq!((status, &second["version"]), (200, &json!(Pipeline::version(&other))));
    let earlier = Ask::new("GET", "/v1/pipelines/own").query("version", &version);
    assert_eq!(world.send(earlier).await.1["yaml"], OWN);
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_its_place_and_without_a_trace() {
    let world = World::new();
    let check = async |name: &str, yaml: &str, kind: &str, part: &str| {
        let (status, problem) = world.send(Ask::put(name, yaml)).await;
        assert_eq!((status, &problem["type"]), (422, &json!(format!("/problems/{kind}"))), "{part}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{part}: {problem}");
    };
    check("own", "name: own\ndelivr: none\n", "unusable-pipeline", "line 2, column 1: unknown key `delivr`").await;
    check("own", "name: own\ndelivr: none\n", "unusable-pipeline", "did you mean `deliver`?").await;
    check("own", &OWN.replace("row.quantity * 2", "row.quantty * 2"), "unusable-pipeline", "line 7").await;
    check("own", &OWN.replace("PARTNER_URL", "OTHER_URL"), "unusable-pipeline", "OTHER_URL").await;
    check("own", &OWN.replace("${PARTNER_URL}", "http://169.254.169.254"), "unusable-pipeline", "deliver.http").await;
    check("other", OWN, "another-name", "/v1/pipelines/own").await;
    assert_eq!(world.objects.keys(), [] as [ObjectKey; 0]);
    let large = format!("name: own\ndescription: {}\ndeliver: none\n", "x".repeat(64 << 10));
    assert_eq!(world.send(Ask::put("own", &large)).await.0, 413);
    assert_eq!(world.send(Ask::new("GET", "/v1/pipelines/own")).await.0, 404);
}

#[tokio::test]
async fn pipelines_are_listed_with_the_shipped_ones_and_are_their_owners() {
    let world = World::new();
    let shipped = ["orders", "orders-check", "prices", "simulate"];
    let expected: Vec<_> = shipped.iter().map(|name| ((*name).to_owned(), true)).collect();
    assert_eq!(world.listed(3).await, expected);
    for (name, status) in [("own", 201), ("prices", 201)] {
        let yaml = OWN.replace("name: own", &format!("name: {name}"));
        assert_eq!(world.send(Ask::put(name, &yaml)).await.0, status);
    }
    let expected = [("orders", true), ("orders-check", true), ("own", false), ("prices", false), ("simulate", true)];
    let expected = expected.map(|(name, is_shipped)| (name.to_owned(), is_shipped));
    for limit in [1, 2, 4, 9] {
        assert_eq!(world.listed(limit).await, expected, "{limit} a page");
    }
    // Another owner has none of them, whatever it knows.
    let other = |path: &str| Ask::new("GET", path).header("authorization", "Bearer other-key");
    assert_eq!(world.send(other("/v1/pipelines/own")).await.0, 404);
    let version = Pipeline::version(OWN);
    assert_eq!(world.send(other("/v1/pipelines/own").query("version", &version)).await.0, 404);
    assert_eq!(world.send(other("/v1/pipelines/prices")).await.1["shipped"], true);
    assert_eq!(world.send(Ask::new("GET", "/v1/pipelines/own").query("version", "../../x")).await.0, 404);
}

#[tokio::test]
async fn the_schema_of_the_format_is_served() {
    let (status, media_type, body) = World::new().send_for_text(Ask::new("GET", "/v1/pipelines/schema.json")).await;
    assert_eq!((status, media_type.as_str()), (200, "application/schema+json"));
    let schema: Value = serde_json::from_str(&body).unwrap();
    assert!(schema["properties"]["deliver"].is_object(), "{body}");
}

#[tokio::test]
async fn a_dry_run_says_what_would_become_of_the_first_rows() {
    let world = World::new();
    world.send(Ask::put("own", OWN)).await;
    let csv = "id,quantity\nA,3\nB,0\nA,1\nD,4\nE,5\n";
    let (status, checked) = world.send(Ask::check(csv).query("rows", "4")).await;
    assert_eq!(status, 200, "{checked}");
    assert_eq!((&checked["passed"], &checked["failed"], &checked["has_more"]), (&json!(2), &json!(2), &json!(true)));
    assert_eq!(checked["rows"][0]["record"]["double"], 6);
    assert_eq!((&checked["rows"][1]["row"], &checked["rows"][1]["code"]), (&json!(3), &json!("INVALID_ROW")));
    assert_eq!(checked["rows"][2]["message"], "id: \"A\" is the key of row 2 already");
    let stages: Vec<_> = checked["stages"].as_array().unwrap().iter().map(|stage| &stage["stage"]).collect();
    assert_eq!(stages, ["validate", "compute"], "the delivery is left out");
    // Rows that somebody else read come as lines.
    let mut lines = Vec::new();
    row_line::append(&mut lines, 7, br#"{"id":"A","quantity":"2"}"#);
    let ask = Ask::check(std::str::from_utf8(&lines).unwrap()).header("content-type", row_line::MEDIA_TYPE);
    let (status, checked) = world.send(ask).await;
    assert_eq!((status, &checked["rows"][0]["row"], &checked["has_more"]), (200, &json!(7), &json!(false)));
}

#[tokio::test]
async fn a_dry_run_that_cannot_be_is_refused() {
    let world = World::new();
    world.send(Ask::put("own", OWN)).await;
    let check = async |ask: Ask, expected: u16, part: &str| {
        let (status, problem) = world.send(ask).await;
        assert_eq!(status, expected, "{part}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{part}: {problem}");
    };
    check(Ask::check("id\n").query("rows", "1001"), 400, "from 1 to 1000").await;
    check(Ask::check(""), 422, "FILE_EMPTY").await;
    check(Ask::check("x").query("filename", "a.xlsx"), 422, "FORMAT_MISMATCH").await;
    check(Ask::check("no rows\n").header("content-type", row_line::MEDIA_TYPE), 400, "is no row").await;
    check(Ask { path: "/v1/pipelines/nothing/check".into(), ..Ask::check("id\nA\n") }, 404, "nothing").await;
    check(Ask::new("DELETE", "/v1/pipelines/own"), 404, "such call").await;
}
