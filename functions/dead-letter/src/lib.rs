//! The `dead-letter` function: what used up its deliveries becomes state, so that nothing is lost in silence.
//!
//! * [`handler`]: a dead batch, or a task whose file could not be split

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

pub mod handler;
