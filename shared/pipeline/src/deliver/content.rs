//! What is delivered of a row.

use filas_domain::outcome::Stage as StageName;

use crate::compute::{Expression, Scope};
use crate::error::PipelineError;
use crate::stage::{RowValues, Step};

/// What an expression gives, or the row with its computed values; as JSON text, in which a decimal has all its digits.
#[derive(Debug)]
pub(super) enum Content {
    Row(Box<Scope>),
    Expression(Expression),
}

impl Content {
    /// Compiles the expression that stands at `place`, if there is one.
    pub(super) fn compile(text: Option<&str>, scope: &Scope, place: &str) -> Result<Self, PipelineError> {
        Ok(match text {
            None => Self::Row(Box::new(scope.clone())),
            Some(text) => Self::Expression(Expression::compile(text, scope, place)?),
        })
    }

    /// What is delivered of this row, or how the row fails.
    pub(super) fn json(&self, values: &RowValues) -> Result<Vec<u8>, Step> {
        match self {
            Self::Row(scope) => Ok(scope.row_json(values)),
            Self::Expression(expression) => expression
                .json(values)
                .map_err(|trouble| Step::fail(StageName::Deliver, "EXPRESSION_FAILED", trouble.0)),
        }
    }
}
