//! Whole pipelines with rules and computed values, and their dry run.

use filas_domain::outcome::{Failure, Stage};
use filas_pipeline::check::Verdict;
use filas_pipeline::local::LocalRunner;
use filas_testkit::partner::{PartnerServer, PartnerSettings};

use super::*;

/// The shipped pipeline of orders, with what it delivers sent to a partner instead of kept.
fn orders(partner: &PartnerServer) -> Pipeline {
    let shipped = include_str!("../../../../pipelines/orders.yaml");
    let (stages, record) = shipped.split_once("deliver:\n  store:\n    record:").unwrap();
    let deliver = "deliver:\n  http:\n    put: '${PARTNER_URL}/orders/{row.order_id}'\n    body:";
    let url = partner.url();
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let variables = Variables::new().with("PARTNER_URL", &url).with("CATALOG_URL", &url).with("OUTBOUND_ALLOW", host);
    compile(&format!("{stages}{deliver}{record}"), &variables)
}

fn order() -> Value {
    json!({
        "order_id": "A-1", "sku": "00012345", "customer": "Zoë", "quantity": 12, "unit_price": 9.99, "currency": "EUR",
        "order_date": "2026-01-31", "ship_at": "2026-02-01T10:00:00", "express": false, "discount": 0.05,
    })
}

fn with(changes: Value) -> Value {
    let mut order = order();
    for (column, value) in changes.as_object().unwrap() {
        order[column] = value.clone();
    }
    order
}

#[tokio::test]
async fn orders_go_through_four_stages() {
    let partner = PartnerServer::start_local(PartnerSettings::default()).unwrap();
    let pipeline = orders(&partner);
    let check = async |changes: Value, expected: &str| {
        let seen = told(pipeline.run_row(row(2, &with(changes.clone())), &context()).await);
        assert!(seen.starts_with(expected), "{changes}: {seen}");
    };
    check(json!({}), "succeeded").await;
    check(
        json!({"order_id": "A-2", "quantity": "0"}),
        "Validate INVALID_ROW: quantity: 0 is less than the minimum of 1",
    )
    .await;
    check(
        json!({"order_id": "A-3", "ship_at": "2026-01-01T10:00:00", "currency": "CHF"}),
        "Validate INVALID_ROW: currency: \"CHF\" is not one of \"EUR\", \"USD\", \"GBP\"; ship_at: ships before it was ordered",
    )
    .await;
    check(json!({"order_id": "A-4", "sku": "00012404"}), "Enrich NOT_FOUND: product: ").await;
    check(
        json!({"order_id": "A-5", "unit_price": 1e28}),
        "Compute COMPUTE_FAILED: subtotal: `row.quantity * row.unit_price` is beyond the 28 digits of a decimal",
    )
    .await;
    assert_eq!(partner.summary().keys, 1, "only the good order was delivered: {:?}", partner.summary());
}

#[test]
fn a_dry_run_delivers_nothing_and_says_what_every_stage_did() {
    let partner = PartnerServer::start_local(PartnerSettings::default()).unwrap();
    let pipeline = orders(&partner);
    let unreadable = br#"{"row":6,"error":{"code":"RAGGED_ROW","message":"7 cells"}}"#;
    let rows = vec![
        row(2, &order()),
        row(3, &with(json!({"order_id": "A-3", "quantity": 0}))),
        row(4, &with(json!({"order_id": "A-4", "sku": "00012404"}))),
        row(5, &with(json!({"order_id": "A-5", "unit_price": 1e28}))),
        row(7, &with(json!({"order_id": "A-3"}))),
        SourceRow::parse(unreadable).unwrap(),
    ];
    let report = LocalRunner::new("check", Duration::from_secs(60)).unwrap().check(&pipeline, rows);
    assert_eq!((report.passed, report.failed, report.interrupted), (1, 5, 0));
    let stages: Vec<_> = report.stages.iter().map(|stage| (stage.stage, stage.rows, stage.failed)).collect();
    assert_eq!(stages, [("validate", 4, 1), ("enrich", 3, 1), ("compute", 2, 1)]);
    assert!(report.stages[1].micros >= report.stages[1].slowest_micros && report.stages[1].slowest_micros > 0);
    let record = report.rows[0].record.as_ref().unwrap().get();
    // 12 × 9.99 is 119.88; a tenth of it is the better discount, 11.988 rounded; above 50 nothing is paid for shipping.
    assert!(
        record.ends_with(r#""subtotal":119.88,"rate":0.1,"discount":11.99,"shipping":0,"total":107.89}"#),
        "{record}"
    );
    let failed = |at: usize| match &report.rows[at].verdict {
        Verdict::Failed(Failure { stage, code, .. }) => (*stage, code.as_str()),
        other => panic!("{other:?}"),
    };
    assert_eq!(failed(1), (Stage::Validate, "INVALID_ROW"));
    assert_eq!(failed(2), (Stage::Enrich, "NOT_FOUND"));
    assert_eq!(failed(3), (Stage::Compute, "COMPUTE_FAILED"));
    assert_eq!(failed(4), (Stage::Validate, "DUPLICATE_KEY"));
    assert_eq!(failed(5), (Stage::Read, "RAGGED_ROW"));
    assert_eq!(partner.summary().keys, 0, "{:?}", partner.summary());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["rows"][0]["outcome"], "passed");
    assert_eq!(json["rows"][1]["code"], "INVALID_ROW");
}

#[test]
fn a_dry_run_says_when_a_look_up_is_down() {
    let partner = PartnerServer::start_local(PartnerSettings { hang_rate: 1.0, ..PartnerSettings::default() }).unwrap();
    let pipeline = orders(&partner);
    let report =
        LocalRunner::new("check", Duration::from_millis(300)).unwrap().check(&pipeline, vec![row(2, &order())]);
    assert_eq!((report.passed, report.failed, report.interrupted), (0, 0, 1));
    assert!(matches!(&report.rows[0].verdict, Verdict::Interrupted { reason } if !reason.is_empty()));
}
