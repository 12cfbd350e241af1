//! What is read, and what is refused with which words.

use std::time::Duration;

use super::*;

#[test]
fn a_short_pipeline_has_the_documented_defaults() {
    let spec = parse("name: a\ndeliver: { http: { put: 'http://p/{row.sku}' } }\n").unwrap();
    assert_eq!(spec.rows, RowsSpec { header: 1, key: None });
    assert_eq!((spec.validate, spec.simulate), (None, None));
    let DeliverSpec::Http(http) = spec.deliver else { panic!("{:?}", spec.deliver) };
    assert_eq!(http.put.as_deref(), Some("http://p/{row.sku}"));
    assert_eq!((http.concurrency, http.timeout.get()), (16, Duration::from_secs(10)));
    assert_eq!((http.expect, http.retry.attempts), (vec![], 5));
    let kinds = [RetryKind::Status(429), RetryKind::StatusClass(5), RetryKind::Timeout, RetryKind::Connection];
    assert_eq!(http.retry.kinds, kinds);
}

#[test]
fn everything_that_can_be_said_is_read() {
    let spec = parse(
        r#"
name: everything
rows: { header: 3, key: order_id }
validate: { required: [a], properties: { a: { enum: [NO, SE, 7] } } }
simulate: { cost: row.unit cost, fail: "broken", crash: false }
deliver:
  http:
    post: "${PARTNER_URL}/orders"
    headers: { x-shop: north }
    concurrency: 4
    timeout: 250ms
    expect: [200, 409]
    retry: { attempts: 2, for: [429, 5xx, "503", timeout, connection] }
"#,
    )
    .unwrap();
    assert_eq!(spec.rows, RowsSpec { header: 3, key: Some("order_id".into()) });
    assert_eq!(spec.validate.unwrap()["properties"]["a"]["enum"], serde_json::json!(["NO", "SE", 7]));
    let simulate = spec.simulate.unwrap();
    assert_eq!(simulate.cost, Some(Source::Column("unit cost".into())));
    assert_eq!(simulate.fail, Some(Source::Literal("broken".into())));
    assert_eq!(simulate.crash, Some(Source::Literal(false.into())));
    let DeliverSpec::Http(http) = spec.deliver else { panic!() };
    assert_eq!((http.concurrency, http.timeout.get()), (4, Duration::from_millis(250)));
    assert_eq!(http.expect, [200, 409]);
    assert_eq!(http.retry.kinds[2], RetryKind::Status(503));
}

#[track_caller]
fn check_refused(yaml: &str, expected: &str) {
    let error = parse(yaml).unwrap_err().to_string();
    assert!(error.contains(expected), "{yaml}\n  gave: {error}\n  not:  {expected}");
}

#[test]
fn unknown_keys_are_errors_with_place_and_suggestion() {
    check_refused(
        "name: a\nvalidat: {}\ndeliver: none\n",
        "line 2, column 1: unknown key `validat`, did you mean `validate`?",
    );
    check_refused("name: a\ndeliver: nonne\n", "line 2, column 10: unknown key `nonne`, did you mean `none`?");
    check_refused("name: a\ndeliver:\n  htp: {}\n", "line 3, column 3: unknown key `htp`, did you mean `http`?");
    check_refused(
        "name: a\ndeliver:\n  http:\n    putt: http://p/\n",
        "line 4, column 5: unknown key `putt`, did you mean `put`?",
    );
    check_refused(
        "name: a\nrows: { haeder: 1 }\ndeliver: none\n",
        "line 2, column 9: unknown key `haeder`, did you mean `header`?",
    );
    check_refused(
        "name: a\nsimulate:\n  price: 1\ndeliver: none\n",
        "unknown key `price`, known here: cost, fail, crash",
    );
    check_refused(
        "name: a\ndeliver: { http: { put: http://p/, retry: { atempts: 3 } } }\n",
        "line 2, column 45: unknown key `atempts`, did you mean `attempts`?",
    );
}

#[test]
fn what_comes_later_is_refused_and_not_ignored() {
    check_refused(
        "name: a\nenrich:\n  p: { get: x }\ndeliver: none\n",
        "line 2, column 1: `enrich` is not supported by this version of Filas",
    );
    check_refused("name: a\ncompute: { a: b }\ndeliver: none\n", "`compute` is not supported");
    check_refused("name: a\nstop: { failed: 5% }\ndeliver: none\n", "`stop` is not supported");
    check_refused("name: a\ndeliver: { store: {} }\n", "`store` is not supported");
    check_refused("name: a\ndeliver: { queue: {} }\n", "`queue` is not supported");
    check_refused("name: a\ndeliver: { http: { put: http://p/, body: x } }\n", "`body` is not supported");
    check_refused("name: a\ndeliver: { http: { put: http://p/, rate: 200/s } }\n", "`rate` is not supported");
}

#[test]
fn values_that_make_no_sense_are_refused() {
    check_refused("deliver: none\n", "name");
    check_refused("name: a\n", "deliver");
    check_refused("name: Orders\ndeliver: none\n", "name: a name is 1 to 64 of a-z, 0-9 and -");
    check_refused("name: a\nrows: { header: 0 }\ndeliver: none\n", "rows.header: rows are counted from 1");
    check_refused("name: a\nrows: { header: -1 }\ndeliver: none\n", "line 2, column 17");
    check_refused("name: a\nname: b\ndeliver: none\n", "line 2, column 1: duplicate mapping key");
    check_refused("name: a\ndeliver: [\n", "line 2, column 10");
    check_refused("name: 'a\ndeliver: none\n", "line ");
    check_refused(
        "name: a\ndeliver: { http: { put: x, timeout: 10 } }\n",
        "`10` is no time span such as 250ms, 10s or 2m",
    );
    check_refused("name: a\ndeliver: { http: { put: x, timeout: 10h } }\n", "`10h` is no time span");
    check_refused("name: a\ndeliver: { http: { put: x, retry: { for: [often] } } }\n", "`often` is no status");
    check_refused(
        "name: a\ndeliver: { http: { put: x, retry: { for: [200] } } }\n",
        "200 is no status from 400 to 599",
    );
    check_refused("name: a\nsimulate: { cost: [1] }\ndeliver: none\n", "expected row.COLUMN or a single value");
}
