//! What must hold after every call: the counters of a task are the sums over its batches, states follow the diagram,
//! nothing that was recorded changes but by a redrive.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use filas_domain::batch::{Batch, BatchState};
use filas_domain::clock::Timestamp;
use filas_domain::erasure::TaskEraser as _;
use filas_domain::ids::{BatchNumber, RowNumber, TaskId};
use filas_domain::ports::TaskLedger as _;
use filas_domain::task::{Tally, Task, TaskState};
use filas_testkit::memory::{Call, Subject};
use futures::FutureExt as _;

use crate::bugs::Ledger;

/// By how much the clocks of two workers may differ.
pub const CLOCK_SKEW: Duration = Duration::from_millis(900);

/// What was seen of every task so far.
#[derive(Debug)]
pub struct Books {
    ledger: Ledger,
    seen: Mutex<BTreeMap<TaskId, Seen>>,
    reached: Mutex<Reached>,
}

/// How often batches came to where not every run comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reached {
    /// Parked, because their task was paused.
    pub parked: usize,
    /// Dead.
    pub dead: usize,
    /// Cancelled.
    pub cancelled: usize,
    /// Put through again.
    pub redriven: usize,
    /// Handed on, with a part of their rows done.
    pub handed_on: usize,
    /// Taken over from a worker that was never heard of again.
    pub taken_over: usize,
}

impl Reached {
    /// Adds `more`.
    pub const fn add(&mut self, more: &Self) {
        self.parked += more.parked;
        self.dead += more.dead;
        self.cancelled += more.cancelled;
        self.redriven += more.redriven;
        self.handed_on += more.handed_on;
        self.taken_over += more.taken_over;
    }

    fn count(&mut self, before: Option<&Batch>, after: &Batch) {
        let was = before.map_or(BatchState::Queued, |batch| batch.state);
        let comes_to = |state| usize::from(after.state == state && was != state);
        self.parked += comes_to(BatchState::Parked);
        self.dead += comes_to(BatchState::Dead);
        self.cancelled += comes_to(BatchState::Cancelled);
        let Some(before) = before else { return };
        self.redriven += usize::from(after.redrives.len() > before.redrives.len());
        let is_left = after.state == BatchState::Queued && after.processed > before.processed;
        self.handed_on += usize::from(is_left);
        self.taken_over += usize::from(was == BatchState::Processing && after.attempts.len() > before.attempts.len());
    }
}

#[derive(Debug)]
struct Seen {
    task: Task,
    batches: BTreeMap<BatchNumber, Batch>,
}

impl Books {
    /// Books over this ledger.
    pub fn new(ledger: &Ledger) -> Self {
        Self { ledger: ledger.clone(), seen: Mutex::default(), reached: Mutex::default() }
    }

    /// Every task that was registered.
    pub fn tasks(&self) -> Vec<TaskId> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// How often batches came to where not every run comes to.
    pub fn reached(&self) -> Reached {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task as it is stored.
    pub fn task(&self, id: TaskId) -> Option<Task> {
        // The ledger in memory never waits.
        self.ledger.task(id).now_or_never()?.ok()?
    }

    /// Whether the task is gone and the sweeper still looks after what is written of it.
    pub fn is_being_erased(&self, id: TaskId) -> bool {
        matches!(self.ledger.erasure(id).now_or_never(), Some(Ok(Some(_))))
    }

    /// Whether the ledger has anything of the task.
    pub fn has_anything(&self, id: TaskId) -> bool {
        self.task(id).is_some() || self.is_being_erased(id) || !self.ledger.all_batches(id).is_empty()
    }

    /// Whether the row has an outcome that is counted. Rows of a batch of which failed rows are done again do not count.
    pub fn is_recorded(&self, task: TaskId, row: RowNumber) -> bool {
        self.ledger.all_batches(task).iter().any(|batch| {
            let position = row.get().checked_sub(batch.plan.first_row.get());
            row <= batch.plan.last_row
                && batch.redo.is_none()
                && position.is_some_and(|position| position < batch.processed)
        })
    }

    /// Checks what a call may have changed.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn check_after(&self, call: &Call<'_>, happened: bool) -> Result<(), String> {
        let id = match (call.operation, call.subject) {
            ("register", Subject::Task(id)) => id,
            (_, Subject::Head(read, ..)) => read.id,
            (_, Subject::Changes([first, ..])) => first.after.task,
            _ => return Ok(()),
        };
        if happened { self.check(id) } else { Ok(()) }
    }

    fn check(&self, id: TaskId) -> Result<(), String> {
        let Some(task) = self.task(id) else { return Ok(()) };
        let batches = self.ledger.all_batches(id);
        check_sums(&task, &batches)?;
        check_end(&task, &batches)?;
        batches.iter().try_for_each(check_batch)?;
        let batches: BTreeMap<BatchNumber, Batch> = batches.into_iter().map(|batch| (batch.number, batch)).collect();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = seen.get(&id) {
            check_head_change(&before.task, &task)?;
            let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
            for batch in batches.values() {
                let before = before.batches.get(&batch.number);
                before.map_or(Ok(()), |before| check_batch_change(before, batch))?;
                reached.count(before, batch);
            }
        }
        seen.insert(id, Seen { task, batches });
        Ok(())
    }
}

