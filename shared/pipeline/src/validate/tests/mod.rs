//! Rows against schemas: what passes, converted to what, and what is said of the others.

mod agreement;
mod rules;

use serde_json::json;

use super::*;
use crate::testing::values;

/// Runs a row; gives the row as it is afterwards, or the failure's message.
fn run(schema: Value, row: Value) -> Result<Value, String> {
    let validation = Validation::compile(Some(&schema), &[]).unwrap();
    let mut values = values(row);
    match validation.run(&mut values) {
        Step::Continue => Ok(values.row),
        Step::Fail(failure) => {
            assert_eq!((failure.stage, failure.code.as_str()), (StageName::Validate, "INVALID_ROW"));
            Err(failure.message)
        }
    }
}

#[test]
fn values_are_converted_where_it_is_certain() {
    // The type, the cell, and the cell afterwards; `None` means that the row fails.
    let cases = [
        (json!("integer"), json!("3"), Some(json!(3))),
        (json!("integer"), json!(" -12\t"), Some(json!(-12))),
        (json!("integer"), json!(3), Some(json!(3))),
        (json!("integer"), json!(3.0), Some(json!(3.0))),
        (json!("integer"), json!("18446744073709551615"), Some(json!(18_446_744_073_709_551_615_u64))),
        (json!("integer"), json!("3.0"), None),
        (json!("integer"), json!("1e3"), None),
        (json!("integer"), json!("007"), None),
        (json!("integer"), json!("+3"), None),
        (json!("integer"), json!("1,000"), None),
        (json!("integer"), json!("1 000"), None),
        (json!("integer"), json!("99999999999999999999"), None),
        (json!("integer"), json!(""), None),
        (json!("integer"), json!(true), None),
        (json!("number"), json!("0.10"), Some(json!(0.1))),
        (json!("number"), json!("-1e3"), Some(json!(-1000.0))),
        (json!("number"), json!("7"), Some(json!(7))),
        (json!("number"), json!("123456789012.345"), Some(json!(123_456_789_012.345))),
        (json!("number"), json!("12345678901234567.89"), None),
        (json!("number"), json!("0,10"), None),
        (json!("number"), json!(".5"), None),
        (json!("number"), json!("NaN"), None),
        (json!("number"), json!("1e999"), None),
        (json!("number"), json!("3 4"), None),
        (json!("boolean"), json!("TRUE"), Some(json!(true))),
        (json!("boolean"), json!(" False "), Some(json!(false))),
        (json!("boolean"), json!("yes"), None),
        (json!("boolean"), json!("1"), None),
        (json!("boolean"), json!(1), None),
        (json!("string"), json!(12), Some(json!("12"))),
        (json!("string"), json!(3.0), Some(json!("3"))),
        (json!("string"), json!(0.1), Some(json!("0.1"))),
        (json!("string"), json!(true), Some(json!("true"))),
        (json!("string"), json!(" x "), Some(json!(" x "))),
        (json!("string"), json!([1]), None),
        (json!(["integer", "string"]), json!("3"), Some(json!("3"))),
        (json!(["integer", "string"]), json!(3.5), Some(json!("3.5"))),
        (json!(["boolean", "number"]), json!("true"), Some(json!(true))),
        (json!(["boolean", "number"]), json!("2.5"), Some(json!(2.5))),
        (json!(["integer", "boolean"]), json!("2.5"), None),
    ];
    for (kind, cell, expected) in cases {
        let schema = json!({"properties": {"a": {"type": kind}}});
        let seen = run(schema, json!({"a": cell})).ok().map(|row| row["a"].clone());
        assert_eq!(seen, expected, "{cell} as {kind}");
        // A reference is as good as the type itself.
        let schema = json!({"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": kind}}});
        let seen = run(schema, json!({"a": cell})).ok().map(|row| row["a"].clone());
        assert_eq!(seen, expected, "{cell} as {kind} by reference");
    }
}

#[test]
fn what_the_schema_does_not_type_is_left_alone() {
    let schema = json!({"required": ["b"], "properties": {"a": {"type": "integer"}}});
    let row = json!({"a": "1", "b": "2", "c": "true"});
    assert_eq!(run(schema, row), Ok(json!({"a": 1, "b": "2", "c": "true"})));
}

#[test]
fn every_violation_is_reported_with_its_column() {
    let schema = json!({
        "required": ["id", "quantity", "extra"],
        "properties": {
            "id": {"type": "string", "minLength": 1},
            "quantity": {"type": "integer", "minimum": 1},
            "price": {"type": "number"},
            "currency": {"enum": ["EUR", "USD"]},
            "day": {"type": "string", "format": "date"},
            "sku": {"type": "string", "pattern": "^[0-9]{8}$"},
            "none": false,
        },
    });
    let check =
        |row: Value, expected: &str| assert_eq!(run(schema.clone(), row.clone()).unwrap_err(), expected, "{row}");
    check(json!({}), "id: is required; quantity: is required; extra: is required");
    check(
        json!({"sku": "1234", "day": "2026-02-30", "currency": "CHF", "price": "cheap", "quantity": "0", "id": "", "extra": 1}),
        "id: \"\" is shorter than 1 character; \
         quantity: 0 is less than the minimum of 1; \
         price: \"cheap\" is not of type \"number\"; \
         currency: \"CHF\" is not one of \"EUR\", \"USD\"; \
         day: \"2026-02-30\" is not a \"date\"; \
         sku: \"1234\" does not match \"^[0-9]{8}$\"",
    );
    check(json!({"id": "1", "quantity": 1, "extra": 1, "none": 5}), "none: 5 stands where nothing is allowed");
}

