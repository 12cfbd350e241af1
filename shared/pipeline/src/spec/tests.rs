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
description: all of it
rows: { header: 3, key: order_id }
validate: { required: [a], properties: { a: { enum: [NO, SE, 7] } } }
rules: [{ check: "row.a != row.b", message: "the same twice", column: a }]
enrich:
  z: { get: "${CATALOG_URL}/z/{row.a}", missing: null, cache: 5m }
  a: { get: "${CATALOG_URL}/a/{z.id}", headers: { authorization: "Bearer secret:catalog" }, rate: 600/m, cache: 0 }
compute: { b: row.a * 2, a: b + 1 }
simulate: { cost: row.unit cost, fail: "broken", crash: false }
deliver:
  http:
    post: "${PARTNER_URL}/orders"
    headers: { x-shop: north, authorization: "secret:partner/token" }
    body: "{'a': a}"
    sign: secret:signing
    concurrency: 4
    rate: 200/s
    timeout: 250ms
    expect: [200, 409]
    retry: { attempts: 2, for: [429, 5xx, "503", timeout, connection] }
    keep: response.body.id
stop: { failed: 2.5% }
"#,
    )
    .unwrap();
    assert_eq!(spec.rows, RowsSpec { header: 3, key: Some("order_id".into()) });
    assert_eq!(spec.validate.unwrap()["properties"]["a"]["enum"], serde_json::json!(["NO", "SE", 7]));
    assert_eq!((spec.rules[0].check.as_str(), spec.rules[0].column.as_deref()), ("row.a != row.b", Some("a")));
    assert_eq!(
        spec.compute.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>(),
        ["b=row.a * 2", "a=b + 1"]
    );
    let simulate = spec.simulate.unwrap();
    assert_eq!(simulate.cost, Some(Source::Column("unit cost".into())));
    assert_eq!(simulate.fail, Some(Source::Literal("broken".into())));
    assert_eq!(simulate.crash, Some(Source::Literal(false.into())));
    assert_eq!(spec.stop, Some(StopSpec { failed: FailedLimit::Share(250) }));
}

