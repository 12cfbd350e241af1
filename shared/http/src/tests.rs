//! What is let through to a handler, and as whom.

use std::time::Duration;

use filas_domain::access::routes::ROUTES;
use filas_domain::access::{ApiKey, KeyText, Scope, Scopes, sha256_hex};
use filas_domain::ports::{Clock as _, Keys as _};
use filas_testkit::memory::{ManualClock, MemoryAccess};
use serde_json::{Value, json};

use super::guard::KEY_TRUSTED;
use super::*;

type TestGuard = Guard<MemoryAccess, ManualClock>;

struct World {
    guard: TestGuard,
    store: MemoryAccess,
    clock: ManualClock,
}

/// An answer as the caller sees it.
struct Answered {
    status: u16,
    headers: lambda_http::http::HeaderMap,
    body: Value,
}

impl Answered {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

fn world(requests: &str) -> World {
    let (store, clock) = (MemoryAccess::new(), ManualClock::default());
    let variable = |name: &str| match name {
        guard::OWNER_KEYS => Some(format!("acme={}", sha256_hex(b"first"))),
        guard::REQUESTS => Some(requests.to_owned()),
        _ => None,
    };
    let guard = Guard::of_installation(variable, store.clone(), clock.clone()).unwrap();
    World { guard, store, clock }
}

impl World {
    /// A key of `acme` with these scopes, good for a minute.
    async fn key(&self, random: u8, scopes: &[Scope]) -> KeyText {
        let text = KeyText::new("acme".parse().unwrap(), [random; 32]);
        let now = self.clock.now();
        let scopes = scopes.iter().copied().collect();
        let key = ApiKey::new(&text, "test".into(), scopes, now, now.plus(Duration::from_secs(60)));
        self.store.add(&key).await.unwrap();
        text
    }

