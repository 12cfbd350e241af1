//! `deliver.http` against the partner server.

use filas_testkit::partner::{PartnerServer, PartnerSettings};

use super::*;

struct Scene {
    partner: PartnerServer,
    pipeline: Pipeline,
}

impl Scene {
    /// A partner that behaves so, and a pipeline that puts to it; `more` is added to `deliver.http`.
    fn new(settings: PartnerSettings, more: &str) -> Self {
        let partner = PartnerServer::start_local(settings).unwrap();
        let yaml = format!("name: a\ndeliver:\n  http:\n    put: \"${{P}}/prices/{{row.sku}}\"\n    {more}\n");
        let allowed = partner.address().to_string();
        let pipeline = compile(&yaml, &Variables::new().with("P", partner.url()).with("OUTBOUND_ALLOW", allowed));
        Self { partner, pipeline }
    }

    async fn deliver(&self, number: u32, time_left: Duration) -> String {
        let record = json!({"sku": "a/b", "price": 9.5, "note": null});
        told(self.pipeline.run_row(row(number, &record), &context_with(time_left)).await)
    }
}

const PLENTY: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_row_arrives_once_under_its_key_even_when_it_is_run_again() {
    let scene = Scene::new(PartnerSettings::default(), "");
    for _ in 0..2 {
        assert_eq!(scene.deliver(2, PLENTY).await, "succeeded");
    }
    assert_eq!(scene.deliver(3, PLENTY).await, "succeeded");
    let summary = scene.partner.summary();
    assert_eq!((summary.requests, summary.effects, summary.replays, summary.conflicts), (3, 2, 1, 0));
    let keys: Vec<_> = scene.partner.journal().into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, ["task.2", "task.3"]);
}

