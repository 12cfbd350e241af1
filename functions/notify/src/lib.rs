//! The `notify` function: what the table's stream tells goes out as events, each at least once.
//!
//! * [`handler`]: records to events to the topic

pub mod handler;
