use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use filas_domain::access::sha256_hex;
use filas_http::{Guard, guard};
use filas_testkit::memory::{ManualClock, MemoryAccess};
use serde_json::{Value, json};

use super::*;

struct World {
    guard: Guard<MemoryAccess, ManualClock>,
    calls: KeyCalls<MemoryAccess, ManualClock>,
    store: MemoryAccess,
    clock: ManualClock,
}

fn random() -> Result<[u8; 32], PortError> {
    static MADE: AtomicU8 = AtomicU8::new(1);
    Ok([MADE.fetch_add(1, Ordering::Relaxed); 32])
}

fn world() -> World {
    let (store, clock) = (MemoryAccess::new(), ManualClock::default());
    let keys = format!("acme={},other={}", sha256_hex(b"acme-key"), sha256_hex(b"other-key"));
    let variable = |name: &str| (name == guard::OWNER_KEYS).then(|| keys.clone());
    let guard = Guard::of_installation(variable, store.clone(), clock.clone()).unwrap();
    World { guard, calls: KeyCalls { keys: store.clone(), clock: clock.clone(), random }, store, clock }
}

impl World {
    async fn ask(&self, method: &str, path: &str, key: &str, body: Value) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query: Value =
            query.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k, json!(v))).collect();
        let event = json!({
            "resource": "/{proxy+}", "path": path, "httpMethod": method,
            "headers": {"authorization": format!("Bearer {key}")},
            "queryStringParameters": query, "body": body.to_string(), "isBase64Encoded": false,
            "requestContext": {"resourcePath": "/{proxy+}", "httpMethod": method, "requestId": "r", "identity": {}},
        });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let response = filas_http::serve(request, &self.guard, |call| self.calls.answer(call)).await;
        let status = response.status().as_u16();
        (status, serde_json::from_slice(response.body()).unwrap_or(Value::Null))
    }

    async fn make(&self, key: &str, body: Value) -> (u16, Value) {
        self.ask("POST", "/v1/keys", key, body).await
    }

    async fn list(&self, key: &str) -> Vec<Value> {
        let (status, page) = self.ask("GET", "/v1/keys", key, Value::Null).await;
        assert_eq!(status, 200, "{page}");
        page["items"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_it_was_made_for() {
    let world = world();
    let (status, made) = world.make("acme-key", json!({ "name": "ci", "scopes": ["operate", "read"] })).await;
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("filas_acme_") && key.len() == "filas_acme_".len() + 64, "{key}");
    assert_eq!((&made["scopes"], &made["revoked"]), (&json!(["read", "operate"]), &Value::Null));
    let listed = world.list(key).await;
    assert_eq!(listed.len(), 1);
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("key");
    assert_eq!(listed[0], shown, "all that was said, but the key");
    // What is stored leads to no key.
    let stored = world.store.keys(&"acme".parse().unwrap(), None, 9).await.unwrap();
    assert!(!format!("{stored:?}").contains(&key["filas_acme_".len()..]));
    assert_eq!(stored[0].digest, sha256_hex(key.as_bytes()));
}

#[tokio::test]
async fn a_key_gives_no_more_than_it_has() {
    let world = world();
    let end = world.clock.now().plus(Duration::from_secs(3600)).to_rfc3339();
    let body = json!({ "name": "operator", "scopes": ["operate"], "expires": end });
    let (_, made) = world.make("acme-key", body).await;
    let operator = made["key"].as_str().unwrap();
    for scopes in [json!(["read"]), json!(["operate", "write"])] {
        let (status, problem) = world.make(operator, json!({ "name": "more", "scopes": scopes })).await;
        assert_eq!((status, &problem["type"]), (403, &json!("/problems/forbidden")), "{scopes}");
    }
    let late = world.clock.now().plus(Duration::from_secs(3601)).to_rfc3339();
    let (status, problem) =
        world.make(operator, json!({ "name": "longer", "scopes": ["operate"], "expires": late })).await;
    assert_eq!((status, &problem["type"]), (400, &json!("/problems/bad-request")));
    let (status, made) = world.make(operator, json!({ "name": "same", "scopes": ["operate"] })).await;
    assert_eq!((status, &made["expires"]), (201, &json!(end)), "no longer than its maker, without being told");
    assert!(world.list("other-key").await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused_with_what_can() {
    let world = world();
    let after = |seconds: u64| world.clock.now().plus(Duration::from_secs(seconds)).to_rfc3339();
    let year = 366 * 24 * 60 * 60;
    for (body, expected) in [
        (json!({ "name": "", "scopes": ["read"] }), 400),
        (json!({ "name": "x".repeat(101), "scopes": ["read"] }), 400),
        (json!({ "name": "a\nb", "scopes": ["read"] }), 400),
        (json!({ "name": "ñ".repeat(100), "scopes": ["read"] }), 201),
        (json!({ "name": "a", "scopes": [] }), 400),
        (json!({ "name": "a", "scopes": ["read", "read"] }), 201),
        (json!({ "name": "a", "scopes": ["read", "read", "read", "read"] }), 400),
        (json!({ "name": "a", "scopes": ["admin"] }), 400),
        (json!({ "name": "a" }), 400),
        (json!({ "name": "a", "scopes": ["read"], "owner": "other" }), 400),
        (json!({ "name": "a", "scopes": ["read"], "expires": "tomorrow" }), 400),
        (json!({ "name": "a", "scopes": ["read"], "expires": after(0) }), 400),
        (json!({ "name": "a", "scopes": ["read"], "expires": after(1) }), 201),
        (json!({ "name": "a", "scopes": ["read"], "expires": after(year) }), 201),
        (json!({ "name": "a", "scopes": ["read"], "expires": after(year + 1) }), 400),
    ] {
        let (status, answer) = world.make("acme-key", body.clone()).await;
        assert_eq!(status, expected, "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_stays_in_the_list() {
    let world = world();
    let (_, made) = world.make("acme-key", json!({ "name": "ci", "scopes": ["operate"] })).await;
    let (key, path) = (made["key"].as_str().unwrap(), format!("/v1/keys/{}", made["id"].as_str().unwrap()));
    for another in [("other-key", path.as_str()), ("acme-key", "/v1/keys/0123456789abcdef"), ("acme-key", "/v1/keys/x")]
    {
        let (status, _) = world.ask("DELETE", another.1, another.0, Value::Null).await;
        assert_eq!(status, 404, "{another:?}");
    }
    assert_eq!(world.list(key).await.len(), 1);
    // A key may revoke itself.
    for maker in [key, "acme-key"] {
        assert_eq!(world.ask("DELETE", &path, maker, Value::Null).await, (204, Value::Null));
    }
    world.clock.advance(guard::KEY_TRUSTED);
    assert_eq!(world.ask("GET", "/v1/keys", key, Value::Null).await.0, 401);
    assert!(world.list("acme-key").await[0]["revoked"].is_string());
}

#[tokio::test]
async fn keys_are_listed_page_by_page() {
    let world = world();
    for number in 0..5 {
        let body = json!({ "name": format!("key {number}"), "scopes": [Scope::Read] });
        assert_eq!(world.make("acme-key", body).await.0, 201);
    }
    let all = world.list("acme-key").await;
    let (mut seen, mut path) = (Vec::new(), "/v1/keys?limit=2".to_owned());
    loop {
        let (_, page) = world.ask("GET", &path, "acme-key", Value::Null).await;
        seen.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/keys?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, all);
    for wrong in ["limit=0", "limit=x", "cursor=x"] {
        assert_eq!(world.ask("GET", &format!("/v1/keys?{wrong}"), "acme-key", Value::Null).await.0, 400, "{wrong}");
    }
}
