//! A pipeline file as types, as it was written: `${NAME}` and `{row.column}` are still in it, expressions are text.
//!
//! The JSON Schema of the format (`pipelines/schema.json`) is made of these types and their descriptions.

mod deliver;
mod enrich;
mod ordered;
mod parse;
mod places;
mod retry;
mod scalar;
mod secret;
#[cfg(test)]
mod tests;
mod webhook;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub use deliver::{DeliverSpec, HttpSpec, QueueSpec, StoreSpec};
pub use enrich::{EnrichSpec, Missing};
pub use ordered::Ordered;
pub use parse::parse;
pub(crate) use places::Places;
pub use retry::{RetryKind, RetrySpec};
pub use scalar::{CacheSpec, DurationSpec, FailedLimit, RateSpec, Source};
pub use secret::{HeaderSpec, SecretName};
pub(crate) use webhook::EVENTS as WEBHOOK_EVENTS;
pub use webhook::WebhookSpec;

/// A pipeline: what happens to each row of a file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema), schemars(title = "Filas pipeline"))]
#[serde(deny_unknown_fields)]
pub struct PipelineSpec {
    /// Its name, which is the one that a task asks for: 1 to 64 of a-z, 0-9 and -.
    #[cfg_attr(test, schemars(regex(pattern = "^[a-z0-9-]{1,64}$")))]
    pub name: String,
    /// What it does, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// What to know about the rows.
    #[serde(default)]
    pub rows: RowsSpec,
    /// The JSON Schema (2020-12) of a row.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "crate::schema::row_schema"))]
    pub validate: Option<Value>,
    /// What must hold between the columns of a row.
    #[serde(default)]
    pub rules: Vec<RuleSpec>,
    /// Look-ups in other APIs, in order, by the name under which expressions know the answer.
    #[serde(default)]
    pub enrich: Ordered<EnrichSpec>,
    /// Computed values: CEL expressions by name, in order. A later one may use an earlier one.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "crate::schema::expressions"))]
    pub compute: Ordered<String>,
    /// A stand-in for real work, before the delivery.
    #[serde(default)]
    pub simulate: Option<SimulateSpec>,
    /// What becomes of a row that passed everything else.
    pub deliver: DeliverSpec,
    /// When to give up early.
    #[serde(default)]
    pub stop: Option<StopSpec>,
    /// Who is told of the changes of its tasks.
    #[serde(default)]
    pub webhook: Option<WebhookSpec>,
    /// Where everything stands in the text.
    #[serde(skip)]
    pub(crate) places: Places,
}

/// What to know about the rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RowsSpec {
    /// The row of the sheet that holds the column names, from 1.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub header: u32,
    /// The column that tells the records apart: no two rows of a file have the same, nor two records of a store.
    pub key: Option<String>,
}

impl Default for RowsSpec {
    fn default() -> Self {
        Self { header: 1, key: None }
    }
}

/// What must hold between the columns of a row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// A CEL expression over `row`; a row for which it is false is invalid.
    #[cfg_attr(test, schemars(schema_with = "crate::schema::expression"))]
    pub check: String,
    /// What is said of such a row.
    pub message: String,
    /// The column that is blamed in the message.
    #[serde(default)]
    pub column: Option<String>,
}

/// Stands in for real work in demos and tests. Each is a value or `row.COLUMN`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SimulateSpec {
    /// How long the row takes, in milliseconds.
    pub cost: Option<Source>,
    /// Whether it fails; text becomes the message.
    pub fail: Option<Source>,
    /// Whether it ends the worker's process at once.
    pub crash: Option<Source>,
}

/// When to give up early, because a destination or a file is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StopSpec {
    /// As soon as more rows than this have failed: a number of rows, or a share of the task's rows such as 5%.
    pub failed: FailedLimit,
}
