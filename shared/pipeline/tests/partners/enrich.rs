//! `enrich` against the partner's catalogue.

use filas_testkit::partner::{PartnerServer, PartnerSettings};
use futures::future::join_all;

use super::*;

/// A catalogue that behaves so; `more` is added to the look-up. What was found is delivered, and kept from the partner's
/// answer, to be seen.
fn scene(settings: PartnerSettings, more: &str) -> (PartnerServer, Pipeline) {
    let partner = PartnerServer::start_local(settings).unwrap();
    let yaml = format!(
        "name: a\nenrich: {{ product: {{ get: '${{P}}/products/{{row.sku}}'{more} }} }}\n\
         compute: {{ price: product.price }}\ndeliver: none\n"
    );
    let pipeline = Outside::with_partner(partner.address()).worker(&yaml);
    (partner, pipeline)
}

async fn look_up(pipeline: &Pipeline, sku: &str) -> String {
    told(pipeline.run_row(row(2, &json!({"sku": sku})), &context()).await)
}

#[tokio::test]
async fn a_look_up_is_made_once_for_all_who_ask_and_remembered() {
    let (partner, pipeline) = scene(PartnerSettings { latency_ms: 20, ..PartnerSettings::default() }, "");
    let outcomes = join_all((0..100).map(|number| look_up(&pipeline, ["1", "a/b ñ"][number % 2]))).await;
    assert!(outcomes.iter().all(|outcome| outcome == "succeeded"), "{outcomes:?}");
    assert_eq!(look_up(&pipeline, "1").await, "succeeded");
    assert_eq!(partner.summary().lookups, 2);
}

#[tokio::test]
async fn the_cache_can_be_turned_off() {
    let (partner, pipeline) = scene(PartnerSettings::default(), ", cache: 0");
    for _ in 0..3 {
        assert_eq!(look_up(&pipeline, "1").await, "succeeded");
    }
    assert_eq!(partner.summary().lookups, 3);
}

#[tokio::test]
async fn what_is_missing_fails_the_row_or_is_null() {
    let (partner, pipeline) = scene(PartnerSettings::default(), "");
    for _ in 0..2 {
        let expected = "Enrich NOT_FOUND: product: there is nothing at /products/99999999 (404)";
        assert_eq!(look_up(&pipeline, "99999999").await, expected);
    }
    assert_eq!(partner.summary().lookups, 1, "that there is nothing is remembered too");
    let (_partner, pipeline) = scene(PartnerSettings::default(), ", missing: null");
    let seen = look_up(&pipeline, "99999999").await;
    assert!(!seen.contains("NOT_FOUND"), "the look-up is null, and the row goes on: {seen}");
}

#[tokio::test]
async fn a_cell_that_fits_no_url_fails_the_row() {
    let (partner, pipeline) = scene(PartnerSettings::default(), "");
    let seen = look_up(&pipeline, "").await;
    assert_eq!(seen, "Enrich INVALID_PLACEHOLDER: product: sku: the cell is empty, and the URL needs it");
    assert_eq!(partner.summary().lookups, 0);
}

#[tokio::test]
async fn a_look_up_that_is_down_is_no_failure_of_the_row() {
    for settings in [
        PartnerSettings { error_rate: 1.0, error_status: 503, ..PartnerSettings::default() },
        PartnerSettings { reset_rate: 1.0, ..PartnerSettings::default() },
        PartnerSettings { hang_rate: 1.0, ..PartnerSettings::default() },
    ] {
        let (partner, pipeline) = scene(settings, ", timeout: 100ms, retry: { attempts: 2 }");
        // Those who ask for the same wait for the same two attempts.
        let outcomes = join_all((0..10).map(|_| look_up(&pipeline, "1"))).await;
        for outcome in &outcomes {
            assert!(outcome.starts_with("unavailable: product: "), "{outcome}");
        }
        assert_eq!(partner.summary().lookups, 2);
        // It is up again: nothing of the trouble was remembered.
        partner.set(PartnerSettings::default()).unwrap();
        assert_eq!(look_up(&pipeline, "1").await, "succeeded");
    }
}

#[tokio::test]
async fn transient_trouble_is_tried_again() {
    let settings = PartnerSettings { error_rate: 0.5, error_status: 500, ..PartnerSettings::default() };
    let (partner, pipeline) = scene(settings, ", retry: { attempts: 12 }");
    for number in 0..20 {
        assert_eq!(look_up(&pipeline, &number.to_string()).await, "succeeded");
    }
    assert!(partner.summary().lookups > 25, "{:?}", partner.summary());
}

#[tokio::test]
async fn other_answers_are_the_rows_trouble() {
    let answered = listener::Listener::start(|heard| match heard.head.split(' ').nth(1).unwrap() {
        "/products/no-json" => (200, "", "<html>".to_owned()),
        "/products/forbidden" => (403, "", "who are you?".to_owned()),
        "/products/moved" => (302, "location: http://169.254.169.254/\r\n", String::new()),
        "/products/endless" => (200, "", "1".repeat(2 << 20)),
        _ => (200, "", r#"{"price": "1.50"}"#.to_owned()),
    })
    .await;
    let yaml = "name: a\nenrich: { p: { get: '${P}/products/{row.sku}' } }\ndeliver: none\n";
    let pipeline = Outside::with_partner(answered.address).worker(yaml);
    for (sku, expected) in [
        ("good", "succeeded"),
        ("no-json", "Enrich INVALID_ANSWER: p: the answer is no JSON: expected value at line 1 column 1"),
        ("forbidden", "Enrich HTTP_403: p: the partner answered 403 Forbidden: who are you?"),
        ("moved", "Enrich HTTP_302: p: the partner answered 302 Found"),
        ("endless", "Enrich INVALID_ANSWER: p: the answer has more than 1048576 bytes, or broke off"),
    ] {
        assert_eq!(look_up(&pipeline, sku).await, expected);
    }
}

#[tokio::test]
async fn a_later_look_up_may_use_the_answer_of_an_earlier_one() {
    let answered = listener::Listener::start(|heard| match heard.head.split(' ').nth(1).unwrap() {
        "/products/7" => (200, "", r#"{"supplier": "a/b"}"#.to_owned()),
        "/suppliers/a%2Fb" => (200, "", r#"{"name": "Zoë"}"#.to_owned()),
        other => (404, "", other.to_owned()),
    })
    .await;
    let yaml = "name: a
enrich:
  product: { get: '${P}/products/{row.sku}' }
  supplier: { get: '${P}/suppliers/{product.supplier}' }
deliver: { http: { put: '${P}/orders/{row.sku}', body: \"{'by': supplier.name}\", expect: [404] } }
";
    let pipeline = Outside::with_partner(answered.address).worker(yaml);
    assert_eq!(look_up(&pipeline, "7").await, "succeeded");
    assert_eq!(answered.heard().last().unwrap().body, r#"{"by":"Zoë"}"#);
}
