//! What an expression works on and gives.

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::Value;

use super::decimal;
use super::types::Types;

/// A value, borrowed from the row or the expression where that is possible.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val<'a> {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    /// Entries in the order in which they were written.
    Map(Vec<(Cow<'a, str>, Self)>),
    /// A list, an object or a number beyond the decimals, as it came.
    Json(&'a Value),
    /// The same, kept: what a computation took out of a row.
    Kept(Box<Value>),
}

impl<'a> Val<'a> {
    /// A value of a row or of an answer.
    pub(super) fn from_json(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => decimal::from_json(number).map_or(Self::Json(value), Self::Number),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(_) | Value::Object(_) => Self::Json(value),
        }
    }

    /// The same, borrowed from `self`.
    pub(super) fn borrowed(&'a self) -> Val<'a> {
        match self {
            Self::Null => Val::Null,
            Self::Bool(truth) => Val::Bool(*truth),
            Self::Number(number) => Val::Number(*number),
            Self::Text(text) => Val::Text(Cow::Borrowed(text)),
            Self::List(items) => Val::List(items.iter().map(Val::borrowed).collect()),
            Self::Map(entries) => {
                Val::Map(entries.iter().map(|(key, value)| (Cow::Borrowed(&**key), value.borrowed())).collect())
            }
            Self::Json(value) => Val::Json(value),
            Self::Kept(value) => Val::Json(value),
        }
    }

    /// The same, with nothing borrowed.
    pub(super) fn into_owned(self) -> Val<'static> {
        match self {
            Self::Null => Val::Null,
            Self::Bool(truth) => Val::Bool(truth),
            Self::Number(number) => Val::Number(number),
            Self::Text(text) => Val::Text(Cow::Owned(text.into_owned())),
            Self::List(items) => Val::List(items.into_iter().map(Val::into_owned).collect()),
            Self::Map(entries) => Val::Map(
                entries.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned())).collect(),
            ),
            Self::Json(value) => Val::Kept(Box::new(value.clone())),
            Self::Kept(value) => Val::Kept(value),
        }
    }

    /// The JSON behind a value that came from outside.
    fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Kept(value) => Some(value),
            _ => None,
        }
    }

    /// The one type that it has.
    pub(super) fn types(&self) -> Types {
        match self {
            Self::Null => Types::NULL,
            Self::Bool(_) => Types::BOOL,
            Self::Number(_) => Types::NUMBER,
            Self::Text(_) => Types::TEXT,
            Self::List(_) => Types::LIST,
            Self::Map(_) => Types::MAP,
            Self::Json(_) | Self::Kept(_) => match self.json() {
                Some(Value::Array(_)) => Types::LIST,
                Some(Value::Object(_)) => Types::MAP,
                _ => Types::NUMBER,
            },
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Option<Vec<Val<'_>>> {
        match self {
            Self::List(items) => Some(items.iter().map(Val::borrowed).collect()),
            _ => Some(self.json()?.as_array()?.iter().map(Val::from_json).collect()),
        }
    }

    /// The items of a list or the keys of a map, which is what macros go through.
    pub(super) fn into_range(self) -> Option<Vec<Val<'a>>> {
        match self {
            Self::List(items) => Some(items),
            Self::Map(entries) => Some(entries.into_iter().map(|(key, _)| Val::Text(key)).collect()),
            Self::Json(Value::Array(items)) => Some(items.iter().map(Val::from_json).collect()),
            Self::Json(Value::Object(entries)) => {
                Some(entries.keys().map(|key| Val::Text(Cow::Borrowed(key))).collect())
            }
            Self::Kept(value) => {
                let range = Val::Json(&value).into_range()?;
                Some(range.into_iter().map(Val::into_owned).collect())
            }
            _ => None,
        }
    }

    /// The value under `key` in a map: the outer `None` says that it is no map.
    pub(super) fn into_entry(self, key: &str) -> Option<Option<Self>> {
        match self {
            Self::Map(entries) => Some(entries.into_iter().find_map(|(known, value)| (known == key).then_some(value))),
            Self::Json(Value::Object(entries)) => Some(entries.get(key).map(Val::from_json)),
            Self::Kept(value) => match *value {
                Value::Object(mut entries) => {
                    Some(entries.remove(key).map(|value| Val::from_json(&value).into_owned()))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// How many items, entries or characters it has.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Self::Text(text) => Some(text.chars().count()),
            Self::List(items) => Some(items.len()),
            Self::Map(entries) => Some(entries.len()),
            _ => match self.json()? {
                Value::Array(items) => Some(items.len()),
                Value::Object(entries) => Some(entries.len()),
                _ => None,
            },
        }
    }

    /// Whether two values are equal: values of different types never are.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Number(left), Self::Number(right)) => left == right,
            (Self::Text(left), Self::Text(right)) => left == right,
            _ => {
                let types = self.types();
                types == other.types() && !types.is_single_value() && same_json(&self.to_json(), &other.to_json())
            }
        }
    }

    /// Which of two comes first; `None` when their types have no common order.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => Some(left.cmp(right)),
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Bool(left), Self::Bool(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }

    /// The value as JSON. A decimal that JSON's numbers cannot hold exactly is text.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Number(number) => {
                decimal::to_json(*number).map_or_else(|| Value::String(decimal::text(*number)), Value::Number)
            }
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::List(items) => Value::Array(items.iter().map(Val::to_json).collect()),
            Self::Map(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.clone().into_owned(), value.to_json())).collect())
            }
            Self::Json(value) => (*value).clone(),
            Self::Kept(value) => (**value).clone(),
        }
    }

    /// Appends the value as JSON text. A decimal is written with all its digits.
    pub(crate) fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => out.extend_from_slice(decimal::text(*number).as_bytes()),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => write_between(b'[', b']', items, out, |item, out| item.write_json(out)),
            Self::Map(entries) => write_between(b'{', b'}', entries, out, |(key, value), out| {
                write_text(key, out);
                out.push(b':');
                value.write_json(out);
            }),
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
            Self::Json(_) | Self::Kept(_) => {
                if let Some(value) = self.json() {
                    write_value(value, out);
                }
            }
        }
    }
}

/// Whether two lists, objects or large numbers are the same: objects whatever the order of their entries, numbers by value.
fn same_json(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_json(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same_json(value, other)))
        }
        (Value::Number(left), Value::Number(right)) => match (decimal::from_json(left), decimal::from_json(right)) {
            (Some(left), Some(right)) => left == right,
            _ => left == right,
        },
        _ => left == right,
    }
}

/// Appends a value of JSON.
pub(super) fn write_value(value: &Value, out: &mut Vec<u8>) {
    // Writing to memory cannot fail, and a `Value` has no key that is not text.
    let _ = serde_json::to_writer(out, value);
}

/// Appends text as JSON has it.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    // Writing text to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

fn write_between<T>(open: u8, close: u8, items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(open);
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(close);
}
