//! The `webhook` function: events that a pipeline wants told to an address of its owner's.
//!
//! * [`handler`]: events from the queue to signed requests, tried again later and later

pub mod handler;
