//! The JSON Schema of the format, for editors: it completes keys and shows their descriptions.
//!
//! The file is made of the types in [`spec`](crate::spec) and their descriptions; a test fails when it is behind them, and
//! writes it when `FILAS_WRITE_SCHEMA` is set.

#[cfg(test)]
mod generate;

#[cfg(test)]
pub(crate) use generate::{expression, expressions, row_schema, webhook_events};

/// The schema, as it is served at `/v1/pipelines/schema.json`.
pub const JSON: &str = include_str!("../../../../pipelines/schema.json");
