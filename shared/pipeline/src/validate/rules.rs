//! Rules between the columns of a row.

use super::violation::Violation;
use crate::compute::{Expression, Scope, Trouble, Types, Val};
use crate::error::PipelineError;
use crate::spec::RuleSpec;
use crate::stage::RowValues;

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Rule {
    check: Expression,
    message: String,
    column: Option<String>,
}

impl Rule {
    /// Compiles the rule at this position of the file.
    pub(super) fn compile(spec: &RuleSpec, position: usize, scope: &Scope) -> Result<Self, PipelineError> {
        let place = format!("rules[{position}].check");
        let check = Expression::compile(&spec.check, scope, &place)?;
        if !check.types().meets(Types::BOOL) {
            let message = format!("a rule is true or false, and this is {}", check.types());
            return Err(PipelineError::invalid(place, message));
        }
        if let Some(column) = &spec.column {
            scope.check_column(column, &format!("rules[{position}].column"))?;
        }
        Ok(Self { check, message: spec.message.clone(), column: spec.column.clone() })
    }

    /// Whether it asks for one of these columns.
    pub(super) fn asks_for(&self, columns: &[&str]) -> bool {
        self.check.columns().iter().any(|column| columns.contains(column))
    }

    /// What is wrong with the row, if it breaks the rule.
    pub(super) fn violation(&self, values: &RowValues) -> Option<Violation> {
        let message = match self.check.evaluate(values) {
            Ok(Val::Bool(true)) => return None,
            Ok(Val::Bool(false)) => self.message.clone(),
            Ok(_) => format!("{} (the rule is neither true nor false)", self.message),
            Err(Trouble(reason)) => format!("{} (the rule cannot be checked: {reason})", self.message),
        };
        Some(Violation::of_rule(self.column.as_deref(), message))
    }
}
