//! The built `filas` and its library against a small server, and `filas cat` on files.

mod cat;
mod commands;
mod fake;
mod results;
mod upload;
