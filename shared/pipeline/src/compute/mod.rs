//! Expressions: the Common Expression Language (CEL) over rows, with decimals for numbers.
//!
//! | room | holds |
//! | --- | --- |
//! | `token`, `syntax` | text to a syntax tree |
//! | `scope`, `types`, `check` | names and types; what cannot work is found before there is a row |
//! | `program`, `eval`, `function` | what runs |
//! | `value`, `decimal` | what it runs on |
//! | `placeholder` | values of a row in URLs |
//!
//! All of it is our own, because numbers are: the `cel` crate reads `0.1` as an `f64` before anyone can ask for a decimal,
//! and its values cannot be extended to another kind of number.
//!
//! Where this differs from CEL: there is one kind of number, a decimal of 28 digits, so that `7 / 2` is 3.5 and `1 + 0.5` is
//! right; an empty cell is null instead of an error; there are no bytes, times or messages; `matches` wants its pattern
//! written out.

mod check;
pub(crate) mod decimal;
mod eval;
mod function;
mod placeholder;
mod program;
mod scope;
mod syntax;
#[cfg(test)]
mod tests;
mod token;
mod types;
mod value;

use filas_domain::outcome::Stage as StageName;
use serde_json::Value;

use crate::error::PipelineError;
use crate::spec::Ordered;
use crate::stage::{RowValues, Step};
pub(crate) use eval::Trouble;
pub(crate) use placeholder::Placeholder;
use program::Node;
pub(crate) use scope::Scope;
pub(crate) use types::Types;
pub(crate) use value::Val;

/// The code of a row for which a computation has no value.
const CODE: &str = "COMPUTE_FAILED";

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Expression {
    text: String,
    program: Node,
}

impl Expression {
    /// Compiles an expression that may use the names in `scope`. `place` says where it stands.
    pub(crate) fn compile(text: &str, scope: &Scope, place: &str) -> Result<Self, PipelineError> {
        let program = syntax::parse(text).and_then(|syntax| check::check(&syntax, text, scope));
        let program = program.map_err(|fault| {
            let characters = text.get(..fault.at).unwrap_or_default().chars().count();
            PipelineError::invalid_inside(place, characters, fault.message)
        })?;
        Ok(Self { text: text.to_owned(), program })
    }

    /// The types that its value may have.
    pub(crate) fn types(&self) -> Types {
        self.program.types
    }

    /// Its value for a row.
    pub(crate) fn evaluate<'a>(&'a self, values: &'a RowValues) -> Result<Val<'a>, Trouble> {
        eval::evaluate(&self.program, &self.text, values)
    }

    /// Its value for a row as JSON text, decimals with all their digits.
    pub(crate) fn json(&self, values: &RowValues) -> Result<Vec<u8>, Trouble> {
        let mut out = Vec::with_capacity(128);
        self.evaluate(values)?.write_json(&mut out);
        Ok(out)
    }

    /// Its value for a row. A decimal that JSON's numbers cannot hold exactly is text.
    pub(crate) fn value(&self, values: &RowValues) -> Result<Value, Trouble> {
        Ok(self.evaluate(values)?.to_json())
    }

    /// The columns that it asks for by name.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let mut columns = Vec::new();
        self.program.visit(&mut |node| match &node.step {
            program::Step::Column(column) => columns.push(column.as_str()),
            program::Step::Has(inner, column) if matches!(inner.step, program::Step::Row) => columns.push(column),
            _ => {}
        });
        columns
    }
}

/// The `compute` stage.
#[derive(Debug)]
pub(crate) struct Computation {
    expressions: Vec<(String, Expression)>,
}

impl Computation {
    /// Compiles the expressions in order, and adds each one's name to `scope`.
    pub(crate) fn compile(spec: &Ordered<String>, scope: &mut Scope) -> Result<Self, PipelineError> {
        let mut expressions = Vec::with_capacity(spec.len());
        for (name, text) in spec.iter() {
            let place = format!("compute.{name}");
            let expression = Expression::compile(text, scope, &place)?;
            scope.add_computed(name, expression.types(), &place)?;
            expressions.push((name.to_owned(), expression));
        }
        Ok(Self { expressions })
    }

    /// Computes every value of a row.
    pub(crate) fn run(&self, values: &mut RowValues) -> Step {
        values.computed.reserve(self.expressions.len());
        for (name, expression) in &self.expressions {
            match expression.evaluate(values).map(Val::into_owned) {
                Ok(value) => values.computed.push(value),
                Err(Trouble(reason)) => return Step::fail(StageName::Compute, CODE, format!("{name}: {reason}")),
            }
        }
        Step::Continue
    }
}
