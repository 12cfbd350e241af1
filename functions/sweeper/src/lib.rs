//! The `sweeper` function, on a schedule: what a crash or a lost message left to be done, and the counters beside their
//! batches.
//!
//! * [`handler`]: every task that is not settled, one after the other

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

pub mod handler;
