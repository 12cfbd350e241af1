//! Where requests may go, and what is kept of an answer.

use super::*;
use crate::listener::Listener;

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_before_anything_is_sent() {
    let partner = Listener::start(|_| (200, "", String::new())).await;
    let port = partner.address.port();
    let yaml = format!("name: a\ndeliver: {{ http: {{ put: 'https://localhost:{port}/' }} }}\n");
    let seen = told(Outside::new().worker(&yaml).run_row(row(2, &json!({})), &context()).await);
    assert!(seen.starts_with("Deliver OUTBOUND_REFUSED: localhost has the address "), "{seen}");
    assert!(seen.ends_with(", which is not public"), "tried once: {seen}");
    assert_eq!(partner.heard().len(), 0);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let partner = Listener::start(|heard| match heard.head.split(' ').nth(1).unwrap() {
        "/here" => (307, "location: /there\r\n", String::new()),
        _ => (200, "", String::new()),
    })
    .await;
    let pipeline = Outside::with_partner(partner.address).worker("name: a\ndeliver: { http: { put: '${P}/here' } }\n");
    let seen = told(pipeline.run_row(row(2, &json!({})), &context()).await);
    assert_eq!(seen, "Deliver HTTP_307: the partner answered 307 Temporary Redirect");
    assert_eq!(partner.heard().len(), 1);
}

#[test]
fn only_the_named_place_inside_may_be_talked_to() {
    let check = |allowed: &str, url: &str, expected: &str| {
        let spec = parse(&format!("name: a\ndeliver: {{ http: {{ put: '{url}' }} }}\n")).unwrap();
        let compiled = Pipeline::compile(&spec, &Variables::new().with("OUTBOUND_ALLOW", allowed));
        let seen = compiled.map_or_else(|error| error.to_string(), |_| "compiles".to_owned());
        assert!(seen.contains(expected), "{url} with {allowed:?}: {seen}");
    };
    check("", "https://partner.example/{row.a}", "compiles");
    check("", "http://partner.example/{row.a}", "only https goes out");
    check("127.0.0.1:4600", "http://127.0.0.1:4600/{row.a}", "compiles");
    check("127.0.0.1:4600", "http://127.0.0.1:4601/{row.a}", "only https goes out");
    check("127.0.0.1:4600", "https://127.0.0.1:4601/{row.a}", "127.0.0.1 is not a public address");
    check("127.0.0.1", "https://partner.example/", "OUTBOUND_ALLOW: `127.0.0.1` is no host with a port");
    check("", "https://169.254.169.254/latest/meta-data", "169.254.169.254 is not a public address");
    // A row changes neither host nor port.
    check("", "https://{row.host}/", "scheme and host must not depend on the row");
    check("", "https://partner.example:{row.port}/", "scheme and host must not depend on the row");
    check("", "https://partner.example{row.tail}/", "scheme and host must not depend on the row");
}

#[tokio::test]
async fn what_the_pipeline_keeps_of_an_answer_is_kept() {
    let partner = Listener::start(|heard| match heard.body.contains("text") {
        true => (202, "x-batch: 7\r\n", "plain text".to_owned()),
        false => (201, "x-batch: 8\r\n", r#"{"id": "p-1", "total": 0.1, "zero": 0}"#.to_owned()),
    })
    .await;
    let outside = Outside::with_partner(partner.address);
    let keep = |expression: &str| {
        let yaml = format!("name: a\ndeliver: {{ http: {{ put: '${{P}}/', keep: \"{expression}\" }} }}\n");
        outside.worker(&yaml)
    };
    let check = async |expression: &str, record: Value, expected: &str| {
        assert_eq!(told(keep(expression).run_row(row(2, &record), &context()).await), expected, "{expression}");
    };
    check("response.body.id", json!({}), "succeeded, kept \"p-1\"").await;
    let both = "{'status': response.status, 'batch': response.headers['x-batch']}";
    check(both, json!({}), r#"succeeded, kept {"status":201,"batch":"8"}"#).await;
    check("response.body", json!({"kind": "text"}), "succeeded, kept \"plain text\"").await;
    // The row was delivered: what cannot be kept does not make it fail.
    let seen = told(keep("response.body.total / response.body.zero").run_row(row(2, &json!({})), &context()).await);
    assert!(seen.starts_with("succeeded, kept {\"error\":"), "{seen}");
}