#[test]
fn rules_over_the_whole_row_name_the_columns_they_can() {
    let check = |schema: Value, row: Value, expected: &str| assert_eq!(run(schema, row).unwrap_err(), expected);
    check(
        json!({"properties": {"a": {}}, "additionalProperties": false}),
        json!({"a": 1, "b": 2, "c": 3}),
        "b: is not a column of this pipeline; c: is not a column of this pipeline",
    );
    check(json!({"dependentRequired": {"a": ["b"]}}), json!({"a": 1}), "b: is required");
    check(
        json!({"if": {"properties": {"a": {"const": "x"}}, "required": ["a"]}, "then": {"required": ["b"]}}),
        json!({"a": "x"}),
        "b: is required",
    );
    check(
        json!({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        json!({"c": "secret"}),
        "row: fits none of the alternatives in `anyOf`",
    );
    check(json!({"minProperties": 2}), json!({"c": "secret"}), "row: the row has less than 2 properties");
    check(
        json!({"properties": {"a": {"properties": {"b": {"type": "integer"}}}}}),
        json!({"a": {"b": "x"}}),
        "a: b: \"x\" is not of type \"integer\"",
    );
}

#[test]
fn formats_are_asserted() {
    let check = |format: &str, good: &str, bad: &str| {
        let schema = json!({"properties": {"a": {"format": format}}});
        assert!(run(schema.clone(), json!({"a": good})).is_ok(), "{good} as {format}");
        assert_eq!(run(schema, json!({"a": bad})), Err(format!("a: \"{bad}\" is not a \"{format}\"")));
    };
    check("date", "2024-02-29", "2023-02-29");
    check("date-time", "2026-01-31T10:00:00Z", "2026-01-31 10:00");
    check("time", "10:00:00Z", "25:00:00Z");
    check("email", "a@example.org", "a@@example.org");
    check("uri", "https://example.org/x", "example org");
    check("uuid", "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d");
    check("ipv4", "10.0.0.1", "10.0.0.256");
}

#[test]
fn error_cells_are_violations_where_the_schema_names_the_column() {
    let schema = json!({
        "required": ["id"],
        "properties": {"unit_price": {"type": "number"}, "anything": {}},
    });
    let error = |text: &str| json!({"error": text});
    let check = |row: Value, expected: Result<(), &str>| {
        assert_eq!(run(schema.clone(), row).map(drop), expected.map_err(str::to_owned));
    };
    check(json!({"id": 1, "unit_price": error("#N/A")}), Err("unit_price: the cell holds the error #N/A"));
    check(
        json!({"id": error("#REF!"), "anything": error("#DIV/0!"), "unit_price": "x"}),
        Err("unit_price: \"x\" is not of type \"number\"; anything: the cell holds the error #DIV/0!; \
             id: the cell holds the error #REF!"),
    );
    check(json!({"id": 1, "unnamed": error("#N/A")}), Ok(()));
}

#[test]
fn messages_never_hold_a_long_value() {
    let long = format!("{}secret", "x".repeat(4_000));
    let schemas = [
        json!({"type": "integer"}),
        json!({"enum": ["a"]}),
        json!({"const": "a"}),
        json!({"pattern": "^[0-9]$"}),
        json!({"format": "date"}),
        json!({"maxLength": 3}),
        json!({"minLength": 9_000}),
        json!({"not": {"type": "string"}}),
        json!({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}),
        json!({"oneOf": [{"type": "integer"}, {"type": "boolean"}]}),
        json!({"oneOf": [{"type": "string"}, {"minLength": 1}]}),
        json!({"contentEncoding": "base64", "maxLength": 1}),
        json!(false),
    ];
    for schema in schemas {
        let message = run(json!({"properties": {"a": schema}}), json!({"a": long})).unwrap_err();
        assert!(message.starts_with("a: "), "{message}");
        assert!(!message.contains("secret") && message.matches('x').count() <= 80, "{schema}: {message}");
    }
}

#[test]
fn schemas_that_cannot_be_meant_are_refused() {
    let check = |schema: Value, expected: &str| {
        let error = Validation::compile(Some(&schema), &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{schema}: {error}");
    };
    check(json!([]), "validate: the schema of a row is a mapping");
    check(json!(true), "validate: the schema of a row is a mapping");
    check(json!({"propertys": {}}), "validate: JSON Schema has no keyword `propertys`, did you mean `properties`?");
    check(
        json!({"properties": {"a": {"minlength": 1}}}),
        "validate.properties.a: JSON Schema has no keyword `minlength`, did you mean `minLength`?",
    );
    check(json!({"allOf": [{}, {"reqired": []}]}), "validate.allOf[1]: JSON Schema has no keyword `reqired`");
    check(json!({"properties": {"a": {"type": "int"}}}), "validate.properties.a.type: ");
    check(json!({"properties": {"a": {"pattern": "["}}}), "validate.properties.a.pattern: ");
    check(json!({"properties": {"a": {"format": "dated"}}}), "dated");
    check(json!({"$ref": "https://example.org/schema"}), "example.org");
    let described = json!({"x-owner": "me", "properties": {"x": {"description": "y"}}});
    Validation::compile(Some(&described), &[]).unwrap();
}
