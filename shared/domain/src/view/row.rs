//! Rows, receipts and records as the API shows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::TaskView;
use crate::fate::{Fate, RowState};
use crate::ids::{BatchNumber, Receipt, RowNumber, TaskId};
use crate::outcome::{Failure, Stage};
use crate::record::Record;

/// A row as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RowView {
    /// Its number, as in the spreadsheet; in a JSON array the position, from 1.
    pub row: RowNumber,
    /// The token that names it.
    pub receipt: Receipt,
    /// Its batch; null until the file is read.
    pub batch: Option<BatchNumber>,
    /// Where it is.
    pub state: RowState,
    /// In which stage it failed.
    pub stage: Option<Stage>,
    /// Why it did not succeed, for programs.
    pub code: Option<String>,
    /// Why it did not succeed, for people.
    pub message: Option<String>,
    /// What the pipeline kept of a partner's answer.
    #[serde(default)]
    pub kept: Option<Value>,
}

impl RowView {
    /// A row of a task.
    pub fn new(task: TaskId, row: RowNumber, batch: Option<BatchNumber>, fate: Fate) -> Self {
        let Fate { state, stage, code, message, kept } = fate;
        Self { row, receipt: Receipt { task, row }, batch, state, stage, code, message, kept }
    }
}

/// One row of a task with what the file says in it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RowInFull {
    /// What became of it.
    #[serde(flatten)]
    pub row: RowView,
    /// Its cells by column, as they were read; null when it could not be read, and until the file is read.
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub record: Option<Box<RawValue>>,
}

/// What is known of a record of a JSON array when it has come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptView {
    /// The token that names the record's row: ask `GET /v1/receipts/{receipt}` what became of it.
    pub receipt: Receipt,
    /// Its position in the array, from 1.
    pub row: RowNumber,
    /// `queued`, or `failed` when it is plain already that it will fail.
    pub state: RowState,
    /// Why it fails, for programs: `INVALID_ROW`.
    pub code: Option<String>,
    /// Why it fails, for people.
    pub message: Option<String>,
}

impl ReceiptView {
    /// A record that has come in, and why it will fail when that is plain already.
    pub fn new(receipt: Receipt, failure: Option<Failure>) -> Self {
        let state = if failure.is_some() { RowState::Failed } else { RowState::Queued };
        let (code, message) = failure.map(|failure| (failure.code, failure.message)).unzip();
        Self { receipt, row: receipt.row, state, code, message }
    }
}

/// The answer of `POST /v1/tasks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedTask {
    /// The task.
    #[serde(flatten)]
    pub task: TaskView,
    /// A receipt for each record, in order, when the body was a JSON array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts: Option<Vec<ReceiptView>>,
}

/// A record that a `store` delivery kept, as the API shows it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RecordView {
    /// What it is found by: unique among the owner's records of the pipeline.
    pub key: String,
    /// The task whose row it was made of.
    pub task: TaskId,
    /// The row that it was made of.
    pub row: RowNumber,
    /// The token that names that row.
    pub receipt: Receipt,
    /// When it was stored.
    pub stored: String,
    /// What was stored. Numbers have every digit.
    #[schemars(with = "Value")]
    pub record: Box<RawValue>,
}

impl RecordView {
    /// A stored record.
    ///
    /// # Errors
    /// When what was stored is not JSON: it is damaged.
    pub fn new(record: &Record) -> Result<Self, serde_json::Error> {
        Ok(Self {
            key: record.id.key.clone(),
            task: record.source.task,
            row: record.source.row,
            receipt: record.source,
            stored: record.stored.to_rfc3339(),
            record: RawValue::from_string(record.json.clone())?,
        })
    }
}
