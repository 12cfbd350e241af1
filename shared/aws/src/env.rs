//! What the environment configures. Read once, at start: a missing variable stops the function before its first event.

use std::env::VarError;

use thiserror::Error;

/// The DynamoDB table.
pub const TABLE: &str = "FILAS_TABLE";
/// The S3 bucket.
pub const BUCKET: &str = "FILAS_BUCKET";
/// The URL of the queue of batches.
pub const BATCH_QUEUE_URL: &str = "FILAS_BATCH_QUEUE_URL";
/// The URL of its dead-letter queue.
pub const BATCH_DLQ_URL: &str = "FILAS_BATCH_DLQ_URL";
/// The URL of the queue of uploads.
pub const INGEST_QUEUE_URL: &str = "FILAS_INGEST_QUEUE_URL";
/// The URL of its dead-letter queue.
pub const INGEST_DLQ_URL: &str = "FILAS_INGEST_DLQ_URL";
/// The URL of the queue of files to be written.
pub const REPORT_QUEUE_URL: &str = "FILAS_REPORT_QUEUE_URL";
/// The URL of its dead-letter queue.
pub const REPORT_DLQ_URL: &str = "FILAS_REPORT_DLQ_URL";
/// The URL of the queue of events for webhooks.
pub const WEBHOOK_QUEUE_URL: &str = "FILAS_WEBHOOK_QUEUE_URL";
/// The URL of its dead-letter queue.
pub const WEBHOOK_DLQ_URL: &str = "FILAS_WEBHOOK_DLQ_URL";
/// Seconds until an event is told again to a webhook that failed once.
pub const WEBHOOK_FIRST_WAIT: &str = "FILAS_WEBHOOK_FIRST_WAIT";
/// The URL of the queue of changes for clients that look on; empty where there is no WebSocket API.
pub const LIVE_QUEUE_URL: &str = "FILAS_LIVE_QUEUE_URL";
/// The URL of its dead-letter queue.
pub const LIVE_DLQ_URL: &str = "FILAS_LIVE_DLQ_URL";
/// The name of the stack, which metrics carry.
pub const STACK: &str = "FILAS_STACK";
/// The ARN of the topic that events are published to.
pub const TOPIC_ARN: &str = "FILAS_TOPIC_ARN";
/// The id of the WebSocket API.
pub const LIVE_API_ID: &str = "FILAS_LIVE_API_ID";
/// The stage of the WebSocket API.
pub const LIVE_STAGE: &str = "FILAS_LIVE_STAGE";
/// The owners and the digests of their keys.
pub const OWNER_KEYS: &str = "FILAS_OWNER_KEYS";

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvError {
    /// Not set, or set to nothing.
    #[error("the environment variable {0} is not set")]
    Missing(String),
    /// Not text.
    #[error("the environment variable {0} is not UTF-8")]
    NotText(String),
    /// Not the URL that it should be.
    #[error("the environment variable {0} is not a URL that starts with http:// or https://")]
    NotAUrl(String),
}

/// The variable's value.
///
/// # Errors
/// When it is not set, set to nothing, or not UTF-8. The error has its name and never its value.
pub fn required(name: &str) -> Result<String, EnvError> {
    optional(name)?.ok_or_else(|| EnvError::Missing(name.to_owned()))
}

/// The variable's value, or `None` when it is not set or set to nothing.
///
/// # Errors
/// When it is not UTF-8.
pub fn optional(name: &str) -> Result<Option<String>, EnvError> {
    usable(name, std::env::var(name))
}

/// A template can only leave a variable out by setting it to nothing, so that counts as not set.
fn usable(name: &str, value: Result<String, VarError>) -> Result<Option<String>, EnvError> {
    match value {
        Ok(text) => Ok(Some(text).filter(|text| !text.trim().is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(EnvError::NotText(name.to_owned())),
    }
}

/// The variable's value where it is set and an HTTP URL.
///
/// # Errors
/// When it is set to something else.
pub(crate) fn optional_url(name: &str) -> Result<Option<String>, EnvError> {
    optional(name)?.map(|text| url(name, text)).transpose()
}

fn url(name: &str, text: String) -> Result<String, EnvError> {
    if text.starts_with("http://") || text.starts_with("https://") {
        Ok(text)
    } else {
        Err(EnvError::NotAUrl(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error = required("FILAS_NEVER_SET_ANYWHERE").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable FILAS_NEVER_SET_ANYWHERE is not set");
    }

    #[test]
    fn nothing_is_not_a_value() {
        for (value, expected) in [
            (Ok("x".to_owned()), Ok(Some("x".to_owned()))),
            (Ok(String::new()), Ok(None)),
            (Ok(" ".to_owned()), Ok(None)),
            (Err(VarError::NotPresent), Ok(None)),
            (Err(VarError::NotUnicode("x".into())), Err(EnvError::NotText("NAME".into()))),
        ] {
            assert_eq!(usable("NAME", value), expected);
        }
    }

    #[test]
    fn an_endpoint_has_a_scheme() {
        assert_eq!(url("NAME", "http://localhost:4566".into()), Ok("http://localhost:4566".into()));
        assert_eq!(url("NAME", "localhost:4566".into()), Err(EnvError::NotAUrl("NAME".into())));
    }
}
