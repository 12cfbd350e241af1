//! The `validate` stage: a row against a JSON Schema (2020-12), and against rules between its columns.

mod checker;
mod coerce;
mod expectation;
mod pattern;
mod rules;
mod schema;
mod schema_keys;
#[cfg(test)]
mod tests;
mod violation;

use filas_domain::outcome::Stage as StageName;
use serde_json::Value;

use crate::compute::{Scope, Types};
use crate::error::PipelineError;
use crate::spec::RuleSpec;
use crate::stage::{RowValues, Step};
use rules::Rule;
use schema::Schema;
use violation::Violation;

pub use expectation::{Expectation, expectations};

/// The code of a row that breaks the schema or a rule.
const CODE: &str = "INVALID_ROW";

/// A compiled schema and compiled rules.
#[derive(Debug)]
pub(crate) struct Validation {
    schema: Option<Schema>,
    rules: Vec<Rule>,
}

impl Validation {
    /// Compiles what a pipeline has of both.
    pub(crate) fn compile(schema: Option<&Value>, rules: &[RuleSpec]) -> Result<Self, PipelineError> {
        let schema = schema.map(Schema::compile).transpose()?;
        let scope = Scope::of_row(schema.as_ref().and_then(Schema::types));
        let rules = rules.iter().enumerate().map(|(position, rule)| Rule::compile(rule, position, &scope));
        let rules = rules.collect::<Result<_, _>>()?;
        Ok(Self { schema, rules })
    }

    /// The columns that the schema names, with the types that their cells have once the row is valid; `None` when it does
    /// not name the columns.
    pub(crate) fn columns(&self) -> Option<Vec<(String, Types)>> {
        self.schema.as_ref()?.types()
    }

    /// Whether there is nothing to check.
    pub(crate) fn is_empty(&self) -> bool {
        self.schema.is_none() && self.rules.is_empty()
    }

    /// Checks the row, and converts its values where the schema wants another type and the conversion is certain. A row
    /// that is wrong fails with everything that is wrong with it.
    pub(crate) fn run(&self, values: &mut RowValues) -> Step {
        let mut violations = match &self.schema {
            Some(schema) if !schema.is_valid(&mut values.row) => schema.violations(&values.row),
            _ => Vec::new(),
        };
        // What a rule says of a column that is wrong by itself follows from that.
        let broken: Vec<&str> = violations.iter().map(|violation| violation.column.as_str()).collect();
        let rules = self.rules.iter().filter(|rule| broken.is_empty() || !rule.asks_for(&broken));
        let of_rules: Vec<Violation> = rules.filter_map(|rule| rule.violation(values)).collect();
        violations.extend(of_rules);
        if violations.is_empty() {
            return Step::Continue;
        }
        let message = violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Step::fail(StageName::Validate, CODE, message)
    }
}
