//! Tasks and batches as the API shows them.

mod key;
mod pipeline;
mod progress;
mod request;
mod row;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::{Attempt, AttemptResult, Batch, BatchState};
use crate::clock::Timestamp;
use crate::ids::{BatchNumber, PipelineRef, TaskId};
use crate::plan::BatchPlan;
use crate::report::ended;
use crate::task::{Reason, Task, TaskState};
use crate::usage::UsageView;

pub use key::{KeyRequest, KeyView, NewKey};
pub use pipeline::{DryRowView, DryRunView, DryStageView, PipelineView};
pub use progress::window as progress_window;
pub use request::{AnnouncedUpload, FailedRows, Queues, RedriveRequest, Redriven, UploadForm, UploadRequest};
pub use row::{AcceptedTask, ReceiptView, RecordView, RowInFull, RowView};

/// A task as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// Where it is.
    pub state: TaskState,
    /// What is done with each row.
    pub pipeline: PipelineRef,
    /// The name of the file, when known.
    pub filename: Option<String>,
    /// The size of the file in bytes.
    pub size: u64,
    /// What the file turned out to be, once it is read.
    pub format: Option<String>,
    /// Rows in the file; null until it is read.
    pub total: Option<u64>,
    /// Rows that went through.
    pub succeeded: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Rows not tried, or of unknown fate.
    pub unprocessed: u64,
    /// The failed rows by code.
    pub failed_by_code: BTreeMap<String, u64>,
    /// Its batches.
    pub batches: BatchSummary,
    /// Deliveries of batches to workers so far.
    pub attempts: u64,
    /// Rows a second: at present while the task is being processed, over the whole when it has ended; null when unknown.
    pub rows_per_second: Option<f64>,
    /// Seconds until the last row has its outcome, at the present rate; null when unknown.
    pub seconds_left: Option<f64>,
    /// What it asked of the cloud so far.
    #[serde(default)]
    pub usage: UsageView,
    /// Why it ended as it did, when that needs saying.
    pub reason: Option<Reason>,
    /// When it was registered.
    pub created: String,
    /// When the reading of the file began.
    pub split_started: Option<String>,
    /// When every row had been read.
    pub split_ended: Option<String>,
    /// When the last row had its outcome.
    pub finished: Option<String>,
    /// Where to go from here, relative to the root of the API.
    pub links: BTreeMap<String, String>,
}

/// The batches of a task by state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchSummary {
    /// All; null until the file is read.
    pub total: Option<u32>,
    /// Rows in each, but the last.
    pub size: u32,
    /// Every row has its outcome.
    pub done: u32,
    /// Used up their deliveries.
    pub dead: u32,
    /// Cancelled.
    pub cancelled: u32,
}

impl TaskView {
    /// The task as it looks at `now`, to one who has not looked at its batches: how fast it goes is not known.
    pub fn new(task: &Task, now: Timestamp) -> Self {
        Self::with_progress(task, &[], now)
    }

    /// The task as it looks at `now`, with the batches of its [`progress_window`] that somebody has claimed.
    pub fn with_progress(task: &Task, recent: &[Batch], now: Timestamp) -> Self {
        let (head, tally) = (&task.head, &task.tally);
        let (rows_per_second, seconds_left) = progress::rate(task, recent, now);
        let this = format!("/v1/tasks/{}", task.id);
        let mut links = BTreeMap::from(["batches", "rows"].map(|part| (part.to_owned(), format!("{this}/{part}"))));
        links.insert("self".to_owned(), this.clone());
        links.extend(files(task).map(|(name, path)| (name.to_owned(), format!("{this}/{path}"))));
        Self {
            id: task.id,
            state: head.state,
            pipeline: head.order.pipeline.clone(),
            filename: head.order.filename.clone(),
            size: head.order.size,
            format: head.split.format.clone(),
            total: head.total,
            succeeded: tally.counts.succeeded,
            failed: tally.counts.failed,
            unprocessed: tally.counts.unprocessed,
            failed_by_code: tally.counts.failed_by_code.clone(),
            batches: BatchSummary {
                total: head.batches,
                size: head.order.batch_size,
                done: tally.done,
                dead: tally.dead,
                cancelled: tally.cancelled,
            },
            attempts: tally.attempts,
            rows_per_second,
            seconds_left,
            usage: UsageView::from(&task.usage()),
            reason: head.reason.clone(),
            created: head.created.to_rfc3339(),
            split_started: head.split.started.map(Timestamp::to_rfc3339),
            split_ended: head.split.ended.map(Timestamp::to_rfc3339),
            finished: head.finished.map(Timestamp::to_rfc3339),
            links,
        }
    }
}

/// The files of a task that has ended, by what there is to be in them.
fn files(task: &Task) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (has_ended, counts) = (ended(&task.head).is_some(), &task.tally.counts);
    [
        ("results", "results", true),
        ("succeeded", "results?outcome=succeeded", counts.succeeded > 0),
        ("failed", "results?outcome=failed", counts.failed > 0),
        ("unprocessed", "results?outcome=unprocessed", counts.unprocessed > 0),
        ("failures", "failures", counts.failed > 0),
    ]
    .into_iter()
    .filter_map(move |(name, path, is_there)| (has_ended && is_there).then_some((name, path)))
}

/// A batch as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchView {
    /// Its number, from 0.
    pub number: BatchNumber,
    /// Where it is.
    pub state: BatchState,
    /// The first row, as in the spreadsheet.
    pub first_row: u32,
    /// The last row, as in the spreadsheet.
    pub last_row: u32,
    /// How many rows.
    pub rows: u32,
    /// Rows that went through.
    pub succeeded: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Rows not tried, or of unknown fate.
    pub unprocessed: u64,
    /// Why it is dead.
    pub reason: Option<String>,
    /// Every delivery to a worker, oldest first.
    pub attempts: Vec<AttemptView>,
}

/// One delivery of a batch to a worker, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptView {
    /// Its number, from 1.
    pub number: u32,
    /// Who.
    pub worker: String,
    /// When it began.
    pub started: String,
    /// When it ended; null while it runs, and for ever when the worker died.
    pub ended: Option<String>,
    /// How it ended.
    pub result: Option<AttemptResult>,
    /// Why it failed.
    pub error: Option<String>,
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.epoch,
            worker: attempt.worker.clone(),
            started: attempt.started.to_rfc3339(),
            ended: attempt.ended.map(Timestamp::to_rfc3339),
            result: attempt.result,
            error: attempt.error.clone(),
        }
    }
}

impl BatchView {
    /// A batch of the index that nobody has claimed yet.
    pub fn queued(number: BatchNumber, plan: &BatchPlan) -> Self {
        Self {
            number,
            state: BatchState::Queued,
            first_row: plan.first_row.get(),
            last_row: plan.last_row.get(),
            rows: plan.rows,
            succeeded: 0,
            failed: 0,
            unprocessed: 0,
            reason: None,
            attempts: Vec::new(),
        }
    }

    /// A batch that somebody has claimed.
    pub fn claimed(batch: &Batch) -> Self {
        Self {
            state: batch.state,
            succeeded: batch.counts.succeeded,
            failed: batch.counts.failed,
            unprocessed: batch.counts.unprocessed,
            reason: batch.reason.clone(),
            attempts: batch.attempts.iter().map(AttemptView::from).collect(),
            ..Self::queued(batch.number, &batch.plan)
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// The things on this page.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}
