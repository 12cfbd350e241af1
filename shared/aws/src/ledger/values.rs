//! JSON values to and from DynamoDB's attribute values. Both know the same things; only numbers are spelled as text.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Number, Value};
use thiserror::Error;

/// Attributes by name: an item, or a map in one.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// Something stored that is not of the kind that Filas stores.
#[derive(Debug, Error)]
pub(crate) enum StoredError {
    /// A type that JSON does not have.
    #[error("the stored value has a type that Filas does not write")]
    ForeignType,
    /// A number that is none.
    #[error("the stored number {0} is out of range")]
    Number(String),
    /// An attribute that is needed.
    #[error("the stored item has no usable {0}")]
    Attribute(String),
    /// The attributes do not make the thing.
    #[error("the stored item cannot be read")]
    Malformed(#[from] serde_json::Error),
}

/// The attribute value of a JSON value.
pub(crate) fn to_attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(truth) => AttributeValue::Bool(truth),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(to_attribute).collect()),
        Value::Object(members) => AttributeValue::M(to_attributes(members)),
    }
}

/// The attributes of a JSON object's members.
pub(crate) fn to_attributes(members: Map<String, Value>) -> Attributes {
    members.into_iter().map(|(name, value)| (name, to_attribute(value))).collect()
}

/// The JSON value of an attribute value.
pub(crate) fn to_json(attribute: AttributeValue) -> Result<Value, StoredError> {
    Ok(match attribute {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(truth) => Value::Bool(truth),
        AttributeValue::N(text) => Value::Number(number(&text)?),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(values) => Value::Array(values.into_iter().map(to_json).collect::<Result<_, _>>()?),
        AttributeValue::M(members) => Value::Object(to_object(members)?),
        _ => return Err(StoredError::ForeignType),
    })
}

/// The JSON object of attributes.
pub(crate) fn to_object(attributes: Attributes) -> Result<Map<String, Value>, StoredError> {
    attributes.into_iter().map(|(name, attribute)| Ok((name, to_json(attribute)?))).collect()
}

fn number(text: &str) -> Result<Number, StoredError> {
    if let Ok(whole) = text.parse::<u64>() {
        return Ok(whole.into());
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(whole.into());
    }
    let broken = text.parse().ok().and_then(Number::from_f64);
    broken.ok_or_else(|| StoredError::Number(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_read_back() {
        for value in [
            json!(null),
            json!(true),
            json!(0),
            json!(-3),
            json!(u64::MAX),
            json!(2.5),
            json!(""),
            json!("é#"),
            json!([]),
            json!([1, "two", [null]]),
            json!({"a": {"b": [{"c": 1.25}]}, "d": {}}),
        ] {
            assert_eq!(to_json(to_attribute(value.clone())).unwrap(), value);
        }
    }

    #[test]
    fn what_filas_never_writes_is_an_error() {
        for foreign in [
            AttributeValue::Ss(vec!["a".into()]),
            AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new([1])),
            AttributeValue::N("many".into()),
            AttributeValue::L(vec![AttributeValue::Ns(vec![])]),
        ] {
            assert!(to_json(foreign.clone()).is_err(), "{foreign:?}");
        }
    }
}
