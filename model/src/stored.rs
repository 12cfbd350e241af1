//! What the table holds, as small as the model needs it, and as the domain has it.
//!
//! The model keeps millions of states, so a state holds rows of a few bytes. To decide anything they become the domain's
//! own [`Batch`] and [`Task`], the domain's own functions decide, and what these answer becomes rows again. Left out is
//! what only grows and decides nothing: all attempts but the last, reasons, times. Versions are left out too: whether a
//! write finds the version that was read is whether nobody wrote since, which [`Seen`](crate::process::Seen) keeps.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use filas_domain::batch::{Attempt, Batch, BatchState, Redo, Redrive, Selection};
use filas_domain::clock::Timestamp;
use filas_domain::message::BatchMessage;
use filas_domain::outcome::Counts;
use filas_domain::plan::{BatchPlan, ByteRange};
use filas_domain::task::{Head, Order, Split, Tally, Task, TaskState};
use filas_domain::{BatchNumber, PipelineRef, RowNumber, TaskId};

/// Batches of the task.
pub const BATCHES: usize = 2;
/// Rows of each batch.
pub const ROWS: usize = 2;

/// The present, always. A lease that has not ended ends at [`LATER`].
pub const NOW: Timestamp = Timestamp::from_millis(0);
/// After the present.
pub const LATER: Timestamp = Timestamp::from_millis(1);

/// The code of every row that fails.
const CODE: &str = "HTTP_422";

/// What the outcomes objects say of a row, as far as the batch names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RowOutcome {
    /// Nothing, or an outcome that a redrive set aside.
    #[default]
    None,
    /// It went through.
    Succeeded,
    /// It failed.
    Failed,
    /// It is said to lie in an object that is not there.
    Missing,
    /// Two outcomes.
    Two,
}

/// A batch, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchRow {
    /// Whether it was ever written.
    pub exists: bool,
    /// Where it is.
    pub state: BatchState,
    /// Whether its lease runs.
    pub is_leased: bool,
    /// Rows from its start, or of those that are done again, that have an outcome.
    pub processed: u8,
    /// Rows counted as succeeded.
    pub succeeded: u8,
    /// Rows counted as failed.
    pub failed: u8,
    /// Rows counted as unprocessed.
    pub unprocessed: u8,
    /// Which rows are done again: a bit for each.
    pub redo: Option<u8>,
    /// By which message it was last claimed.
    pub claimed_by: Option<u8>,
    /// Whether its last attempt is counted.
    pub is_attempt_counted: bool,
    /// Whether it was redriven since it was last claimed.
    pub is_redriven: bool,
    /// What the outcomes objects say.
    pub outcomes: [RowOutcome; ROWS],
}

impl BatchRow {
    /// A batch that nobody has claimed.
    pub const UNCLAIMED: Self = Self {
        exists: false,
        state: BatchState::Queued,
        is_leased: false,
        processed: 0,
        succeeded: 0,
        failed: 0,
        unprocessed: 0,
        redo: None,
        claimed_by: None,
        is_attempt_counted: false,
        is_redriven: false,
        outcomes: [RowOutcome::None; ROWS],
    };

    /// The rows that a worker who holds it has to run, in order.
    pub fn rows_to_run(&self) -> Vec<usize> {
        let all = (0..ROWS).filter(|row| self.redo.is_none_or(|which| which & (1 << row) != 0));
        all.skip(self.processed.into()).collect()
    }

    /// The batch as the domain has it.
    pub fn to_batch(self, number: usize) -> Batch {
        let plan = plan(number);
        let mut batch = Batch::unclaimed(&BatchMessage { task: registered().id, batch: batch_number(number), plan });
        batch.version = u64::from(self.exists);
        batch.state = self.state;
        batch.lease_until = if self.is_leased { LATER } else { NOW };
        batch.processed = self.processed.into();
        batch.processed_bytes = if self.redo.is_some() { 0 } else { self.processed.into() };
        batch.redo = self.redo.map(|which| Redo { code: None, rows: which.count_ones(), parts: 0 });
        batch.counts = counts(self.succeeded, self.failed, self.unprocessed);
        batch.attempts = self.claimed_by.map(attempt).into_iter().collect();
        if self.is_redriven {
            let attempts = batch.attempts.len();
            batch.redrives.push(Redrive { at: NOW, selection: Selection::Dead, rows: 0, attempts });
        }
        batch.attempts_counted = (self.claimed_by.is_some() && self.is_attempt_counted).into();
        batch
    }

