//! The schema out of the types, and the types that have a notation of their own.

use std::borrow::Cow;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::spec::{
    CacheSpec, DurationSpec, FailedLimit, HeaderSpec, Missing, Ordered, PipelineSpec, RateSpec, RetryKind, SecretName,
    Source, WEBHOOK_EVENTS,
};

const SPAN: &str = "^[0-9]+(ms|s|m)$";

/// A JSON Schema, of a row.
pub(crate) fn row_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "The JSON Schema (2020-12) of a row. Cells are converted to its types where that is certain.",
        "allOf": [{"$ref": "https://json-schema.org/draft/2020-12/schema"}],
        "type": "object",
    })
}

/// A CEL expression.
pub(crate) fn expression(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1})
}

/// The types of events that a webhook is told.
pub(crate) fn webhook_events(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "minItems": 1, "items": {"enum": WEBHOOK_EVENTS}})
}

/// CEL expressions by name.
pub(crate) fn expressions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": {"type": "string", "minLength": 1},
    })
}

/// Says that a type is written as `$schema` has it.
macro_rules! written_as {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

// Unquoted, `null` is no text to an editor; our parser reads both.
written_as!(Missing, "Missing", {"enum": ["fail", "null", null], "default": "fail"});
written_as!(DurationSpec, "Duration", {"type": "string", "pattern": SPAN, "examples": ["250ms", "10s", "2m"]});
written_as!(CacheSpec, "Cache", {"type": ["integer", "string"], "minimum": 0, "pattern": SPAN, "examples": [300, "5m"]});
written_as!(RateSpec, "Rate", {"type": "string", "pattern": "^[0-9]+ */ *[smh]$", "examples": ["200/s", "600/m"]});
written_as!(FailedLimit, "FailedLimit", {
    "type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+([.][0-9]{1,2})? *%$", "examples": ["5%", 1000],
});
written_as!(SecretName, "Secret", {"type": "string", "pattern": "^secret:[A-Za-z0-9/_+=.@-]+$"});
written_as!(HeaderSpec, "Header", {"type": "string", "examples": ["secret:partner-token", "Bearer secret:partner-token"]});
written_as!(Source, "Source", {"type": ["string", "number", "boolean", "null"], "examples": ["row.cost", 250]});
written_as!(RetryKind, "RetryKind", {
    "anyOf": [
        {"type": "integer", "minimum": 400, "maximum": 599},
        {"type": "string", "enum": ["4xx", "5xx", "timeout", "connection"]},
        {"type": "string", "pattern": "^[45][0-9]{2}$"},
    ],
});

impl<T: JsonSchema> JsonSchema for Ordered<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Ordered_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<T>()})
    }
}

fn generated() -> String {
    let mut schema = serde_json::to_value(schemars::schema_for!(PipelineSpec)).unwrap();
    drop_formats(&mut schema);
    format!("{}\n", serde_json::to_string_pretty(&schema).unwrap())
}

/// Takes out `"format": "uint32"` and the like, which are schemars' own and make some editors complain.
fn drop_formats(schema: &mut Value) {
    match schema {
        Value::Object(entries) => {
            if entries.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
                entries.remove("format");
            }
            entries.values_mut().for_each(drop_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_formats),
        _ => {}
    }
}

#[test]
fn the_file_is_what_the_types_say() {
    let generated = generated();
    if std::env::var_os("FILAS_WRITE_SCHEMA").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/schema.json");
        std::fs::write(file, &generated).unwrap();
    }
    assert!(
        generated == super::JSON,
        "pipelines/schema.json is behind the types: run this test with FILAS_WRITE_SCHEMA=1"
    );
}

#[test]
fn the_schema_agrees_with_the_parser() {
    let schema: Value = serde_json::from_str(super::JSON).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let check = |yaml: &str| {
        let value: Value = serde_saphyr::from_str(yaml).unwrap();
        let parsed = crate::parse(yaml);
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(parsed.is_ok(), errors.is_empty(), "{yaml}\nparser: {:?}\nschema: {errors:?}", parsed.err());
    };
    for shipped in crate::shipped::all() {
        check(shipped.yaml);
    }
    for part in [
        "deliver: none",
        "deliver: nonne",
        "deliver: { http: { put: 'http://p/', rate: 200/s, headers: { a: 'secret:b' }, sign: 'secret:c' } }",
        "deliver: { http: { put: 'http://p/', rate: 200 } }",
        "deliver: { http: { put: 'http://p/', sign: 'plain' } }",
        "deliver: { http: { put: 'http://p/', retry: { for: [429, 5xx, timeout] } } }",
        "deliver: { http: { put: 'http://p/', retry: { for: [often] } } }",
        "deliver: { http: { put: 'http://p/', putt: 1 } }",
        "deliver: { store: {} }",
        "deliver: { store: { record: row, more: 1 } }",
        "deliver: { queue: { url: '${Q}' } }",
        "deliver: { queue: {} }",
        "deliver: none\nstop: { failed: 5% }",
        "deliver: none\nstop: { failed: 1000 }",
        "deliver: none\nstop: { failed: five }",
        "deliver: none\nenrich: { p: { get: 'http://p/{row.a}', cache: 300, missing: null } }",
        "deliver: none\nenrich: { p: { get: 'http://p/{row.a}', cache: 5m, missing: fail } }",
        "deliver: none\nenrich: { p: { get: 'http://p/{row.a}', cache: soon } }",
        "deliver: none\nenrich: { p: { missing: fail } }",
        "deliver: none\ncompute: { a: 1 + 1, b: 'a * 2' }",
        "deliver: none\nrules: [{ check: 'row.a > 1', message: m, column: a }]",
        "deliver: none\nrules: [{ check: 'row.a > 1' }]",
        "deliver: none\nrows: { header: 0 }",
        "deliver: none\nsimulate: { cost: row.cost }",
        "deliver: none\nunknown: 1",
    ] {
        check(&format!("name: a\n{part}\n"));
    }
    check("name: A b\ndeliver: none\n");
    check("deliver: none\n");
}
