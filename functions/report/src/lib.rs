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
//! * `table`: the columns of the failed rows, and which cell of a row is to blame
//! * `text`: failed rows as csv and as records
//! * `workbook`: failed rows as a workbook, with `cells` for what a value becomes there

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

mod cells;
pub mod handler;
pub mod job;
mod lines;
mod outcomes;
mod sorting;
mod table;
mod text;
mod workbook;
