//! The `upload` function: a file comes in, by the API or straight into the bucket, and a task is registered.
//!
//! * [`handler`]: `POST /v1/tasks` and `POST /v1/uploads`
//! * `order`: what a person asks for, checked

pub mod handler;
mod order;
