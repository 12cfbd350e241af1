//! The `enrich` part of a pipeline file.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::deliver::{default_concurrency, default_timeout};
use super::{CacheSpec, DurationSpec, HeaderSpec, Ordered, RateSpec, RetrySpec};

/// One look-up: a GET whose JSON answer expressions know under the look-up's name.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EnrichSpec {
    /// URL to GET; `${NAME}` is a variable, `{row.COLUMN}` a cell, `{EARLIER.FIELD}` a part of an earlier answer.
    pub get: String,
    /// Headers beside those that Filas sets. `secret:NAME` stands for a secret.
    #[serde(default)]
    pub headers: Ordered<HeaderSpec>,
    /// What a 404 means for the row.
    #[serde(default)]
    pub missing: Missing,
    /// How long a worker remembers an answer: seconds, or a time span such as 5m; 0 is not at all.
    #[serde(default)]
    pub cache: CacheSpec,
    /// Look-ups under way at once in one worker.
    #[serde(default = "default_concurrency")]
    #[cfg_attr(test, schemars(range(min = 1, max = 256)))]
    pub concurrency: usize,
    /// Requests in a time span, of all workers together: 200/s.
    #[serde(default)]
    pub rate: Option<RateSpec>,
    /// Time for one attempt, from connecting to the end of the answer.
    #[serde(default = "default_timeout")]
    pub timeout: DurationSpec,
    /// When to try again.
    #[serde(default)]
    pub retry: RetrySpec,
}

/// What it means that a look-up finds nothing (404).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The row fails.
    #[default]
    Fail,
    /// The row goes on, and the look-up's answer is null.
    Null,
}
