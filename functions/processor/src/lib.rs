//! The `processor` function: batches from the queue, through the pipeline, to outcomes.
//!
//! * [`handler`]: an invocation: which batches go together, and which messages are to come again
//! * `group`: batches that go together: claim → read → run
//! * `settle`: what was done is stored and counted, what is left is handed on
//! * `rows`: the rows of one batch through the pipeline, until they end or the time does
//! * `redo`: the failed rows of a batch that are done again
//! * `resting`: batches of a task that is paused or being cancelled
//! * [`pipelines`]: the compiled pipelines of this instance

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

mod group;
pub mod handler;
pub mod pipelines;
mod redo;
mod resting;
mod rows;
mod settle;
