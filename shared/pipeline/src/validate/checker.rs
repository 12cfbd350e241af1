//! The common keywords of JSON Schema, checked in one pass over the row that converts cells on its way and allocates
//! nothing for a valid row. What it does not know of one column is asked of the `jsonschema` crate for that column alone; a
//! schema with other keywords over the whole row is not for it. It only says whether a row is valid: what is wrong with a
//! row that is not, `jsonschema` finds and words.

use jsonschema::Validator;
use regex::Regex;
use serde_json::{Map, Number, Value};

use super::coerce::{TypeSet, coerce};
use super::pattern;
use crate::row::cell_error;

/// Keywords that describe and do not check.
const ANNOTATIONS: [&str; 10] = [
    "$comment",
    "$schema",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$id",
];
/// Whole numbers below this are exact in an `f64`.
const EXACT_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A schema of which every keyword is known here.
#[derive(Debug)]
pub(super) struct Checker {
    columns: Vec<Column>,
    /// How many of the columns must be there.
    required: usize,
}

#[derive(Debug)]
struct Column {
    name: String,
    required: bool,
    types: TypeSet,
    checks: Vec<Check>,
}

/// One keyword of a column. Each applies to values of its type alone, as JSON Schema has it.
#[derive(Debug)]
enum Check {
    Least(f64),
    Most(f64),
    Above(f64),
    Below(f64),
    Shortest(usize),
    Longest(usize),
    Pattern(Regex),
    Date,
    /// `enum` or `const` of texts.
    OneOf(Vec<String>),
    /// Everything else.
    Other(Box<Validator>),
}

impl Checker {
    /// A checker of this schema, unless it has keywords over the whole row that are not known here.
    pub(super) fn of(schema: &Map<String, Value>, build: impl Fn(&Value) -> Option<Validator>) -> Option<Self> {
        let known = |(keyword, value): (&String, &Value)| match keyword.as_str() {
            "type" => value == "object",
            "properties" | "required" => true,
            other => ANNOTATIONS.contains(&other) || other.starts_with("x-"),
        };
        if !schema.iter().all(known) {
            return None;
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut columns = Vec::new();
        for (name, property) in properties.into_iter().flatten() {
            columns.push(Column::of(name, property, &build)?);
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let name = name.as_str()?;
            match columns.iter_mut().find(|column| column.name == name) {
                Some(column) => column.required = true,
                None => columns.push(Column { required: true, ..Column::anything(name) }),
            }
        }
        let required = columns.iter().filter(|column| column.required).count();
        Some(Self { columns, required })
    }

    /// Converts the cells and says whether the row is valid.
    pub(super) fn is_valid(&self, row: &mut Map<String, Value>) -> bool {
        let mut missing = self.required;
        let mut valid = true;
        let mut expected = 0;
        for (name, cell) in row.iter_mut() {
            let Some(position) = self.position(name, expected) else { continue };
            expected = position + 1;
            let column = &self.columns[position];
            missing -= usize::from(column.required);
            // Every cell is converted, also behind a wrong one: what is wrong is told of the converted row.
            valid &= column.accepts(cell);
        }
        valid && missing == 0
    }

    /// The column of this name. A sheet usually has its columns in the order of the schema, so the search begins at the
    /// one that is expected.
    fn position(&self, name: &str, expected: usize) -> Option<usize> {
        let (before, after) = self.columns.split_at(expected.min(self.columns.len()));
        let is_named = |column: &Column| column.name == name;
        let found = after.iter().position(is_named).map(|position| position + before.len());
        found.or_else(|| before.iter().position(is_named))
    }
}

impl Column {
    fn anything(name: &str) -> Self {
        Self { name: name.to_owned(), required: false, types: TypeSet::default(), checks: Vec::new() }
    }

