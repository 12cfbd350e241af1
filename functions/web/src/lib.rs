//! The `web` function: the dashboard's files, as they are in `web/`.
//!
//! * [`files`]: which files there are
//! * [`handler`]: a path to a file, with what a browser should know of it

pub mod files;
pub mod handler;