#[test]
fn look_ups_and_deliveries_are_read() {
    let spec = parse(
        r#"
name: everything
enrich:
  z: { get: "${CATALOG_URL}/z/{row.a}", missing: null, cache: 5m }
  a: { get: "${CATALOG_URL}/a/{z.id}", headers: { authorization: "Bearer secret:catalog" }, rate: 600/m, cache: 7 }
deliver:
  http:
    post: "${PARTNER_URL}/orders"
    headers: { x-shop: north, authorization: "secret:partner/token" }
    body: "{'a': a}"
    sign: secret:signing
    concurrency: 4
    rate: 200/s
    timeout: 250ms
    expect: [200, 409]
    retry: { attempts: 2, for: [429, 5xx, "503", timeout, connection] }
    keep: response.body.id
"#,
    )
    .unwrap();
    let names: Vec<_> =
        spec.enrich.iter().map(|(name, look_up)| (name, look_up.missing, look_up.cache.get())).collect();
    assert_eq!(names, [("z", Missing::Null, Duration::from_secs(300)), ("a", Missing::Fail, Duration::from_secs(7))]);
    let look_up = spec.enrich.get("a").unwrap();
    assert_eq!(look_up.rate, Some(RateSpec { permits: 600, per: Duration::from_secs(60) }));
    let secret = |scheme: &str, name: &str| HeaderSpec::Secret {
        scheme: scheme.to_owned(),
        name: SecretName::parse(&format!("secret:{name}")).unwrap(),
    };
    assert_eq!(look_up.headers.get("authorization"), Some(&secret("Bearer ", "catalog")));

    let DeliverSpec::Http(http) = spec.deliver else { panic!() };
    assert_eq!(http.headers.get("x-shop"), Some(&HeaderSpec::Text("north".to_owned())));
    assert_eq!(http.headers.get("authorization"), Some(&secret("", "partner/token")));
    assert_eq!((http.body.as_deref(), http.keep.as_deref()), (Some("{'a': a}"), Some("response.body.id")));
    assert_eq!(http.sign.unwrap().as_str(), "signing");
    assert_eq!(http.rate.unwrap().per_second(), 200.0);
    assert_eq!((http.concurrency, http.timeout.get()), (4, Duration::from_millis(250)));
    assert_eq!(http.expect, [200, 409]);
    assert_eq!(http.retry.kinds[2], RetryKind::Status(503));

    let deliver = |text: &str| parse(&format!("name: a\ndeliver: {text}\n")).unwrap().deliver;
    assert_eq!(deliver("{ store: {} }"), DeliverSpec::Store(StoreSpec { record: None }));
    let queue = QueueSpec { url: "${Q}".to_owned(), body: Some("row".to_owned()) };
    assert_eq!(deliver("{ queue: { url: '${Q}', body: row } }"), DeliverSpec::Queue(queue));
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
fn wrong_values_are_errors_with_place() {
    let http = |inside: &str| format!("name: a\ndeliver:\n  http: {{ put: 'http://p/', {inside} }}\n");
    check_refused(&http("rate: fast"), "line 3, column 35: `fast` is no rate such as 200/s, 600/m or 5000/h");
    check_refused(&http("rate: 0/s"), "`0/s` is no rate");
    check_refused(&http("sign: hunter2"), "line 3, column 35: expected secret:NAME");
    check_refused(&http("headers: { a: 'Bearer secret:' }"), "line 3, column 43: expected secret:NAME");
    check_refused("name: a\nstop: { failed: five }\ndeliver: none\n", "line 2, column 17: `five` is no number of rows");
    check_refused("name: a\nstop: { failed: 101% }\ndeliver: none\n", "`101%` is no number of rows and no share");
    check_refused("name: a\nstop: { failed: 0% }\ndeliver: none\n", "`0%` is no number of rows and no share");
    check_refused("name: a\nenrich: { p: { get: x, missing: nul } }\ndeliver: none\n", "unknown key `nul`");
    check_refused("name: a\nenrich: { p: { gett: x } }\ndeliver: none\n", "unknown key `gett`, did you mean `get`?");
    check_refused("name: a\nenrich: { p: { get: x, cache: -1 } }\ndeliver: none\n", "`-1` is no time span such as 300");
    check_refused("name: a\ncompute: { a: 1, a: 2 }\ndeliver: none\n", "line 2, column 18: duplicate mapping key");
    check_refused("name: A\ndeliver: none\n", "line 1, column 7: name: a name is 1 to 64 of a-z, 0-9 and -");
}

#[test]
fn what_is_wrong_inside_an_expression_is_found_on_its_line() {
    let check = |yaml: &str, expected: &str| {
        let spec = parse(yaml).unwrap();
        let error = crate::Pipeline::compile(&spec, &crate::Variables::new()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{yaml}\n  gave: {error}");
    };
    check(
        "name: a\ncompute:\n  total: 2 * prce\ndeliver: none\n",
        "line 3, column 14: compute.total: unknown name `prce`",
    );
    check("name: a\ncompute: { t: '2 * prce' }\ndeliver: none\n", "line 2, column 20: compute.t: unknown name `prce`");
    check("name: a\ncompute: { t: \"2 * prce\" }\ndeliver: none\n", "line 2, column 20: compute.t: ");
    // Text that the file has in another form: the beginning of the value.
    check("name: a\ncompute:\n  t: |\n    2 *\n    prce\ndeliver: none\n", "line 4, column 5: compute.t: ");
    check("name: a\ncompute:\n  t: >-\n    2 * prce\ndeliver: none\n", "line 4, column 9: compute.t: ");
    check(
        "name: a\nrules:\n  - { check: '1 + 1', message: m }\ndeliver: none\n",
        "line 3, column 15: rules[0].check: a rule is true or false",
    );
    check(
        "name: a\nvalidate:\n  properties:\n    a: { type: int }\ndeliver: none\n",
        "line 4, column 16: validate.properties.a.type: ",
    );
    check(
        "name: a\nvalidate:\n  properties:\n    a: { typo: 1 }\ndeliver: none\n",
        "line 4, column 8: validate.properties.a: JSON Schema has no keyword `typo`, did you mean `type`?",
    );
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
