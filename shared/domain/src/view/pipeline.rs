//! Pipelines and dry runs as the API shows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{PipelineRef, RowNumber};
use crate::own_pipeline::OwnPipeline;

/// A pipeline as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PipelineView {
    /// Its name.
    pub name: String,
    /// The version: a digest of its text.
    pub version: String,
    /// What it does.
    pub description: Option<String>,
    /// Whether it comes with Filas.
    #[serde(rename = "shipped")]
    pub is_shipped: bool,
    /// When this version became the present one; null for one that comes with Filas.
    pub changed: Option<String>,
    /// Its text, where one pipeline is asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub yaml: Option<String>,
}

impl PipelineView {
    /// A version of which nothing else is known.
    pub fn of(pipeline: &PipelineRef) -> Self {
        let PipelineRef { name, version } = pipeline.clone();
        Self { name, version, description: None, is_shipped: false, changed: None, yaml: None }
    }

    /// An owner's own one.
    pub fn own(own: &OwnPipeline) -> Self {
        let changed = Some(own.changed.to_rfc3339());
        Self { description: own.description.clone(), changed, ..Self::of(&own.pipeline) }
    }
}

/// What a dry run found, as the API shows it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct DryRunView {
    /// The pipeline's name.
    pub pipeline: String,
    /// The version that ran; absent for a file that has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// Whether the file has more rows than these.
    #[serde(default)]
    pub has_more: bool,
    /// Rows that would be delivered.
    pub passed: u64,
    /// Rows that fail.
    pub failed: u64,
    /// Rows of which it is not known, because something that a stage needs is down or the time was up.
    pub interrupted: u64,
    /// The stages in order, the delivery left out.
    pub stages: Vec<DryStageView>,
    /// The rows in order.
    pub rows: Vec<DryRowView>,
}

/// What one stage did with the rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct DryStageView {
    /// `validate`, `enrich`, …
    pub stage: String,
    /// Rows that came to it.
    pub rows: u64,
    /// Rows that failed in it.
    pub failed: u64,
    /// The time of all rows together, in microseconds.
    pub micros: u64,
    /// The time of the slowest row, in microseconds.
    pub slowest_micros: u64,
}

/// What would become of one row.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct DryRowView {
    /// Its number, as in the spreadsheet.
    pub row: RowNumber,
    /// `passed`, `failed` or `interrupted`.
    pub outcome: String,
    /// The stage in which it fails.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stage: Option<String>,
    /// Why it fails, for programs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// Why it fails, for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// Why it is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The converted row with its computed values, as far as it came.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub record: Option<Value>,
}