    /// The row for what the domain made of this one. What lies in the outcomes objects the caller adds.
    pub fn become_batch(self, batch: &Batch) -> Self {
        let attempts = u32::try_from(batch.attempts.len()).unwrap_or(u32::MAX);
        Self {
            exists: true,
            state: batch.state,
            is_leased: batch.is_held(NOW),
            processed: small(batch.processed.into()),
            succeeded: small(batch.counts.succeeded),
            failed: small(batch.counts.failed),
            unprocessed: small(batch.counts.unprocessed),
            redo: batch.redo.as_ref().and(self.redo),
            claimed_by: batch.attempts.last().and_then(|attempt| attempt.message.parse().ok()),
            is_attempt_counted: batch.attempts_counted >= attempts,
            is_redriven: self.is_redriven,
            outcomes: self.outcomes,
        }
    }
}

/// The versioned part of the task, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeadRow {
    /// Where the task is.
    pub state: TaskState,
    /// How often its file was begun to be read.
    pub split_epoch: u8,
    /// Whether somebody holds its file.
    pub is_split_leased: bool,
    /// Whether its batches are known.
    pub is_split: bool,
    /// Whether it says that a message was sent for every batch.
    pub is_fanned_out: bool,
}

impl HeadRow {
    /// A task whose file is there.
    pub const REGISTERED: Self = Self {
        state: TaskState::AwaitingUpload,
        split_epoch: 0,
        is_split_leased: false,
        is_split: false,
        is_fanned_out: false,
    };

    /// The row of a head.
    pub fn of(head: &Head) -> Self {
        Self {
            state: head.state,
            split_epoch: small(head.split.epoch.into()),
            is_split_leased: head.state == TaskState::Splitting && head.split.lease_until > NOW,
            is_split: head.batches.is_some(),
            is_fanned_out: head.split.fanned_out,
        }
    }
}

/// The counters of the task, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TallyRow {
    /// Rows that succeeded.
    pub succeeded: i8,
    /// Rows that failed.
    pub failed: i8,
    /// Rows that are unprocessed.
    pub unprocessed: i8,
    /// Batches done.
    pub done: i8,
    /// Dead batches.
    pub dead: i8,
    /// Cancelled batches.
    pub cancelled: i8,
    /// Attempts counted beyond those that the batches say; 0 when all is well. The attempts themselves only grow.
    pub attempts_too_many: i8,
}

/// The task as the domain has it.
pub fn task(head: HeadRow, tally: TallyRow) -> Task {
    let mut task = registered().clone();
    task.head.state = head.state;
    task.head.split = Split {
        epoch: head.split_epoch.into(),
        lease_until: if head.is_split_leased { LATER } else { NOW },
        fanned_out: head.is_fanned_out,
        ..Split::default()
    };
    if head.is_split {
        task.head.total = Some((BATCHES * ROWS) as u64);
        task.head.batches = Some(BATCHES as u32);
    }
    let count = |count: i8| u32::try_from(count).unwrap_or(0);
    task.tally = Tally {
        counts: counts(magnitude(tally.succeeded), magnitude(tally.failed), magnitude(tally.unprocessed)),
        done: count(tally.done),
        dead: count(tally.dead),
        cancelled: count(tally.cancelled),
        ..Tally::default()
    };
    task
}

/// The plan of a batch.
fn plan(number: usize) -> BatchPlan {
    let first = (number * ROWS) as u32;
    let row = |row: u32| RowNumber::new(row + 2);
    let end = first + ROWS as u32;
    let bytes = ByteRange { start: first.into(), end: end.into() };
    BatchPlan { first_row: row(first), last_row: row(end - 1), rows: ROWS as u32, bytes }
}

fn batch_number(number: usize) -> BatchNumber {
    BatchNumber::new(u32::try_from(number).unwrap_or(u32::MAX))
}

fn attempt(message: u8) -> Attempt {
    Attempt {
        epoch: 1,
        worker: String::new(),
        message: message.to_string(),
        started: NOW,
        ended: None,
        result: None,
        error: None,
    }
}

/// So many rows by outcome.
pub fn counts(succeeded: u8, failed: u8, unprocessed: u8) -> Counts {
    let mut failed_by_code = BTreeMap::new();
    if failed > 0 {
        failed_by_code.insert(CODE.to_owned(), failed.into());
    }
    Counts { succeeded: succeeded.into(), failed: failed.into(), unprocessed: unprocessed.into(), failed_by_code }
}

fn magnitude(count: i8) -> u8 {
    u8::try_from(count).unwrap_or(0)
}

/// A number of the domain, all of which are small here.
pub fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// The task as it was registered.
fn registered() -> &'static Task {
    static REGISTERED: OnceLock<Task> = OnceLock::new();
    REGISTERED.get_or_init(|| {
        #[expect(clippy::expect_used, reason = "the name is a constant, and it is a good one")]
        let owner = "model".parse().expect("an owner's name");
        let order = Order {
            owner,
            pipeline: PipelineRef { name: String::new(), version: String::new() },
            filename: None,
            media_type: None,
            size: 0,
            sheet: None,
            batch_size: ROWS as u32,
        };
        Task::registered(TaskId::new(NOW, [0; 10]), order, NOW)
    })
}
