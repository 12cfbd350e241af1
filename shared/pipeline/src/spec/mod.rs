//! A pipeline file as types, as it was written: `${NAME}` and `{row.column}` are still in it.

mod deliver;
mod parse;
mod scalar;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::Value;

pub use deliver::{DeliverSpec, HttpSpec, RetryKind, RetrySpec};
pub use parse::parse;
pub use scalar::{DurationSpec, Source};

/// A pipeline file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineSpec {
    /// Its name, which is the one that a task asks for: lower-case letters, digits and hyphens.
    pub name: String,
    /// What to know about the rows.
    #[serde(default)]
    pub rows: RowsSpec,
    /// The JSON Schema (2020-12) of a row.
    #[serde(default)]
    pub validate: Option<Value>,
    /// A stand-in for real work, before the delivery.
    #[serde(default)]
    pub simulate: Option<SimulateSpec>,
    /// What becomes of a row that passed everything else.
    pub deliver: DeliverSpec,
}

/// What to know about the rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RowsSpec {
    /// The row of the sheet that holds the column names, from 1.
    pub header: u32,
    /// The column that tells the records apart.
    pub key: Option<String>,
}

impl Default for RowsSpec {
    fn default() -> Self {
        Self { header: 1, key: None }
    }
}

/// Stands in for real work in demos and tests. Each is a value or `row.COLUMN`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimulateSpec {
    /// How long the row takes, in milliseconds.
    pub cost: Option<Source>,
    /// Whether it fails; text becomes the message.
    pub fail: Option<Source>,
    /// Whether it ends the worker's process at once.
    pub crash: Option<Source>,
}
