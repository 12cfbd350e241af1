//! The `deliver` part of a pipeline file.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::{DurationSpec, HeaderSpec, Ordered, RateSpec, RetrySpec, SecretName};

/// What becomes of a row that passed everything else.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliverSpec {
    /// Nothing: passing was the point.
    None,
    /// It is sent to a partner.
    Http(Box<HttpSpec>),
    /// It is kept in the records table, once for each `rows.key`.
    Store(StoreSpec),
    /// It is sent as a message to a queue of the user's.
    Queue(QueueSpec),
}

/// A delivery by HTTP. Exactly one of `put`, `post` and `patch` is there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HttpSpec {
    /// URL to PUT to; `${NAME}` is a variable, `{row.COLUMN}`, `{LOOK-UP.FIELD}` and `{COMPUTED}` are values of the row.
    #[serde(default)]
    pub put: Option<String>,
    /// URL to POST to.
    #[serde(default)]
    pub post: Option<String>,
    /// URL to PATCH.
    #[serde(default)]
    pub patch: Option<String>,
    /// Headers beside those that Filas sets. `secret:NAME` stands for a secret.
    #[serde(default)]
    pub headers: Ordered<HeaderSpec>,
    /// A CEL expression; what it gives is sent as JSON. Left out: the row, with the computed values.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "crate::schema::expression"))]
    pub body: Option<String>,
    /// Signs each request as Standard Webhooks has it, with this secret: `secret:NAME`.
    #[serde(default)]
    pub sign: Option<SecretName>,
    /// Rows under way at once in one worker.
    #[serde(default = "default_concurrency")]
    #[cfg_attr(test, schemars(range(min = 1, max = 256)))]
    pub concurrency: usize,
    /// Requests in a time span, of all workers together: 200/s.
    #[serde(default)]
    pub rate: Option<RateSpec>,
    /// Time for one attempt, from connecting to the end of the answer.
    #[serde(default = "default_timeout")]
    pub timeout: DurationSpec,
    /// The statuses that mean delivered; none means every 2xx.
    #[serde(default)]
    pub expect: Vec<u16>,
    /// When to try again.
    #[serde(default)]
    pub retry: RetrySpec,
    /// A CEL expression over `response` (its `status`, `headers` and `body`); what it gives is kept with the outcome.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "crate::schema::expression"))]
    pub keep: Option<String>,
}

/// A delivery into the records table. The record's key is the row's `rows.key`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct StoreSpec {
    /// A CEL expression that gives the record. Left out: the row, with the computed values.
    #[cfg_attr(test, schemars(schema_with = "crate::schema::expression"))]
    pub record: Option<String>,
}

/// A delivery to a queue of the user's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QueueSpec {
    /// The queue's URL, as in "${ORDERS_QUEUE_URL}".
    pub url: String,
    /// A CEL expression; what it gives is the message, as JSON. Left out: the row, with the computed values.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "crate::schema::expression"))]
    pub body: Option<String>,
}

pub(super) fn default_concurrency() -> usize {
    16
}

pub(super) fn default_timeout() -> DurationSpec {
    DurationSpec::from_secs(10)
}
