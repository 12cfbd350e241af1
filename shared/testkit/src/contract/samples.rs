//! Tasks and batches to try ports with. No two are the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use filas_domain::batch::{Batch, BatchChange, Progress};
use filas_domain::clock::Timestamp;
use filas_domain::ids::{BatchNumber, Owner, PipelineRef, RowNumber, TaskId};
use filas_domain::message::BatchMessage;
use filas_domain::outcome::Counts;
use filas_domain::plan::{BatchPlan, ByteRange};
use filas_domain::task::{Order, Task};
use filas_domain::trace::TraceParent;

/// Rows in a batch of these.
pub const ROWS: u32 = 10;

/// The present of these: in 2033, so that no time to live is over.
pub const NOW: Timestamp = Timestamp::from_millis(2_000_000_000_000);

static MADE: AtomicU64 = AtomicU64::new(0);

/// A number that nothing else in this run has, and hardly anything in another.
fn serial() -> u64 {
    let process = u64::from(std::process::id()) << 32;
    process + MADE.fetch_add(1, Ordering::Relaxed)
}

/// An owner that nobody else has.
pub fn owner() -> Owner {
    format!("owner-{}", serial()).parse().unwrap()
}

/// A cause that nothing else has.
pub fn trace() -> TraceParent {
    TraceParent::begun_by(&serial().to_string())
}

/// A key for requests that nobody else has sent.
pub fn key() -> String {
    format!("a key # {}", serial())
}

/// What `owner` could ask for.
pub fn order(owner: &Owner) -> Order {
    Order {
        owner: owner.clone(),
        pipeline: PipelineRef { name: "prices".into(), version: "1f0c".into() },
        filename: Some("prices é.xlsx".into()),
        media_type: None,
        size: 123_456_789,
        sheet: Some("2".into()),
        batch_size: ROWS,
    }
}

/// A task of `owner`, made so many milliseconds after [`NOW`].
pub fn task_after(owner: &Owner, millis: u64) -> Task {
    let created = NOW.plus(Duration::from_millis(millis));
    let mut random = [0; 10];
    random[2..].copy_from_slice(&serial().to_be_bytes());
    Task::registered(TaskId::new(created, random), order(owner), created)
}

/// A task of nobody else.
pub fn task() -> Task {
    task_after(&owner(), 0)
}

/// The message of a batch of `task`.
pub fn message(task: TaskId, number: u32) -> BatchMessage {
    let first = number * ROWS;
    BatchMessage {
        task,
        batch: BatchNumber::new(number),
        plan: BatchPlan {
            first_row: RowNumber::new(first + 2),
            last_row: RowNumber::new(first + 1 + ROWS),
            rows: ROWS,
            bytes: ByteRange { start: u64::from(first) * 100, end: u64::from(first + ROWS) * 100 },
        },
    }
}

/// The first claim of a batch of `task`, by `worker`.
pub fn claim(task: TaskId, number: u32, worker: &str) -> BatchChange {
    let before = Batch::unclaimed(&message(task, number));
    let after = before.claimed(worker, "message", NOW, NOW.plus(Duration::from_secs(60))).unwrap();
    BatchChange { before, after }
}

/// The end of a claimed batch: so many of its rows failed with `code`, the others succeeded.
pub fn close(claimed: &Batch, failed: u32, code: &str) -> BatchChange {
    let failed = u64::from(failed);
    let counts = Counts {
        succeeded: u64::from(ROWS) - failed,
        failed,
        failed_by_code: (failed > 0).then(|| (code.to_owned(), failed)).into_iter().collect(),
        ..Counts::default()
    };
    let progress = Progress { rows: ROWS, bytes: u64::from(ROWS) * 100, counts, ..Progress::default() };
    BatchChange { before: claimed.clone(), after: claimed.recorded(&progress, NOW) }
}
