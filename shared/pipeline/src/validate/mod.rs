//! The `validate` stage: a row against a JSON Schema (2020-12).

mod coerce;
mod schema_keys;
#[cfg(test)]
mod tests;
mod violation;

use filas_domain::outcome::Stage as StageName;
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value};

use crate::error::PipelineError;
use crate::row::cell_error;
use crate::stage::{RowValues, Step};
use coerce::TypeSet;
use violation::Violation;

/// The code of a row that breaks the schema.
const CODE: &str = "INVALID_ROW";

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Validation {
    validator: Validator,
    columns: Vec<Column>,
}

/// A column that the schema names.
#[derive(Debug)]
struct Column {
    name: String,
    types: TypeSet,
}

impl Validation {
    /// Compiles a schema. Formats are asserted, references lead nowhere outside the schema, and a keyword that JSON Schema
    /// does not know is an error: it would be ignored, and a check that its author relies on would be missing.
    pub(crate) fn compile(schema: &Value) -> Result<Self, PipelineError> {
        let Some(object) = schema.as_object() else {
            return Err(PipelineError::invalid("validate", "the schema of a row is a mapping"));
        };
        schema_keys::check(schema)?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .build(schema)
            .map_err(|error| PipelineError::invalid(format!("validate{}", error.instance_path()), error.to_string()))?;
        Ok(Self { validator, columns: columns(schema, object) })
    }

    /// Checks the row, and converts its values where the schema wants another type and the conversion is certain.
    pub(crate) fn run(&self, values: &mut RowValues) -> Step {
        // Nearly every row is valid as it stands, and then nothing needs converting: a value of the wrong type is invalid.
        if self.validator.is_valid(&values.row) && !has_error_cells(&values.row) {
            return Step::Continue;
        }
        if let Some(row) = values.row.as_object_mut() {
            self.convert(row);
        }
        // A row of a csv file is valid now; to ask for violations costs more than to ask whether there are any.
        if self.validator.is_valid(&values.row) && !has_error_cells(&values.row) {
            return Step::Continue;
        }
        let violations = self.violations(&values.row);
        if violations.is_empty() {
            return Step::Continue;
        }
        let message = violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Step::fail(StageName::Validate, CODE, message)
    }

    fn convert(&self, row: &mut Map<String, Value>) {
        for column in self.columns.iter().filter(|column| !column.types.is_empty()) {
            if let Some(cell) = row.get_mut(&column.name) {
                coerce::coerce(cell, column.types);
            }
        }
    }

    /// Every violation, in the order in which the schema names the columns.
    fn violations(&self, row: &Value) -> Vec<Violation> {
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
}

/// Whether any cell may hold an error, in a column that the schema names or in another.
fn has_error_cells(row: &Value) -> bool {
    row.as_object().is_some_and(|row| row.values().any(Value::is_object))
}

/// The columns that the schema names: its properties, then what else it requires.
fn columns(schema: &Value, object: &Map<String, Value>) -> Vec<Column> {
    let properties = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut columns: Vec<_> = properties
        .map(|(name, property)| Column { name: name.clone(), types: TypeSet::of(property, schema) })
        .collect();
    let required = object.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !columns.iter().any(|column| column.name == name) {
            columns.push(Column { name: name.to_owned(), types: TypeSet::default() });
        }
    }
    columns
}
