//! The `status` function: what happened, to a task, a batch, a queue.
//!
//! * [`handler`]: which call it is
//! * `tasks`: tasks and their batches
//! * `commands`: cancel, pause, resume, redrive
//! * `results`: where the files of a task are that has ended

mod commands;
pub mod handler;
mod results;
mod tasks;
