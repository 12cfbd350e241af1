//! The `webhook` part of a pipeline file.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::SecretName;

/// What a webhook may be told, by the types of the events.
pub(crate) const EVENTS: [&str; 13] = [
    "filas.task.created",
    "filas.task.splitting",
    "filas.task.processing",
    "filas.task.paused",
    "filas.task.resumed",
    "filas.task.redriven",
    "filas.task.cancelling",
    "filas.task.completed",
    "filas.task.failed",
    "filas.task.cancelled",
    "filas.task.expired",
    "filas.task.deleted",
    "filas.batch.dead",
];

/// Who is told of a task's changes by an HTTP request, signed as Standard Webhooks has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookSpec {
    /// URL to POST to; `${NAME}` is a variable.
    pub url: String,
    /// The secret that signs each request, a text that begins with whsec_: `secret:NAME`.
    pub sign: SecretName,
    /// The types of the events that are told. Left out: that a task ended or was paused.
    #[serde(default = "ends_and_pauses")]
    #[cfg_attr(test, schemars(schema_with = "crate::schema::webhook_events"))]
    pub events: Vec<String>,
}

fn ends_and_pauses() -> Vec<String> {
    ["paused", "completed", "failed", "cancelled", "expired"].map(|what| format!("filas.task.{what}")).to_vec()
}
