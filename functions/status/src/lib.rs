//! The `status` function: what happened, to a task, a batch, a queue.
//!
//! * [`handler`]: which call it is
//! * `tasks`: tasks and their batches
//! * `commands`: cancel, pause, resume, redrive
//! * `results`: all outcomes of a task as one object, in source order

mod commands;
pub mod handler;
mod results;
mod tasks;