    /// The handler says who it was called by.
    async fn ask(&self, method: &str, path: &str, key: Option<&str>) -> Answered {
        let headers = key.map_or(json!({}), |key| json!({ "authorization": format!("Bearer {key}") }));
        let event = json!({
            "resource": "/{proxy+}", "path": path, "httpMethod": method, "headers": headers,
            "queryStringParameters": {}, "body": null, "isBase64Encoded": false,
            "requestContext": {"resourcePath": "/{proxy+}", "httpMethod": method, "requestId": "r", "identity": {}},
        });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let handle = async |call: Call| {
            let scopes: Vec<_> = call.caller.scopes.iter().map(Scope::as_str).collect();
            Ok(Answer::json(200, &json!({ "owner": call.owner.as_str(), "scopes": scopes })))
        };
        let response = serve(request, &self.guard, handle).await;
        let (parts, body) = response.into_parts();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answered { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

/// The path of a route with something in the place of its parameters.
fn filled(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "x" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_call_is_let_through_to_a_key_with_its_scope_and_to_no_other() {
    let world = world("0");
    let mut keys = Vec::new();
    for (random, scope) in (1..).zip(Scope::ALL) {
        keys.push((scope, world.key(random, &[scope]).await));
    }
    for route in ROUTES {
        let path = filled(route.path);
        let Some(needed) = route.scope else {
            assert_eq!(world.ask(route.method, &path, None).await.status, 200, "{route:?}");
            continue;
        };
        assert_eq!(world.ask(route.method, &path, None).await.status, 401, "{route:?}");
        assert_eq!(world.ask(route.method, &path, Some("first")).await.status, 200, "{route:?}");
        for (scope, key) in &keys {
            let answered = world.ask(route.method, &path, Some(key.reveal())).await;
            if *scope == needed {
                let expected = json!({ "owner": "acme", "scopes": [scope.as_str()] });
                assert_eq!((answered.status, answered.body), (200, expected), "{route:?}");
            } else {
                assert_eq!((answered.status, &answered.body["type"]), (403, &json!("/problems/forbidden")));
                assert!(answered.body["detail"].as_str().unwrap().contains(needed.as_str()), "{:?}", answered.body);
            }
        }
    }
}

#[tokio::test]
async fn a_call_that_is_not_in_the_table_reaches_no_handler() {
    let world = world("0");
    for (method, path) in [("GET", "/v1/nothing"), ("PATCH", "/v1/tasks"), ("GET", "/v1/tasks/x/secrets")] {
        assert_eq!(world.ask(method, path, Some("first")).await.status, 404, "{method} {path}");
        assert_eq!(world.ask(method, path, None).await.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_no_good_key_opens_nothing() {
    let world = world("0");
    let good = world.key(1, &[Scope::Read]).await;
    let of_another = KeyText::new("other".parse().unwrap(), [1; 32]);
    let unknown = KeyText::new("acme".parse().unwrap(), [2; 32]);
    // As long as a good one, with the same id if only its beginning were looked at.
    let altered = format!("{}0", &good.reveal()[..good.reveal().len() - 1]);
    for key in ["", "wrong", "a.b.c", of_another.reveal(), unknown.reveal(), &altered, &good.digest()] {
        let answered = world.ask("GET", "/v1/tasks", Some(key)).await;
        assert_eq!((answered.status, &answered.body["type"]), (401, &json!("/problems/unauthorized")), "{key}");
        assert_eq!(answered.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(world.ask("GET", "/v1/tasks", Some(good.reveal())).await.status, 200);
}

#[tokio::test]
async fn a_key_ends_when_it_expires_and_within_seconds_when_it_is_revoked() {
    let world = world("0");
    let (expiring, revoked) = (world.key(1, &[Scope::Read]).await, world.key(2, &[Scope::Read]).await);
    let status = async |key: &KeyText| world.ask("GET", "/v1/tasks", Some(key.reveal())).await.status;
    assert_eq!((status(&expiring).await, status(&revoked).await), (200, 200));
    world.store.revoke(revoked.owner(), &revoked.id(), world.clock.now()).await.unwrap();
    world.clock.advance(KEY_TRUSTED);
    assert_eq!((status(&expiring).await, status(&revoked).await), (200, 401));
    world.clock.advance(Duration::from_secs(56));
    // Remembered a moment before its end, and not beyond it.
    assert_eq!(status(&expiring).await, 200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(status(&expiring).await, 401);
}

#[tokio::test]
async fn a_key_that_was_found_is_not_looked_for_again_at_once() {
    let world = world("0");
    let key = world.key(1, &[Scope::Read]).await;
    let status = async || world.ask("GET", "/v1/tasks", Some(key.reveal())).await.status;
    assert_eq!(status().await, 200);
    world.store.fail_next("key", 1);
    assert_eq!(status().await, 200);
    world.clock.advance(KEY_TRUSTED);
    assert_eq!(status().await, 500, "the store is asked again, and fails");
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn who_calls_too_often_waits_and_others_do_not() {
    let world = world("2");
    let other = KeyText::new("other".parse().unwrap(), [1; 32]);
    let now = world.clock.now();
    let key = ApiKey::new(&other, "test".into(), Scopes::all(), now, now.plus(Duration::from_secs(600)));
    world.store.add(&key).await.unwrap();
    // What is not allowed, or is not there, counts as well.
    for (path, status, left) in [("/v1/tasks", 200, 1), ("/v1/nothing", 404, 0)] {
        let answered = world.ask("GET", path, Some("first")).await;
        assert_eq!(answered.status, status);
        assert_eq!(answered.header("ratelimit-policy"), Some("\"owner\";q=2;w=60"));
        let field = answered.header("ratelimit").unwrap();
        assert!(field.starts_with(&format!("\"owner\";r={left};t=")), "{field}");
    }
    let answered = world.ask("GET", "/v1/tasks", Some("first")).await;
    assert_eq!((answered.status, &answered.body["type"]), (429, &json!("/problems/too-many-requests")));
    let again: u64 = answered.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&again));
    assert!(answered.header("ratelimit").unwrap().starts_with("\"owner\";r=0;t="));
    assert_eq!(world.ask("GET", "/v1/tasks", Some(other.reveal())).await.status, 200);
    world.clock.advance(Duration::from_secs(again));
    assert_eq!(world.ask("GET", "/v1/tasks", Some("first")).await.status, 200);
}

#[tokio::test]
async fn a_request_that_cannot_be_counted_goes_on() {
    let world = world("1");
    world.store.fail_next("count", 2);
    for _ in 0..2 {
        let answered = world.ask("GET", "/v1/tasks", Some("first")).await;
        assert_eq!((answered.status, answered.header("ratelimit")), (200, None));
    }
    assert_eq!(world.ask("GET", "/v1/tasks", Some("first")).await.status, 200);
    assert_eq!(world.ask("GET", "/v1/tasks", Some("first")).await.status, 429);
}

#[test]
fn an_installation_that_can_let_nobody_in_does_not_start() {
    let keys = format!("acme={}", sha256_hex(b"first"));
    for (variables, expected) in [
        (vec![], "FILAS_OWNER_KEYS cannot be used"),
        (vec![(guard::OWNER_KEYS, keys.as_str()), (guard::REQUESTS, "many")], "FILAS_REQUESTS_PER_MINUTE is not"),
        (vec![(guard::OWNER_KEYS, &keys), ("FILAS_OIDC_ISSUER", "https://a.example")], "the issuer of tokens cannot"),
    ] {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        let error = Guard::of_installation(variable, MemoryAccess::new(), ManualClock::default()).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
