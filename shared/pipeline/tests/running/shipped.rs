//! The pipelines that come with Filas.

use filas_pipeline::shipped;

use super::*;

fn variables() -> Variables {
    let url = "http://127.0.0.1:1";
    Variables::new().with("PARTNER_URL", url).with("CATALOG_URL", url).with("OUTBOUND_ALLOW", "127.0.0.1:1")
}

#[test]
fn every_shipped_pipeline_compiles_under_its_name() {
    for shipped in shipped::all() {
        let pipeline = compile(shipped.yaml, &variables());
        assert_eq!(pipeline.name(), shipped.name);
        assert_eq!(shipped::find(shipped.name), Some(shipped));
    }
    assert_eq!(shipped::find("nothing"), None);
}

#[test]
fn callers_learn_how_to_run_the_rows() {
    let check = |name: &str, is_pure: bool, concurrency: usize| {
        let pipeline = compile(shipped::find(name).unwrap().yaml, &variables());
        assert_eq!((pipeline.is_pure(), pipeline.concurrency()), (is_pure, concurrency), "{name}");
    };
    check("orders", false, 32);
    check("orders-check", true, 1);
    check("prices", false, 16);
    check("simulate", false, 16);
}

#[test]
fn a_missing_variable_is_named() {
    let spec = parse(shipped::find("prices").unwrap().yaml).unwrap();
    let error = Pipeline::compile(&spec, &Variables::new()).unwrap_err();
    assert_eq!(error.to_string(), "deliver.http.put: the variable PARTNER_URL is not set");
}

#[test]
fn a_version_is_twelve_digits_of_the_text() {
    // The first digits of the SHA-256 of nothing and of "abc", from FIPS 180-2.
    assert_eq!(Pipeline::version(""), "e3b0c44298fc");
    assert_eq!(Pipeline::version("abc"), "ba7816bf8f01");
}

#[tokio::test]
async fn orders_are_checked_as_documented() {
    let pipeline = compile(shipped::find("orders-check").unwrap().yaml, &variables());
    let good = json!({
        "order_id": "A-1", "sku": "00012345", "customer": "Zoë", "quantity": 3, "unit_price": 9.5, "currency": "EUR",
        "order_date": "2026-01-31", "ship_at": "2026-02-01T10:00:00", "express": true, "discount": 0.1, "country": "ES",
        "note": null,
    });
    assert_eq!(told(pipeline.run_row(row(2, &good), &context()).await), "succeeded");
    let cases = [
        ("order_id", Value::Null, "order_id: is required"),
        ("sku", json!(12345), "sku: \"12345\" does not match"),
        ("customer", Value::Null, "customer: is required"),
        ("quantity", json!("0"), "quantity: 0 is less than the minimum of 1"),
        ("quantity", json!("many"), "quantity: \"many\" is not of type \"integer\""),
        ("unit_price", json!(-1), "unit_price: -1 is less than the minimum of 0"),
        ("unit_price", json!({"error": "#N/A"}), "unit_price: the cell holds the error #N/A"),
        ("currency", json!("CHF"), "currency: \"CHF\" is not one of \"EUR\", \"USD\", \"GBP\""),
        ("order_date", json!("31.01.2026"), "order_date: \"31.01.2026\" is not a \"date\""),
        ("express", json!("maybe"), "express: \"maybe\" is not of type \"boolean\""),
        ("discount", json!(1.5), "discount: 1.5 is greater than the maximum of 1"),
        ("country", json!("es"), "country: \"es\" does not match"),
    ];
    for (column, value, expected) in cases {
        let mut bad = good.clone();
        bad[column] = value;
        let seen = told(pipeline.run_row(row(2, &bad), &context()).await);
        assert!(seen.starts_with(&format!("Validate INVALID_ROW: {expected}")), "{seen}");
    }
}

#[tokio::test]
async fn text_from_a_csv_file_is_as_good_as_typed_cells() {
    let pipeline = compile(shipped::find("orders-check").unwrap().yaml, &variables());
    let text = json!({
        "order_id": "1", "sku": "00012345", "customer": "Ana", "quantity": "3", "unit_price": "9.50", "currency": "GBP",
        "order_date": "2026-01-31", "express": "FALSE", "discount": "0", "country": "GB",
    });
    assert_eq!(told(pipeline.run_row(row(2, &text), &context()).await), "succeeded");
}
