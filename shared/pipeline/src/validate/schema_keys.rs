//! Misspelled schema keywords. JSON Schema ignores what it does not know; a pipeline's author would never learn of it.

use serde_json::Value;

use crate::error::{PipelineError, nearest};

/// The keywords of JSON Schema 2020-12, all vocabularies.
const KEYWORDS: [&str; 58] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$ref",
    "$schema",
    "$vocabulary",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "else",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "then",
    "title",
    "type",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "writeOnly",
    "definitions",
];

/// Refuses unknown keywords in the schema and, at any depth, in the schemas inside it. Those that begin with `x-` are the
/// author's own.
pub(super) fn check(schema: &Value) -> Result<(), PipelineError> {
    check_schema(schema, "validate")
}

fn check_schema(schema: &Value, place: &str) -> Result<(), PipelineError> {
    let Some(object) = schema.as_object() else { return Ok(()) };
    for (keyword, value) in object {
        let inside = format!("{place}.{keyword}");
        match keyword.as_str() {
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                for (name, schema) in value.as_object().into_iter().flatten() {
                    check_schema(schema, &format!("{inside}.{name}"))?;
                }
            }
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                for (position, schema) in value.as_array().into_iter().flatten().enumerate() {
                    check_schema(schema, &format!("{inside}[{position}]"))?;
                }
            }
            "additionalProperties"
            | "contains"
            | "else"
            | "if"
            | "items"
            | "not"
            | "propertyNames"
            | "then"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "contentSchema" => check_schema(value, &inside)?,
            known if KEYWORDS.contains(&known) || known.starts_with("x-") => {}
            unknown => return Err(PipelineError::invalid(place, unknown_keyword(unknown))),
        }
    }
    Ok(())
}

fn unknown_keyword(keyword: &str) -> String {
    match nearest(keyword, KEYWORDS) {
        Some(nearest) => format!("JSON Schema has no keyword `{keyword}`, did you mean `{nearest}`?"),
        None => format!("JSON Schema has no keyword `{keyword}`"),
    }
}
