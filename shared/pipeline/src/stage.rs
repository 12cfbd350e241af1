//! What all stages have in common.
//!
//! A compiled pipeline is a list of stages in order. Each gets the row's values, which it may change, and the context, and
//! either lets the row continue, fails it, or is interrupted. A new kind of stage (enrich, compute, store, queue) is one
//! more variant of [`Stage`]; what it learns of the row goes into [`RowValues`].

use filas_domain::ids::RowNumber;
use filas_domain::outcome::{Failure, Stage as StageName};
use serde_json::Value;
use thiserror::Error;
use tokio::time::Instant;

use crate::deliver::HttpDelivery;
use crate::simulate::Simulation;
use crate::validate::Validation;

/// What the worker says about the rows it runs.
#[derive(Debug, Clone)]
pub struct RowContext {
    /// The task's id, as text. Together with the row's number it is the idempotency key of every side effect.
    pub task: String,
    /// When the worker must have stopped. No attempt is begun after it, and one under way is given up.
    pub deadline: Instant,
}

impl RowContext {
    /// The key that names the side effects of one row, always the same: `<task>.<row>`.
    pub fn idempotency_key(&self, row: RowNumber) -> String {
        format!("{}.{row}", self.task)
    }
}

/// Why a row has no outcome. The row must be run again, with the same idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Interrupted {
    /// It was not begun or not finished before the deadline: hand it on.
    #[error("the deadline came before the row was done")]
    OutOfTime,
    /// Something is wrong with the machine.
    #[error("{0}")]
    Fault(String),
}

/// What is known of a row while it travels.
#[derive(Debug)]
pub(crate) struct RowValues {
    /// Its number.
    pub(crate) number: RowNumber,
    /// Its cells by column: always an object. A value of this type, because it is what validation and bodies work on.
    pub(crate) row: Value,
    /// What the pipeline keeps of a partner's answer.
    pub(crate) kept: Option<Value>,
}

impl RowValues {
    /// The cell in `column`, unless it is empty.
    pub(crate) fn cell(&self, column: &str) -> Option<&Value> {
        self.row.get(column)
    }
}

/// How a stage leaves a row.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// The next stage may have it.
    Continue,
    /// It is wrong.
    Fail(Failure),
}

impl Step {
    /// A row that failed in `stage`.
    pub(crate) fn fail(stage: StageName, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Fail(Failure { stage, code: code.into(), message: message.into() })
    }
}

/// One stage of a compiled pipeline.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Checks the row against the schema.
    Validate(Validation),
    /// Stands in for real work.
    Simulate(Simulation),
    /// Sends the row to a partner.
    Http(Box<HttpDelivery>),
}

impl Stage {
    /// Lets the stage do its work on one row.
    pub(crate) async fn run(&self, values: &mut RowValues, context: &RowContext) -> Result<Step, Interrupted> {
        match self {
            Self::Validate(validation) => Ok(validation.run(values)),
            Self::Simulate(simulation) => simulation.run(values, context).await,
            Self::Http(delivery) => delivery.run(values, context).await,
        }
    }

    /// How many rows one worker should run through this stage at once.
    pub(crate) fn concurrency(&self) -> usize {
        match self {
            Self::Validate(_) => 1,
            Self::Simulate(_) => crate::simulate::CONCURRENCY,
            Self::Http(delivery) => delivery.concurrency(),
        }
    }

    /// Whether the stage never waits, for a network or a clock.
    pub(crate) fn is_pure(&self) -> bool {
        match self {
            Self::Validate(_) => true,
            Self::Simulate(_) | Self::Http(_) => false,
        }
    }
}
