//! The `split` function: an uploaded file to rows, batches and messages. The only fan-out.
//!
//! * [`handler`]: an invocation: which files to read, and what becomes of each
//! * `reading`: the file to one object of rows and the index of its batches
//! * `sink`: rows as lines, in chunks on their way to the bucket

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

pub mod handler;
mod reading;
mod sink;
