//! Expressions: what they give, what they say of a row that does not fit, and what is refused before there is a row.

mod refused;
mod values;

use serde_json::{Value, json};

use super::*;
use crate::testing::values as row_values;

/// The names of the tests: a row of typed columns, a look-up, computed values, a partner's answer.
fn scope() -> Scope {
    let optional = |types: Types| types | Types::NULL;
    let columns = [
        ("sku", Types::TEXT),
        ("quantity", Types::NUMBER),
        ("price", Types::NUMBER),
        ("express", Types::BOOL),
        ("note", optional(Types::TEXT)),
        ("discount", optional(Types::NUMBER)),
        ("unit cost", Types::NUMBER),
        ("anything", Types::ANY),
        ("tags", Types::LIST),
    ];
    let mut scope = Scope::of_row(Some(columns.map(|(name, types)| (name.to_owned(), types)).to_vec()));
    scope.add_lookup("product", "enrich.product").unwrap();
    scope.add_lookup("nothing", "enrich.nothing").unwrap();
    scope.add_computed("subtotal", Types::NUMBER, "compute.subtotal").unwrap();
    scope.with_response()
}

fn values() -> RowValues {
    let row = json!({
        "sku": "00012345", "quantity": 3, "price": 0.1, "express": true, "unit cost": 9.99,
        "anything": {"error": "#N/A"}, "tags": ["a", "b"],
    });
    let product = json!({"price": 9.95, "name": "Vase", "sizes": [1, 2.5, 4], "in": {"stock": null, "era": "1920"}});
    let mut values = row_values(row);
    values.lookups = vec![product, Value::Null];
    values.computed = vec![Val::Number("28.455".parse().unwrap())];
    values.response = Some(json!({"status": 201, "body": {"id": "P-7", "big": 1e300}}));
    values
}

/// What an expression gives, as JSON text, or what it says instead.
fn told(text: &str) -> String {
    match Expression::compile(text, &scope(), "compute.x") {
        Err(error) => format!("refused: {}", error.to_string().trim_start_matches("compute.x: ")),
        Ok(expression) => match expression.json(&values()) {
            Ok(json) => String::from_utf8(json).unwrap(),
            Err(Trouble(reason)) => format!("fails: {reason}"),
        },
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(told(text), expected, "{text}");
}

#[test]
fn values_are_computed_in_order_and_known_afterwards() {
    let compile = |yaml: &str| {
        let spec = crate::parse(&format!("name: a\ncompute:\n{yaml}\ndeliver: none\n")).unwrap();
        let mut scope = scope();
        Computation::compile(&spec.compute, &mut scope).map(|computation| (computation, scope))
    };
    let (computation, scope) =
        compile("  goods: row.quantity * product.price\n  tax: round(goods * 0.21, 2)\n  price: goods + tax").unwrap();
    let mut values = values();
    values.computed.clear();
    // The scope of these tests has a computed value already, which is the first.
    values.computed.push(Val::Null);
    assert_eq!(computation.run(&mut values), Step::Continue);
    let json = String::from_utf8(scope.row_json(&values)).unwrap();
    assert!(
        json.contains(r#""unit cost":9.99"#) && json.ends_with(r#""goods":29.85,"tax":6.27,"price":36.12}"#),
        "{json}"
    );
    assert!(!json.contains(r#""price":0.1"#), "the computed value takes the column's place: {json}");

    let refused = |yaml: &str| compile(yaml).unwrap_err().to_string();
    assert!(refused("  a: b\n  b: '1'").contains("unknown name `b`"));
    assert!(refused("  product: '1'").contains("`product` is the name of a look-up already"));
    assert!(refused("  row: '1'").contains("`row` has another meaning"));
    assert!(refused("  a-b: '1'").contains("a name is of letters, digits and underscores"));
}

#[test]
fn a_row_that_has_no_value_fails_with_the_name() {
    let spec = crate::parse("name: a\ncompute:\n  half: row.quantity / row.discount\ndeliver: none\n").unwrap();
    let computation = Computation::compile(&spec.compute, &mut scope()).unwrap();
    let Step::Fail(failure) = computation.run(&mut values()) else { panic!() };
    assert_eq!((failure.stage, failure.code.as_str()), (StageName::Compute, "COMPUTE_FAILED"));
    assert_eq!(failure.message, "half: `row.discount` is empty, where a number is wanted");
}

#[test]
fn placeholders_are_texts_numbers_and_booleans() {
    let check = |text: &str, expected: &str| {
        let seen = match Placeholder::compile(text, &scope(), "put") {
            Err(error) => error.to_string(),
            Ok(placeholder) => placeholder.text(&values()).unwrap_or_else(|why| format!("not: {why}")),
        };
        assert!(seen.starts_with(expected), "{text}: {seen}");
    };
    check("row.sku", "00012345");
    check("row.unit cost", "9.99");
    check("row.express", "true");
    check("product.price", "9.95");
    check("product.in.era", "1920");
    check("subtotal", "28.455");
    check("row.note", "not: the cell is empty");
    check("product.none", "not: the value is empty");
    check("nothing.price", "not: the value is empty");
    check("product.sizes", "not: the value is neither text nor a number");
    check("row.anything", "not: the cell holds the error #N/A");
    check("row.skuu", "put: `validate` names no column `skuu`, did you mean `sku`?");
    check("sku", "put: `{sku}` is no placeholder such as {row.COLUMN}: unknown name `sku`: the column is `row.sku`");
    check("row.", "put: `{row.}` is no placeholder");
    check("row", "put: `{row}` is no placeholder");
    check("", "put: `{}` is no placeholder");
}

#[test]
fn the_columns_of_an_expression_are_known() {
    let expression = Expression::compile("has(row.note) && row['unit cost'] > row.price", &scope(), "x").unwrap();
    assert_eq!(expression.columns(), ["note", "unit cost", "price"]);
}
