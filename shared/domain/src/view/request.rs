//! What the API takes as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The body of `POST /v1/uploads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadRequest {
    /// The pipeline's name.
    pub pipeline: String,
    /// The file's name. Its ending tells the format where the content leaves it open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The file's media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The file's size in bytes. Exactly so many have to come.
    pub size: u64,
    /// A sheet's name or number from 1; the first visible one unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Rows in a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub batch_size: Option<u32>,
}

/// The answer of `POST /v1/uploads`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnnouncedUpload {
    /// The task that waits for its file.
    pub task: super::TaskView,
    /// The request that stores the file; null when a key is used again after the file came.
    pub upload: Option<UploadForm>,
}

/// The request that stores a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UploadForm {
    /// `PUT`.
    pub method: String,
    /// Where to.
    pub url: String,
    /// The headers that must be sent as they are: name and value.
    pub headers: Vec<(String, String)>,
    /// Until when it is good.
    pub expires: String,
}

/// The body of `POST /v1/tasks/{id}/redrive`: what to put through again. At least one of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedriveRequest {
    /// The rows of dead batches.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dead: bool,
    /// Failed rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedRows>,
}

/// Which failed rows to put through again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedRows {
    /// Those with this code; all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// The answer of `POST /v1/tasks/{id}/redrive`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Redriven {
    /// How many rows go through again.
    pub rows: u64,
    /// The task.
    pub task: super::TaskView,
}

/// The answer of `GET /v1/queues`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queues {
    /// Every queue.
    pub queues: Vec<crate::ports::QueueDepth>,
}
