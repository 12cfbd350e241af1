//! The part of `filas` that other programs use too: a client of the HTTP API and what it shows to people.
//!
//! * [`arguments`]: what a person types
//! * [`connection`]: which API to talk to, with which key
//! * [`client`]: uploads, tasks, results; every call is safe to repeat, and is repeated by itself
//! * [`progress`]: how an upload and a task come along, as a bar, as plain lines or as JSON lines
//! * [`summary`]: what became of a task, and the exit code that says so
//! * [`words`]: numbers, durations and foreign text as people can read them

pub mod arguments;
pub mod client;
pub mod connection;
pub mod progress;
pub mod summary;
pub mod words;