    fn of(name: &str, property: &Value, build: &impl Fn(&Value) -> Option<Validator>) -> Option<Self> {
        let mut column = Self::anything(name);
        let Some(keywords) = property.as_object() else {
            column.checks.push(Check::Other(Box::new(build(property)?)));
            return Some(column);
        };
        if refers(property) {
            // Where a reference leads depends on the whole schema.
            return None;
        }
        column.types = TypeSet::of(property, property);
        for (keyword, value) in keywords {
            let is_annotation = ANNOTATIONS.contains(&keyword.as_str()) || keyword.starts_with("x-");
            if is_annotation || (keyword == "type" && column.types.is_all_of(value)) {
                continue;
            }
            match Check::of(keyword, value) {
                Some(check) => column.checks.push(check),
                None => {
                    column.checks = vec![Check::Other(Box::new(build(property)?))];
                    break;
                }
            }
        }
        Some(column)
    }

    /// Converts the cell and says whether it is valid.
    fn accepts(&self, cell: &mut Value) -> bool {
        if !self.types.is_empty() && !self.types.accept(cell) {
            coerce(cell, self.types);
            if !self.types.accept(cell) {
                return false;
            }
        }
        // An error cell of a column without a type is wrong as well.
        !(cell.is_object() && cell_error(cell).is_some()) && self.checks.iter().all(|check| check.accepts(cell))
    }
}

/// Whether a reference stands anywhere in a schema.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(entries) => entries
            .iter()
            .any(|(keyword, value)| matches!(keyword.as_str(), "$ref" | "$dynamicRef" | "$id") || refers(value)),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

impl Check {
    /// The check of one keyword, if it is known here.
    fn of(keyword: &str, value: &Value) -> Option<Self> {
        Some(match keyword {
            "minimum" => Self::Least(bound(value)?),
            "maximum" => Self::Most(bound(value)?),
            "exclusiveMinimum" => Self::Above(bound(value)?),
            "exclusiveMaximum" => Self::Below(bound(value)?),
            "minLength" => Self::Shortest(usize::try_from(value.as_u64()?).ok()?),
            "maxLength" => Self::Longest(usize::try_from(value.as_u64()?).ok()?),
            "pattern" => Self::Pattern(pattern::compile(value.as_str()?)?),
            "format" if value == "date" => Self::Date,
            "enum" => Self::OneOf(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
            "const" => Self::OneOf(vec![text(value)?]),
            _ => return None,
        })
    }

    fn accepts(&self, cell: &Value) -> bool {
        match (self, cell) {
            (Self::Least(bound), Value::Number(number)) => float(number) >= *bound,
            (Self::Most(bound), Value::Number(number)) => float(number) <= *bound,
            (Self::Above(bound), Value::Number(number)) => float(number) > *bound,
            (Self::Below(bound), Value::Number(number)) => float(number) < *bound,
            (Self::Shortest(length), Value::String(text)) => text.chars().count() >= *length,
            (Self::Longest(length), Value::String(text)) => text.len() <= *length || text.chars().count() <= *length,
            (Self::Pattern(pattern), Value::String(text)) => pattern.is_match(text),
            (Self::Date, Value::String(text)) => is_date(text.as_bytes()),
            (Self::OneOf(texts), Value::String(text)) => texts.iter().any(|known| known == text),
            (Self::OneOf(_), _) => false,
            (Self::Other(validator), cell) => validator.is_valid(cell),
            _ => true,
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A bound that compares exactly with any number: whole numbers beyond it, which lose digits as an `f64`, stay beyond it.
fn bound(value: &Value) -> Option<f64> {
    value.as_f64().filter(|bound| bound.abs() < EXACT_WHOLE)
}

fn float(number: &Number) -> f64 {
    // Every number is an integer or an `f64`; this cannot be missing.
    number.as_f64().unwrap_or(f64::NAN)
}

/// Whether this is a full-date of RFC 3339.
fn is_date(text: &[u8]) -> bool {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return false };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2];
    if !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let number = |digits: &[u8]| digits.iter().fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    let (year, month, day) = (number(&digits[..4]), number(&digits[4..6]), number(&digits[6..]));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}
