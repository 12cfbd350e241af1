//! What all stages have in common.
//!
//! A compiled pipeline is a list of stages in order. Each gets the row's values, which it may change, and the context, and
//! either lets the row continue, fails it, or is interrupted. What a stage learns of the row goes into [`RowValues`].

use std::time::Duration;

use filas_domain::ids::RowNumber;
use filas_domain::outcome::{Failure, Stage as StageName};
use filas_domain::trace::TraceParent;
use serde_json::Value;
use thiserror::Error;
use tokio::time::Instant;

use crate::compute::{Computation, Val};
use crate::deliver::{HttpDelivery, QueueDelivery, StoreDelivery};
use crate::enrich::Lookup;
use crate::simulate::Simulation;
use crate::validate::Validation;

/// What the worker says about the rows it runs.
#[derive(Debug, Clone)]
pub struct RowContext {
    /// The task's id, as text. Together with the row's number it is the idempotency key of every side effect.
    pub task: String,
    /// What the worker does now: what causes the requests to partners.
    pub trace: TraceParent,
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
    /// Its turn at a partner did not come before the deadline: others had all that the rate allows, or the partner wants a
    /// pause. The row was not begun there, so it is not slow: hand it on, however often.
    #[error("its turn at the partner did not come before the deadline")]
    NoTurn,
    /// A partner is down, or wants to be left alone for long. No row of the task gets further until that is over: pause
    /// the task with the reason.
    #[error("{reason}")]
    PartnerDown {
        /// Why, for people.
        reason: String,
        /// How long to wait at least before a row tries whether it is up again.
        probe_after: Duration,
    },
    /// Something that this row needs cannot be had now: hand it on. Other rows may get what they need.
    #[error("{0}")]
    Unavailable(String),
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
    /// The answers of the look-ups, in the order of the file; null where nothing was found and that is no failure.
    pub(crate) lookups: Vec<Value>,
    /// The computed values, in the order of the file.
    pub(crate) computed: Vec<Val<'static>>,
    /// A partner's answer, for the expression that says what is kept of it.
    pub(crate) response: Option<Value>,
    /// What the pipeline keeps of a partner's answer.
    pub(crate) kept: Option<Value>,
}

impl RowValues {
    /// A row about which nothing else is known yet.
    pub(crate) fn new(number: RowNumber, row: Value) -> Self {
        Self { number, row, lookups: Vec::new(), computed: Vec::new(), response: None, kept: None }
    }

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
    /// Checks the row against the schema and the rules.
    Validate(Validation),
    /// Computes values.
    Compute(Computation),
    /// Stands in for real work.
    Simulate(Simulation),
    /// Looks something up.
    Enrich(Box<Lookup>),
    /// Sends the row to a partner.
    Http(Box<HttpDelivery>),
    /// Keeps the row as a record.
    Store(Box<StoreDelivery>),
    /// Sends the row to a queue.
    Queue(Box<QueueDelivery>),
}

impl Stage {
    /// Lets the stage do its work on one row.
    pub(crate) async fn run(&self, values: &mut RowValues, context: &RowContext) -> Result<Step, Interrupted> {
        match self {
            Self::Validate(validation) => Ok(validation.run(values)),
            Self::Compute(computation) => Ok(computation.run(values)),
            Self::Simulate(simulation) => simulation.run(values, context).await,
            Self::Enrich(lookup) => lookup.run(values, context).await,
            Self::Http(delivery) => delivery.run(values, context).await,
            Self::Store(delivery) => delivery.run(values, context).await,
            Self::Queue(delivery) => delivery.run(values, context).await,
        }
    }

    /// The stage's name in reports.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Validate(_) => "validate",
            Self::Compute(_) => "compute",
            Self::Simulate(_) => "simulate",
            Self::Enrich(_) => "enrich",
            Self::Http(_) | Self::Store(_) | Self::Queue(_) => "deliver",
        }
    }

    /// Whether it is the delivery, which a dry run leaves out.
    pub(crate) fn is_delivery(&self) -> bool {
        match self {
            Self::Validate(_) | Self::Compute(_) | Self::Simulate(_) | Self::Enrich(_) => false,
            Self::Http(_) | Self::Store(_) | Self::Queue(_) => true,
        }
    }

    /// How many rows one worker should run through this stage at once.
    pub(crate) fn concurrency(&self) -> usize {
        match self {
            Self::Validate(_) | Self::Compute(_) => 1,
            Self::Simulate(_) => crate::simulate::CONCURRENCY,
            Self::Enrich(lookup) => lookup.concurrency(),
            Self::Http(delivery) => delivery.concurrency(),
            Self::Store(delivery) => delivery.concurrency(),
            Self::Queue(delivery) => delivery.concurrency(),
        }
    }

    /// Whether the stage never waits, for a network or a clock.
    pub(crate) fn is_pure(&self) -> bool {
        match self {
            Self::Validate(_) | Self::Compute(_) => true,
            Self::Simulate(_) | Self::Enrich(_) | Self::Http(_) | Self::Store(_) | Self::Queue(_) => false,
        }
    }
}
