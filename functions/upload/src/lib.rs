//! The `upload` function: a file comes in, by the API or straight into the bucket, and a task is registered.
//!
//! * [`handler`]: `POST /v1/tasks` and `POST /v1/uploads`
//! * `records`: a JSON array of records, with a receipt for each
//! * `order`: what a person asks for, checked

pub mod handler;
mod order;
mod records;
