//! The `pipelines` function: an owner's pipelines, and dry runs of them.
//!
//! * [`handler`]: which call it is
//! * `registering`: `PUT`, `GET` and the list
//! * `checking`: the dry run on the first rows of a file

mod checking;
pub mod handler;
mod registering;
