//! `filas keys`.

use serde_json::{Value, json};

use crate::fake::{Answer, Fake, run};

fn stored() -> Value {
    json!({
        "id": "0123456789abcdef", "name": "ci", "scopes": ["read", "write"],
        "created": "2026-01-01T00:00:00Z", "expires": "2026-04-01T00:00:00Z", "revoked": null,
    })
}

#[test]
fn a_new_key_is_alone_on_standard_output_and_asked_for_once() {
    let mut new = stored();
    new["key"] = json!("filas_acme_00");
    let fake = Fake::new(move |_, _, _| Answer::json(201, &new));
    let said = run(&fake, &["keys", "create", "ci", "--scope", "write,read,read", "--days", "7"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "filas_acme_00\n"), "{said:?}");
    assert!(said.stderr.contains("0123456789abcdef") && !said.stderr.contains("filas_acme_00"), "{said:?}");
    let asked = &fake.asked()[0];
    assert_eq!((asked.call(), &asked.json()["scopes"]), ("POST /v1/keys".to_owned(), &json!(["read", "write"])));
    assert!(asked.json()["expires"].as_str().is_some_and(|expires| expires.ends_with('Z')), "{:?}", asked.json());
    let said = run(&fake, &["keys", "create", "ci", "--scope", "read", "--json"]);
    let told: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&told["key"], &told["id"]), (&json!("filas_acme_00"), &json!("0123456789abcdef")));
    assert_eq!(fake.asked()[1].json()["expires"], Value::Null);
}

#[test]
fn a_key_whose_answer_was_lost_is_not_made_twice() {
    let fake = Fake::new(|_, _, _| Answer::HangUp);
    let said = run(&fake, &["keys", "create", "ci", "--scope", "read"]);
    assert_eq!((said.code, fake.calls()), (1, vec!["POST /v1/keys".to_owned()]), "{said:?}");
}

#[test]
fn keys_are_listed_and_revoked() {
    let fake = Fake::new(|asked, _, _| match asked.method.as_str() {
        "GET" => Answer::json(200, &json!({ "items": [stored()], "next_cursor": null })),
        _ => Answer::Say(204, vec![], vec![]),
    });
    let said = run(&fake, &["keys", "list"]);
    for part in ["0123456789abcdef", "ci", "read write", "2026-04-01T00:00:00Z"] {
        assert!(said.stdout.contains(part), "{part}: {said:?}");
    }
    let said = run(&fake, &["keys", "revoke", "0123456789abcdef", "--json"]);
    assert_eq!((said.code, said.stdout.trim()), (0, r#"{"key":"0123456789abcdef","revoked":true}"#), "{said:?}");
    assert_eq!(fake.calls()[1], "DELETE /v1/keys/0123456789abcdef");
    let said = run(&fake, &["keys", "revoke", "../tasks"]);
    assert_eq!((said.code, fake.calls().len()), (1, 2), "{said:?}");
}

#[test]
fn who_has_not_the_scope_is_told_how_to_get_it() {
    let fake = Fake::new(|_, _, _| Answer::problem(403, "The key is not for this", "It needs the scope operate."));
    let said = run(&fake, &["keys", "list"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("needs the scope operate") && said.stderr.contains("filas keys create"), "{said:?}");
}
