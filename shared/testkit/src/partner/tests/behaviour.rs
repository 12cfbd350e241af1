//! Idempotency, the journal, the catalogue and the settings.

use serde_json::json;

use super::Scene;

#[test]
fn a_repeated_key_gets_the_first_answer_and_has_no_second_effect() {
    let scene = Scene::quiet();
    let first = scene.put("t.1", r#"{"price":1}"#).unwrap();
    scene.put("t.2", r#"{"price":2}"#).unwrap();
    let again = scene.put("t.1", r#"{"price":1}"#).unwrap();
    assert_eq!((first.status, first.replayed), (200, false));
    assert_eq!((again.status, again.replayed), (200, true));
    assert_eq!(first.body, again.body);
    scene.check_summary(json!({"requests": 3, "keys": 2, "effects": 2, "replays": 1, "conflicts": 0}));
}

#[test]
fn the_same_key_for_something_else_is_a_conflict() {
    let cases = [
        ("PUT", "/prices/00000001", r#"{"price":2}"#),
        ("PUT", "/prices/00000002", r#"{"price":1}"#),
        ("POST", "/prices/00000001", r#"{"price":1}"#),
    ];
    for (method, path, body) in cases {
        let scene = Scene::quiet();
        scene.put("t.1", r#"{"price":1}"#).unwrap();
        let got = scene.send(method, path, Some("t.1"), body).unwrap();
        assert_eq!(got.status, 422, "{method} {path} {body}");
        scene.check_summary(json!({"effects": 1, "conflicts": 1, "by_status": {"200": 1, "422": 1}}));
    }
}

#[test]
fn requests_are_answered_by_method_and_path() {
    let cases = [
        ("PUT", "/prices/1", Some("a"), 200),
        ("PATCH", "/orders/1", Some("b"), 200),
        ("POST", "/deliver/x/y", Some("c"), 201),
        ("GET", "/prices/1", None, 405),
        ("PUT", "/elsewhere", Some("d"), 404),
        ("PUT", "/prices/1", None, 400),
        ("PUT", "/prices/1", Some(""), 400),
        ("GET", "/_partner/nothing", None, 404),
    ];
    let scene = Scene::quiet();
    for (method, path, key, status) in cases {
        let got = scene.send(method, path, key, if method == "GET" { "" } else { "{}" }).unwrap();
        assert_eq!(got.status, status, "{method} {path} {key:?}: {}", got.body);
    }
    scene.check_summary(json!({"requests": 5, "keys": 3, "effects": 3}));
}

#[test]
fn the_journal_lists_each_key_and_can_be_cleared() {
    let scene = Scene::quiet();
    for key in ["t.2", "t.1", "t.2"] {
        scene.put(key, "{}").unwrap();
    }
    let lines = scene.get("/_partner/journal").body;
    assert_eq!(
        lines,
        "{\"key\":\"t.1\",\"requests\":1,\"effects\":1,\"last_status\":200,\"path\":\"/prices/00000001\"}\n\
         {\"key\":\"t.2\",\"requests\":2,\"effects\":1,\"last_status\":200,\"path\":\"/prices/00000001\"}\n"
    );
    assert_eq!(scene.partner.journal().len(), 2);
    assert_eq!(scene.send("DELETE", "/_partner/journal", None, "").unwrap().status, 204);
    assert_eq!(scene.get("/_partner/journal").body, "");
    scene.check_summary(json!({"requests": 0, "keys": 0, "effects": 0, "by_status": {}, "max_in_flight": 0}));
    assert!(!scene.put("t.1", "{}").unwrap().replayed, "a cleared journal knows no key");
}

#[test]
fn the_catalogue_knows_nearly_every_code() {
    let scene = Scene::quiet();
    let product = scene.get("/products/00012345");
    assert_eq!(product.status, 200);
    assert!(product.body.starts_with(r#"{"sku":"00012345","name":"Product 00012345","price":""#), "{}", product.body);
    assert_eq!(product.body, scene.get("/products/00012345").body);
    assert_ne!(product.body, scene.get("/products/00012346").body);
    assert!(scene.get("/products/a%20b").body.contains(r#""sku":"a b""#));
    for unknown in ["99999999", "00000404", ""] {
        assert_eq!(scene.get(&format!("/products/{unknown}")).status, 404, "{unknown}");
    }
    scene.check_summary(json!({"lookups": 7, "requests": 0}));
}

#[test]
fn settings_are_replaced_whole_and_checked() {
    let scene = Scene::quiet();
    let put = |body: &str| scene.send("PUT", "/_partner/settings", None, body).unwrap();
    assert_eq!(put(r#"{"latency_ms":5,"error_rate":0.5}"#).status, 200);
    assert_eq!(scene.partner.settings().latency_ms, 5);
    assert_eq!(put(r#"{"fail_first":2}"#).status, 200);
    assert!(scene.get("/_partner/settings").body.contains(r#""latency_ms":0,"#));
    assert_eq!(scene.partner.settings().fail_first, 2);
    for (wrong, why) in [
        (r#"{"latency":5}"#, "unknown field `latency`"),
        (r#"{"error_rate":1.5}"#, "error_rate must be between 0 and 1"),
        (r#"{"error_status":200}"#, "error_status must be between 400 and 599"),
        (r#"{"latency_ms":3600001}"#, "latency_ms must be at most"),
        ("{", "EOF"),
    ] {
        let refused = put(wrong);
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.body.contains(why), "{wrong}: {}", refused.body);
    }
    assert_eq!(scene.partner.settings().fail_first, 2, "a refused change changes nothing");
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let scene = Scene::quiet();
    // The server may answer before it has read everything; then the client sees a broken pipe, and its connection is of
    // no use any more: the journal is looked at directly.
    if let Ok(got) = scene.put("big", &"x".repeat(5 << 20)) {
        assert_eq!(got.status, 413);
    }
    let seen = scene.partner.summary();
    assert_eq!((seen.requests, seen.effects, seen.by_status.get(&413)), (1, 0, Some(&1)), "{seen:?}");
}
