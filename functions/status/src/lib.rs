//! The `status` function: what happened, to a task, a batch, a queue.
//!
//! * [`handler`]: which call it is
//! * `tasks`: tasks and their batches
//! * `rows`: rows by state and code, one by its number or its receipt
//! * `records`: what `store` deliveries kept
//! * `commands`: cancel, pause, resume, redrive
//! * `erase`: everything of a task goes
//! * `results`: where the files of a task are that has ended

mod commands;
mod erase;
pub mod handler;
mod records;
mod results;
mod rows;
mod tasks;