/// The counters of a task are the sums over its batches, at every moment.
fn check_sums(task: &Task, batches: &[Batch]) -> Result<(), String> {
    let mut sums = Tally::default();
    for batch in batches {
        sums.counts.add(&batch.counts);
        sums.done += u32::from(batch.state == BatchState::Done);
        sums.dead += u32::from(batch.state == BatchState::Dead);
        sums.cancelled += u32::from(batch.state == BatchState::Cancelled);
        sums.attempts += u64::from(batch.attempts_counted);
        sums.usage = sums.usage.plus(&batch.usage);
    }
    sums.counts.failed_by_code.retain(|_, rows| *rows > 0);
    if task.tally == sums {
        return Ok(());
    }
    Err(format!("the task counts {:?}, its batches come to {sums:?}", task.tally))
}

/// A finished task has no open batch, and an outcome for each row.
fn check_end(task: &Task, batches: &[Batch]) -> Result<(), String> {
    let (true, Some(wanted)) = (task.head.state.is_final(), task.head.batches) else { return Ok(()) };
    let closed = batches.iter().filter(|batch| batch.state.is_closed()).count();
    if closed as u64 != u64::from(wanted) {
        return Err(format!("the task is {} with {closed} of {wanted} batches closed", task.head.state.as_str()));
    }
    let rows = task.tally.counts.rows();
    if task.head.total != Some(rows) {
        return Err(format!("the task has ended with {rows} outcomes for {:?} rows", task.head.total));
    }
    let all_went_well = task.tally.counts.failed + task.tally.counts.unprocessed == 0;
    match task.head.state {
        TaskState::Completed if !all_went_well => Err("the task is completed, and not every row succeeded".into()),
        TaskState::CompletedWithFailures if all_went_well => Err("the task says of failures, and has none".into()),
        _ => Ok(()),
    }
}

/// What a batch says of itself agrees with itself.
fn check_batch(batch: &Batch) -> Result<(), String> {
    let (rows, counted) = (u64::from(batch.plan.rows), batch.counts.rows());
    let wrong = |what: &str| Err(format!("batch {} {what}: {batch:?}", batch.number));
    if counted > rows {
        return wrong("counts more rows than it has");
    }
    if batch.state.is_closed() != (counted == rows) {
        return wrong("is closed, or open, against its counts");
    }
    if !batch.state.is_closed() && counted + u64::from(batch.rows_left()) != rows {
        return wrong("has lost sight of a row");
    }
    if batch.counts.failed_by_code.values().sum::<u64>() != batch.counts.failed {
        return wrong("has failed rows without a code");
    }
    Ok(())
}

fn check_head_change(before: &Task, after: &Task) -> Result<(), String> {
    let (from, to) = (before.head.state, after.head.state);
    if before.version == after.version {
        return if before.head == after.head { Ok(()) } else { Err("the head changed under its version".into()) };
    }
    if after.version != before.version + 1 {
        return Err(format!("the head's version went from {} to {}", before.version, after.version));
    }
    if from != to && !from.may_become(to) {
        return Err(format!("the task went from {} to {}", from.as_str(), to.as_str()));
    }
    if before.head.total.is_some() && (after.head.total, after.head.batches) != (before.head.total, before.head.batches)
    {
        return Err("the file was split twice".into());
    }
    Ok(())
}

fn check_batch_change(before: &Batch, after: &Batch) -> Result<(), String> {
    if before == after {
        return Ok(());
    }
    let wrong = |what: &str| Err(format!("batch {} {what}: {before:?} became {after:?}", after.number));
    if after.version != before.version + 1 {
        return wrong("was written under another version");
    }
    let is_redrive = after.redrives.len() == before.redrives.len() + 1;
    if before.state.is_closed() && !is_redrive {
        return wrong("was closed and changed");
    }
    if !is_redrive && before.counts.succeeded > after.counts.succeeded {
        return wrong("forgot rows that had succeeded");
    }
    if is_redrive && before.counts.succeeded != after.counts.succeeded {
        return wrong("took back rows that had succeeded");
    }
    if !after.parts.starts_with(&before.parts) {
        return wrong("forgot outcomes");
    }
    if let Some(claim) = after.attempts.get(before.attempts.len())
        && before.state == BatchState::Processing
        && is_early(before.lease_until, claim.started)
    {
        return wrong("was taken from a worker whose lease was running");
    }
    Ok(())
}

fn is_early(lease_until: Timestamp, claimed: Timestamp) -> bool {
    lease_until > claimed.plus(CLOCK_SKEW)
}
