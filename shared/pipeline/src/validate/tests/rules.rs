//! Rules between the columns of a row.

use serde_json::{Value, json};

use crate::spec::RuleSpec;
use crate::stage::Step;
use crate::testing::values;
use crate::validate::Validation;

fn rule(check: &str, message: &str, column: Option<&str>) -> RuleSpec {
    RuleSpec { check: check.to_owned(), message: message.to_owned(), column: column.map(str::to_owned) }
}

fn schema() -> Value {
    json!({
        "required": ["quantity", "day"],
        "properties": {
            "quantity": {"type": "integer", "minimum": 1},
            "day": {"type": "string", "format": "date"},
            "sent": {"type": "string", "format": "date"},
            "boxes": {"type": "integer"},
        },
    })
}

fn run(row: Value) -> String {
    let rules = [
        rule("row.sent == null || row.sent >= row.day", "is sent before its day", Some("sent")),
        rule("row.boxes == null || row.quantity % row.boxes == 0", "does not fill the boxes", None),
        rule("row.quantity < 100", "is too many", Some("quantity")),
    ];
    let validation = Validation::compile(Some(&schema()), &rules).unwrap();
    match validation.run(&mut values(row)) {
        Step::Continue => "valid".to_owned(),
        Step::Fail(failure) => failure.message,
    }
}

#[test]
fn rules_are_reported_together_with_everything_else() {
    let check = |row: Value, expected: &str| assert_eq!(run(row.clone()), expected, "{row}");
    check(json!({"quantity": 6, "day": "2026-01-02", "sent": "2026-01-02", "boxes": 3}), "valid");
    check(json!({"quantity": "6", "day": "2026-01-02", "boxes": "3"}), "valid");
    check(json!({"quantity": 6, "day": "2026-01-02", "sent": "2026-01-01"}), "sent: is sent before its day");
    check(
        json!({"quantity": 101, "day": "2026-01-02", "sent": "2026-01-01", "boxes": 2}),
        "sent: is sent before its day; row: does not fill the boxes; quantity: is too many",
    );
    // A column that is wrong by itself is not judged a second time; the others are.
    check(
        json!({"quantity": "many", "day": "2026-01-02", "sent": "2026-01-01"}),
        "quantity: \"many\" is not of type \"integer\"; sent: is sent before its day",
    );
    check(
        json!({"quantity": 6, "day": "2026-01-02", "boxes": 0}),
        "row: does not fill the boxes (the rule cannot be checked: `row.boxes` is 0, and nothing is divided by it)",
    );
}

#[test]
fn rules_that_cannot_work_are_refused() {
    let check = |rule: RuleSpec, expected: &str| {
        let error = Validation::compile(Some(&schema()), &[rule]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    check(rule("row.quantity", "m", None), "rules[0].check: a rule is true or false, and this is a number");
    check(rule("row.quantty > 1", "m", None), "rules[0].check: `validate` names no column `quantty`");
    check(rule("total > 1", "m", None), "rules[0].check: unknown name `total`");
    check(rule("true", "m", Some("quantty")), "rules[0].column: `validate` names no column `quantty`");
}

#[test]
fn rules_need_no_schema() {
    let validation = Validation::compile(None, &[rule("row.a > row.b", "a is not above b", None)]).unwrap();
    assert_eq!(validation.run(&mut values(json!({"a": 2, "b": 1}))), Step::Continue);
    let Step::Fail(failure) = validation.run(&mut values(json!({"a": "2", "b": 1}))) else { panic!() };
    assert_eq!(
        failure.message,
        "row: a is not above b (the rule cannot be checked: `row.b` is a number, where text is wanted)"
    );
}
