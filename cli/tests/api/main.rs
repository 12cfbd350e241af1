//! The built `filas` and its library against a small server, and `filas cat` on files.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper that cannot go on fails its test")]

mod cat;
mod commands;
mod fake;
mod keys;
mod live;
mod pipelines;
mod results;
mod rows;
mod run;
mod upload;
