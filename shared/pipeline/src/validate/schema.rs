//! A compiled JSON Schema.

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value};

use super::checker::Checker;
use super::coerce::{TypeSet, coerce};
use super::schema_keys;
use super::violation::Violation;
use crate::compute::Types;
use crate::error::PipelineError;
use crate::row::cell_error;

/// A compiled schema.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator,
    /// Checks the same faster, if the schema has only keywords that it knows.
    checker: Option<Checker>,
    columns: Vec<Column>,
    /// Whether a row may have columns of which the schema says something without naming them.
    is_open: bool,
}

/// A column that the schema names.
#[derive(Debug)]
struct Column {
    name: String,
    types: TypeSet,
    /// The types of its cells once the row is valid.
    valid: Types,
}

impl Schema {
    /// Compiles a schema. Formats are asserted, references lead nowhere outside the schema, and a keyword that JSON Schema
    /// does not know is an error: it would be ignored, and a check that its author relies on would be missing.
    pub(super) fn compile(schema: &Value) -> Result<Self, PipelineError> {
        let Some(object) = schema.as_object() else {
            return Err(PipelineError::invalid("validate", "the schema of a row is a mapping"));
        };
        schema_keys::check(schema)?;
        let validator = build(schema)
            .map_err(|error| PipelineError::invalid(place(error.instance_path().as_str()), error.to_string()))?;
        let checker = Checker::of(object, |property| build(property).ok());
        let names_columns = object.get("properties").is_some_and(Value::is_object);
        let names_more = ["$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "patternProperties", "if"];
        let is_open = !names_columns || names_more.iter().any(|keyword| object.contains_key(*keyword));
        Ok(Self { validator, checker, columns: columns(schema, object), is_open })
    }

    /// Converts the row's cells and says whether it is valid.
    pub(super) fn is_valid(&self, row: &mut Value) -> bool {
        if let (Some(checker), Some(row)) = (&self.checker, row.as_object_mut()) {
            return checker.is_valid(row);
        }
        // Nearly every row is valid as it stands, and then nothing needs converting: a value of the wrong type is invalid.
        if self.accepts(row) {
            return true;
        }
        self.convert(row);
        self.accepts(row)
    }

    /// The same, with `jsonschema` for everything.
    #[cfg(test)]
    pub(super) fn without_checker(mut self) -> Self {
        self.checker = None;
        self
    }

    #[cfg(test)]
    pub(super) fn has_checker(&self) -> bool {
        self.checker.is_some()
    }

    fn accepts(&self, row: &Value) -> bool {
        self.error_cells(row).next().is_none() && self.validator.is_valid(row)
    }

    fn convert(&self, row: &mut Value) {
        for column in self.columns.iter().filter(|column| !column.types.is_empty()) {
            if let Some(cell) = row.get_mut(&column.name) {
                coerce(cell, column.types);
            }
        }
    }

    /// Every violation of a converted row, in the order in which the schema names the columns.
    pub(super) fn violations(&self, row: &Value) -> Vec<Violation> {
        let mut violations: Vec<_> = self.error_cells(row).collect();
        let broken: Vec<_> = violations.iter().map(|violation| violation.column.clone()).collect();
        let of_schema = self.validator.iter_errors(row).flat_map(|error| Violation::of(&error));
        // What else is wrong with an error cell follows from its being one.
        violations.extend(of_schema.filter(|violation| !broken.contains(&violation.column)));
        violations.sort_by_key(|violation| self.position(&violation.column));
        violations
    }

    fn error_cells<'a>(&'a self, row: &'a Value) -> impl Iterator<Item = Violation> + 'a {
        self.columns.iter().filter_map(move |column| {
            let error = cell_error(row.get(&column.name)?)?;
            Some(Violation::error_cell(&column.name, error))
        })
    }

    fn position(&self, column: &str) -> usize {
        self.columns.iter().position(|known| known.name == column).unwrap_or(self.columns.len())
    }

    /// The columns that it names, with the types of their cells once a row is valid; `None` when there may be others of
    /// which it says something.
    pub(super) fn types(&self) -> Option<Vec<(String, Types)>> {
        let types = self.columns.iter().map(|column| (column.name.clone(), column.valid));
        (!self.is_open).then(|| types.collect())
    }
}

fn build(schema: &Value) -> Result<Validator, jsonschema::ValidationError<'static>> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .build(schema)
}

/// The columns that the schema names: its properties, then what else it requires.
fn columns(schema: &Value, object: &Map<String, Value>) -> Vec<Column> {
    let required = object.get("required").and_then(Value::as_array).into_iter().flatten();
    let required: Vec<&str> = required.filter_map(Value::as_str).collect();
    let properties = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut columns: Vec<_> = properties
        .map(|(name, property)| {
            let types = TypeSet::of(property, schema);
            // An empty cell counts as absent.
            let absent = if required.contains(&name.as_str()) { Types::NONE } else { Types::NULL };
            Column { name: name.clone(), types, valid: valid_types(property, schema) | absent }
        })
        .collect();
    for name in required {
        if !columns.iter().any(|column| column.name == name) {
            columns.push(Column { name: name.to_owned(), types: TypeSet::default(), valid: Types::ANY });
        }
    }
    columns
}

/// The types that a valid value of this schema has, as far as its `type` says.
fn valid_types(property: &Value, whole_schema: &Value) -> Types {
    let named = |name: &Value| match name.as_str() {
        Some("integer" | "number") => Types::NUMBER,
        Some("string") => Types::TEXT,
        Some("boolean") => Types::BOOL,
        Some("array") => Types::LIST,
        Some("object") => Types::MAP,
        Some("null") => Types::NULL,
        _ => Types::ANY,
    };
    match TypeSet::resolve(property, whole_schema).get("type") {
        Some(Value::Array(names)) => names.iter().map(named).fold(Types::NONE, std::ops::BitOr::bitor),
        Some(name) => named(name),
        None => Types::ANY,
    }
}

/// Where a JSON pointer into the schema leads, as the places of a pipeline file are named.
fn place(pointer: &str) -> String {
    let mut place = "validate".to_owned();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            place.push_str(&format!("[{segment}]"));
        } else {
            place.push('.');
            place.push_str(&segment);
        }
    }
    place
}
