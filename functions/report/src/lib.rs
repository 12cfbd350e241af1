//! The `report` function: the files of a task that has ended.
//!
//! The table's stream tells of ends, and every end becomes a message in a queue of its own, which does no more than that:
//! a stream stands still while somebody works on it. The work is done by the message.
//!
//! * [`handler`]: an invocation: ends to messages, messages to files
//! * `job`: which files of a task are missing, and who writes them
//! * `outcomes`: the outcomes of batches, in source order
//! * `sorting`: the files of outcomes: all of them, and those of each kind
//! * `lines`: a stored file, some whole lines at a time
//! * `failures`: the files of failed rows; what is in them is in `filas-results`

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

mod failures;
pub mod handler;
pub mod job;
mod lines;
mod outcomes;
mod sorting;
