//! Converting a cell to the type that the schema wants. A csv file has only text, and a spreadsheet has a number where a
//! person typed a code; beyond these two nothing is guessed.

use serde_json::{Number, Value};

use crate::compute::decimal;
use crate::text::number_text;

/// How many references in a row are followed before a schema is taken to run in circles.
const REFERENCES_FOLLOWED: usize = 8;

/// The types that a schema allows for a column; empty when it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct TypeSet {
    integer: bool,
    number: bool,
    boolean: bool,
    string: bool,
}

impl TypeSet {
    /// The column's schema, or where its local `$ref` leads.
    pub(super) fn resolve<'a>(property: &'a Value, whole_schema: &'a Value) -> &'a Value {
        let mut property = property;
        for _ in 0..REFERENCES_FOLLOWED {
            let reference = property.get("$ref").and_then(Value::as_str);
            match reference.and_then(|reference| whole_schema.pointer(reference.strip_prefix('#')?)) {
                Some(target) => property = target,
                None => break,
            }
        }
        property
    }

    /// What the column's schema says by `type`, itself or where its local `$ref` leads.
    pub(super) fn of(property: &Value, whole_schema: &Value) -> Self {
        let property = Self::resolve(property, whole_schema);
        let mut types = Self::default();
        match property.get("type") {
            Some(Value::String(name)) => types.allow(name),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).for_each(|name| types.allow(name)),
            _ => {}
        }
        types
    }

    fn allow(&mut self, name: &str) {
        match name {
            "integer" => self.integer = true,
            "number" => self.number = true,
            "boolean" => self.boolean = true,
            "string" => self.string = true,
            // Cells are never arrays, objects or null: nothing is converted to them.
            _ => {}
        }
    }

    /// Whether a value has one of these types as it is.
    pub(super) fn accept(self, cell: &Value) -> bool {
        match cell {
            Value::String(_) => self.string,
            Value::Number(number) => accepts_number(self, number),
            Value::Bool(_) => self.boolean,
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }

    /// Whether these are all the types that the keyword `type` names.
    pub(super) fn is_all_of(self, names: &Value) -> bool {
        let known = |name: &Value| matches!(name.as_str(), Some("integer" | "number" | "boolean" | "string"));
        !self.is_empty() && names.as_array().map_or_else(|| known(names), |names| names.iter().all(known))
    }

    /// Whether the schema does not say.
    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// Converts `cell` when its type is not among `types` and exactly one reading of it is; leaves it alone otherwise.
pub(super) fn coerce(cell: &mut Value, types: TypeSet) {
    let converted = match &*cell {
        Value::String(text) if !types.string => from_text(text.trim(), types),
        Value::Number(number) if types.string && !accepts_number(types, number) => {
            Some(Value::String(number_text(number)))
        }
        Value::Bool(truth) if types.string && !types.boolean => Some(Value::String(truth.to_string())),
        _ => None,
    };
    if let Some(converted) = converted {
        *cell = converted;
    }
}

fn accepts_number(types: TypeSet, number: &Number) -> bool {
    let integral = !number.is_f64() || number.as_f64().is_some_and(|value| value.fract() == 0.0);
    types.number || (types.integer && integral)
}

/// The number or boolean that `text` is a literal of, spelled as in JSON.
fn from_text(text: &str, types: TypeSet) -> Option<Value> {
    if (types.integer || types.number) && text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        // Too large a number is none; the schema's violation then shows it as it was written.
        let number: Number = serde_json::from_str(text).ok()?;
        let fits = types.number || !number.is_f64();
        return (fits && !loses_digits(text, &number)).then_some(Value::Number(number));
    }
    if types.boolean && text.eq_ignore_ascii_case("true") {
        return Some(Value::Bool(true));
    }
    (types.boolean && text.eq_ignore_ascii_case("false")).then_some(Value::Bool(false))
}

/// Whether the number has fewer digits than its text: an `f64` holds 15 for certain. Money must not be rounded unseen.
fn loses_digits(text: &str, number: &Number) -> bool {
    number.is_f64()
        && text.len() > 15
        && decimal::parse(text).is_some_and(|exact| decimal::from_json(number) != Some(exact))
}