#[tokio::test]
async fn the_partner_gets_the_record_at_the_encoded_path() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"}") {
            stream.read_buf(&mut heard).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        String::from_utf8(heard).unwrap()
    });
    let yaml = "name: a\ndeliver: { http: { patch: '${P}/prices/{row.sku}', headers: { x-shop: 'north ${S}' } } }\n";
    let variables = Variables::new().with("P", format!("http://{address}/")).with("S", "1");
    let variables = variables.with("OUTBOUND_ALLOW", address.to_string());
    let record = json!({"sku": "a/b ñ", "price": 9.5, "note": null, "n": 3});
    let outcome = compile(yaml, &variables).run_row(row(9, &record), &context()).await;
    assert_eq!(told(outcome), "succeeded");
    let heard = heard.await.unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PATCH /prices/a%2Fb%20%C3%B1 HTTP/1.1\r\n"), "{head}");
    for header in [
        "idempotency-key: task.9",
        "content-type: application/json",
        "x-shop: north 1",
        "user-agent: filas/",
        "traceparent: 00-",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert_eq!(body, r#"{"sku":"a/b ñ","price":9.5,"n":3}"#);
}

#[tokio::test]
async fn transient_answers_are_tried_again() {
    for status in [500, 503, 429] {
        let settings = PartnerSettings { fail_first: 2, error_status: status, ..PartnerSettings::default() };
        let scene = Scene::new(settings, "");
        assert_eq!(scene.deliver(2, PLENTY).await, "succeeded", "{status}");
        let summary = scene.partner.summary();
        assert_eq!((summary.requests, summary.effects, summary.keys), (3, 1, 1), "{status}");
    }
}

#[tokio::test]
async fn used_up_attempts_fail_the_row() {
    let settings = PartnerSettings { fail_first: 9, error_status: 503, ..PartnerSettings::default() };
    let scene = Scene::new(settings, "retry: { attempts: 3 }");
    let seen = scene.deliver(2, PLENTY).await;
    assert!(seen.starts_with("Deliver HTTP_503: the partner answered 503 Service Unavailable: {"), "{seen}");
    assert!(seen.ends_with("(after 3 attempts)"), "{seen}");
    assert_eq!(scene.partner.summary().requests, 3);
}

#[tokio::test]
async fn permanent_answers_fail_the_row_at_once() {
    let settings = PartnerSettings { fail_first: 1, error_status: 422, ..PartnerSettings::default() };
    let scene = Scene::new(settings, "");
    let seen = scene.deliver(2, PLENTY).await;
    assert!(seen.starts_with("Deliver HTTP_422: the partner answered 422 Unprocessable Entity: {"), "{seen}");
    assert!(seen.contains("the settings ask for this failure") && !seen.contains("attempts"), "{seen}");
    assert_eq!(scene.partner.summary().requests, 1);
}

#[tokio::test]
async fn only_what_the_file_names_is_tried_again() {
    let settings = PartnerSettings { fail_first: 1, error_status: 503, ..PartnerSettings::default() };
    let scene = Scene::new(settings, "retry: { for: [429] }");
    assert!(scene.deliver(2, PLENTY).await.starts_with("Deliver HTTP_503"));
    let settings = PartnerSettings { fail_first: 1, error_status: 404, ..PartnerSettings::default() };
    let scene = Scene::new(settings, "expect: [200, 404]");
    assert_eq!(scene.deliver(2, PLENTY).await, "succeeded");
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let scene = Scene::new(PartnerSettings { rate_limit_per_second: 1, ..PartnerSettings::default() }, "");
    assert_eq!(scene.deliver(2, PLENTY).await, "succeeded");
    let begun = Instant::now();
    assert_eq!(scene.deliver(3, PLENTY).await, "succeeded");
    assert!(begun.elapsed() >= Duration::from_secs(1), "came back after {:?}", begun.elapsed());
    let summary = scene.partner.summary();
    // One refusal: whoever waits the second that was asked for is let in.
    assert_eq!((summary.by_status[&429], summary.by_status[&200]), (1, 2));
}

#[tokio::test]
async fn a_wait_past_the_deadline_hands_the_row_on() {
    let scene = Scene::new(PartnerSettings { rate_limit_per_second: 1, ..PartnerSettings::default() }, "");
    assert_eq!(scene.deliver(2, PLENTY).await, "succeeded");
    let begun = Instant::now();
    let seen = scene.deliver(3, Duration::from_millis(700)).await;
    assert_eq!(seen, "interrupted: the deadline came before the row was done");
    assert!(begun.elapsed() < Duration::from_millis(600), "waited although it was no use");
    assert_eq!(scene.partner.summary().effects, 1);
}

#[tokio::test]
async fn a_reset_is_tried_again_and_does_not_double_the_effect() {
    for reset_after_effect in [false, true] {
        let settings = PartnerSettings { reset_rate: 1.0, reset_after_effect, ..PartnerSettings::default() };
        let scene = Scene::new(settings, "retry: { attempts: 2 }");
        let seen = scene.deliver(2, PLENTY).await;
        assert!(seen.starts_with("Deliver CONNECTION: the connection to the partner broke: "), "{seen}");
        assert!(!seen.contains("a%2Fb"), "the URL holds cells: {seen}");
        assert_eq!(scene.partner.summary().resets, 2);
        scene.partner.set(PartnerSettings::default()).unwrap();
        assert_eq!(scene.deliver(2, PLENTY).await, "succeeded");
        assert_eq!(scene.partner.summary().effects, 1, "reset_after_effect: {reset_after_effect}");
    }
}

#[tokio::test]
async fn no_connection_is_a_failed_row_in_the_end() {
    let scene = Scene::new(PartnerSettings::default(), "retry: { attempts: 2 }");
    let Scene { partner, pipeline } = scene;
    partner.stop();
    let seen = told(pipeline.run_row(row(2, &json!({"sku": "1"})), &context()).await);
    assert!(seen.starts_with("Deliver CONNECTION: no connection to the partner: "), "{seen}");
    assert!(seen.ends_with("(after 2 attempts)"), "{seen}");
}

#[tokio::test]
async fn a_hang_is_a_timeout() {
    let scene = Scene::new(
        PartnerSettings { hang_rate: 1.0, ..PartnerSettings::default() },
        "timeout: 100ms\n    retry: { attempts: 2 }",
    );
    let seen = scene.deliver(2, PLENTY).await;
    assert_eq!(seen, "Deliver TIMEOUT: the partner did not answer in time (after 2 attempts)");
    assert_eq!(scene.partner.summary().hangs, 2);
}

#[tokio::test]
async fn an_attempt_that_the_deadline_cuts_short_hands_the_row_on() {
    let scene = Scene::new(PartnerSettings { hang_rate: 1.0, ..PartnerSettings::default() }, "");
    let begun = Instant::now();
    let seen = scene.deliver(2, Duration::from_millis(250)).await;
    assert_eq!(seen, "interrupted: the deadline came before the row was done");
    assert!((200..2_000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn cells_that_fit_no_url_fail_the_row() {
    let scene = Scene::new(PartnerSettings::default(), "");
    for (record, expected) in [
        (json!({"sku": null}), "Deliver INVALID_PLACEHOLDER: sku: the cell is empty, and the URL needs it"),
        (json!({"sku": ".."}), "Deliver INVALID_PLACEHOLDER: the URL would have a path segment `.` or `..`"),
    ] {
        assert_eq!(told(scene.pipeline.run_row(row(2, &record), &context()).await), expected);
    }
    assert_eq!(scene.partner.summary().requests, 0);
}

#[test]
fn deliveries_that_cannot_work_are_refused() {
    let check = |http: &str, expected: &str| {
        let spec = parse(&format!("name: a\ndeliver: {{ http: {{ {http} }} }}\n")).unwrap();
        let variables = Variables::new().with("OUTBOUND_ALLOW", "p:80");
        let error = Pipeline::compile(&spec, &variables).unwrap_err().to_string();
        assert!(error.contains(expected), "{http}: {error}");
    };
    check("concurrency: 4", "deliver.http: give one of put, post and patch");
    check("put: 'http://p/', post: 'http://p/'", "deliver.http: give one of put, post and patch");
    check("put: 'http://p/', concurrency: 0", "deliver.http.concurrency: 0 is not from 1 to 256");
    check("put: 'http://p/', retry: { attempts: 21 }", "deliver.http.retry.attempts: 21 is not from 1 to 20");
    check("put: 'http://p/', timeout: 0s", "deliver.http.timeout");
    check("put: 'http://p/', expect: [99]", "deliver.http.expect: 99 is no status");
    check("put: 'http://p/', headers: { idempotency-key: x }", "this header is set by Filas");
    for ours in ["traceparent", "webhook-id", "Webhook-Signature", "host"] {
        check(&format!("put: 'http://p/', headers: {{ {ours}: x }}"), "this header is set by Filas");
    }
    check("put: 'http://p/', headers: { a: '${TOKEN}' }", "deliver.http.headers.a: the variable TOKEN is not set");
    check("put: 'http://p/', headers: { 'a b': c }", "deliver.http.headers.a b: no header name");
    check("put: '{row.url}'", "scheme and host must not depend on the row");
    check(
        "put: 'http://other/'",
        "deliver.http.put: only https goes out, unless OUTBOUND_ALLOW names the host and port",
    );
    check("put: 'https://10.0.0.1/'", "deliver.http.put: 10.0.0.1 is not a public address");
}

/// The whole of a batch at the pipeline's own concurrency, against a partner with every fault at once.
#[tokio::test]
async fn a_batch_through_a_faulty_partner_loses_and_doubles_nothing() {
    let settings = PartnerSettings {
        error_rate: 0.1,
        error_status: 503,
        reset_rate: 0.1,
        reset_after_effect: true,
        latency_ms: 2,
        jitter: 1.0,
        ..PartnerSettings::default()
    };
    let scene = std::sync::Arc::new(Scene::new(settings, "retry: { attempts: 12 }"));
    let permits = std::sync::Arc::new(tokio::sync::Semaphore::new(scene.pipeline.concurrency()));
    let mut rows = tokio::task::JoinSet::new();
    for number in 2..302 {
        let (scene, permits) = (scene.clone(), permits.clone());
        rows.spawn(async move {
            let _permit = permits.acquire_owned().await.unwrap();
            scene.deliver(number, PLENTY).await
        });
    }
    let outcomes = rows.join_all().await;
    assert!(outcomes.iter().all(|outcome| outcome == "succeeded"), "{outcomes:?}");
    let summary = scene.partner.summary();
    assert_eq!((summary.keys, summary.effects, summary.conflicts), (300, 300, 0));
    assert!(summary.resets > 0 && summary.by_status[&503] > 0 && summary.replays > 0, "{summary:?}");
    assert!((2..=16).contains(&summary.max_in_flight), "{summary:?}");
}
