//! What happened to a task or a batch, told as CloudEvents 1.0 (<https://github.com/cloudevents/spec>).
//!
//! An event is a function of one record of the table's stream: whoever reads the record twice makes the same event with
//! the same id, so a subscriber that remembers ids sees each change once. `sequence` orders the events of one task.
//!
//! | type | when |
//! | --- | --- |
//! | `filas.task.created` | registered |
//! | `filas.task.splitting`, `….processing` | its file is being read, its rows are being processed |
//! | `filas.task.progress` | its counters moved |
//! | `filas.task.paused`, `….resumed`, `….cancelling`, `….redriven` | somebody told it to |
//! | `filas.task.completed`, `….failed`, `….cancelled`, `….expired` | it ended |
//! | `filas.task.updated` | something else of it changed, such as that it was audited |
//! | `filas.task.deleted` | it is gone |
//! | `filas.batch.processing`, `….completed`, `….dead`, `….parked`, `….cancelled`, `….queued` | it became that |
//! | `filas.batch.updated` | something of it changed and its state did not |
//! | `filas.record.unreadable` | a stored item is damaged: nobody knows what changed |

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::batch::{Batch, BatchState};
use crate::clock::Timestamp;
use crate::ids::{Owner, TaskId};
use crate::task::{Task, TaskState};
use crate::trace::TraceParent;

/// One event, as it is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The version of CloudEvents: `1.0`.
    pub specversion: String,
    /// The same for every copy of this event, and for no other.
    pub id: String,
    /// Which Filas tells it.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it happened to: `tasks/{id}` or `tasks/{id}/batches/{n}`.
    pub subject: String,
    /// When it happened, where that is stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time: Option<String>,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// Whose task it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<Owner>,
    /// The task, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub task: Option<TaskId>,
    /// What caused it, where that is known: the extension for distributed tracing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub traceparent: Option<TraceParent>,
    /// The later of two events of one task has the greater one; all have the same length.
    pub sequence: String,
    /// What it is since.
    pub data: Value,
}

/// What the record of the stream says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Which Filas tells it: the stack.
    pub source: &'a str,
    /// The record's sequence number.
    pub sequence: &'a str,
}

impl Origin<'_> {
    fn event(self, kind: String, subject: String, data: Value) -> Event {
        // SequenceNumbers are unique within a shard, and an item stays in its shard's line; with the subject they are
        // unique. They have up to 40 digits.
        let sequence = format!("{:0>40}", self.sequence);
        Event {
            specversion: "1.0".into(),
            id: format!("{subject}@{}", self.sequence),
            source: format!("/filas/{}", self.source),
            kind,
            subject,
            time: None,
            datacontenttype: "application/json".into(),
            owner: None,
            task: None,
            traceparent: None,
            sequence,
            data,
        }
    }
}

/// The event of a change of a task; `None` if there is neither an old nor a new one.
pub fn of_task(origin: Origin<'_>, old: Option<&Task>, new: Option<&Task>) -> Option<Event> {
    let task = new.or(old)?;
    let what = match (old, new) {
        (None, _) => "created",
        (_, None) => "deleted",
        (Some(old), Some(new)) => task_change(old, new),
    };
    let tally = &task.tally;
    let data = json!({
        "state": task.head.state,
        "previous_state": old.map(|old| old.head.state),
        "pipeline": task.head.order.pipeline,
        "filename": task.head.order.filename,
        "total": task.head.total,
        "succeeded": tally.counts.succeeded,
        "failed": tally.counts.failed,
        "unprocessed": tally.counts.unprocessed,
        "failed_by_code": tally.counts.failed_by_code,
        "batches": {
            "total": task.head.batches, "done": tally.done, "dead": tally.dead, "cancelled": tally.cancelled
        },
        "attempts": tally.attempts,
        "reason": task.head.reason,
    });
    let mut event = origin.event(format!("filas.task.{what}"), format!("tasks/{}", task.id), data);
    // Counters move without a moment of their own.
    let is_told = new.is_some() && what != "progress";
    event.time = is_told.then(|| task.head.updated.to_rfc3339());
    event.owner = Some(task.head.order.owner.clone());
    event.task = Some(task.id);
    event.traceparent = Some(task.trace());
    Some(event)
}

fn task_change(old: &Task, new: &Task) -> &'static str {
    use TaskState as S;
    match (old.head.state, new.head.state) {
        (before, now) if before == now && old.version == new.version => "progress",
        (before, now) if before == now => "updated",
        (S::Paused, S::Processing) => "resumed",
        (before, S::Processing) if before.is_final() => "redriven",
        (_, S::AwaitingUpload) => "updated",
        (_, S::Splitting) => "splitting",
        (_, S::Processing) => "processing",
        (_, S::Paused) => "paused",
        (_, S::Cancelling) => "cancelling",
        (_, S::Completed | S::CompletedWithFailures) => "completed",
        (_, S::Failed) => "failed",
        (_, S::Cancelled) => "cancelled",
        (_, S::Expired) => "expired",
    }
}

/// The event of a change of a batch; `None` when it was deleted, as its task is with it.
pub fn of_batch(origin: Origin<'_>, old: Option<&Batch>, new: Option<&Batch>) -> Option<Event> {
    let batch = new?;
    let what = match batch.state {
        state if old.is_some_and(|old| old.state == state) => "updated",
        BatchState::Queued => "queued",
        BatchState::Processing => "processing",
        BatchState::Parked => "parked",
        BatchState::Done => "completed",
        BatchState::Dead => "dead",
        BatchState::Cancelled => "cancelled",
    };
    let last = batch.attempts.last();
    let data = json!({
        "number": batch.number,
        "state": batch.state,
        "previous_state": old.map(|old| old.state),
        "first_row": batch.plan.first_row,
        "last_row": batch.plan.last_row,
        "rows": batch.plan.rows,
        "succeeded": batch.counts.succeeded,
        "failed": batch.counts.failed,
        "unprocessed": batch.counts.unprocessed,
        "attempts": batch.attempts.len(),
        "worker": last.map(|attempt| &attempt.worker),
        "reason": batch.reason,
    });
    let subject = format!("tasks/{}/batches/{}", batch.task, batch.number);
    let mut event = origin.event(format!("filas.batch.{what}"), subject, data);
    event.time = last.map(|attempt| attempt.ended.unwrap_or(attempt.started)).map(Timestamp::to_rfc3339);
    event.task = Some(batch.task);
    Some(event)
}

/// The event of a record that cannot be read.
pub fn of_damage(origin: Origin<'_>, error: &str) -> Event {
    let subject = format!("records/{}", origin.sequence);
    origin.event("filas.record.unreadable".into(), subject, json!({ "error": error }))
}

#[cfg(test)]
mod tests;
