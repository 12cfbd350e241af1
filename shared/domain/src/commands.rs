//! The commands that a person gives a task, carried out: each may die between any two lines and be given again.

use thiserror::Error;

use crate::batch::{Batch, BatchChange, Selection};
use crate::clock::Timestamp;
use crate::completion;
use crate::fan_out;
use crate::ids::{BatchNumber, TaskId};
use crate::message::BatchMessage;
use crate::ports::{BatchLedger, BatchQueue, CHANGES_AT_ONCE, Clock, ObjectReader, PortError, TaskLedger, WriteError};
use crate::task::{Changed, Reason, Refused, Task, TaskState};

/// Why a command is not carried out.
#[derive(Debug, Error)]
pub enum CommandError {
    /// There is no such task.
    #[error("there is no such task")]
    NoSuchTask,
    /// It makes no sense in the state that the task is in.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A store or a queue is in trouble. The command may be half done; giving it again does the rest.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Cancels the task: every batch that no worker holds is closed, its rows without an outcome are unprocessed. Batches in
/// flight end by themselves, and the task with the last of them.
///
/// # Errors
/// When the task has ended otherwise, or something outside is in trouble.
pub async fn cancel<L, O, C>(
    ledger: &L,
    objects: &O,
    clock: &C,
    id: TaskId,
    reason: Option<Reason>,
) -> Result<(), CommandError>
where
    L: BatchLedger,
    O: ObjectReader,
    C: Clock,
{
    change_head(ledger, id, |task| task.cancel(reason.clone(), clock.now())).await?;
    close_open(ledger, objects, clock, id).await?;
    completion::finish(ledger, clock, id).await?;
    Ok(())
}

/// Pauses the task. Its batches are parked as their messages come; those in flight end by themselves.
///
/// # Errors
/// When the task is not being processed, or the ledger is in trouble.
pub async fn pause(
    ledger: &impl TaskLedger,
    clock: &impl Clock,
    id: TaskId,
    reason: Reason,
    resume_at: Option<Timestamp>,
) -> Result<(), CommandError> {
    change_head(ledger, id, |task| task.pause(reason.clone(), resume_at, clock.now())).await
}

/// Goes on with a paused task: every open batch has a message again.
///
/// # Errors
/// When the task is neither paused nor being processed, or something outside is in trouble.
pub async fn resume<L, O, Q, C>(ledger: &L, objects: &O, queue: &Q, clock: &C, id: TaskId) -> Result<(), CommandError>
where
    L: BatchLedger,
    O: ObjectReader,
    Q: BatchQueue,
    C: Clock,
{
    change_head(ledger, id, |task| task.resume(clock.now())).await?;
    Ok(fan_out::send_open(ledger, objects, queue, clock, id).await?)
}

/// Puts what is selected through again, from what the table says of each batch, and says how many rows that are. Rows of
/// batches that are open already are not taken twice.
///
/// # Errors
/// When the task is paused, being cancelled, or has no rows, or something outside is in trouble.
pub async fn redrive<L, O, Q, C>(
    ledger: &L,
    objects: &O,
    queue: &Q,
    clock: &C,
    id: TaskId,
    selection: &Selection,
) -> Result<u64, CommandError>
where
    L: BatchLedger,
    O: ObjectReader,
    Q: BatchQueue,
    C: Clock,
{
    let task = ledger.task(id).await?.ok_or(CommandError::NoSuchTask)?;
    task.reopened(clock.now())?;
    let mut rows = 0;
    for numbers in chunks(task.head.batches.unwrap_or(0)) {
        rows += reopen(ledger, clock, id, &numbers, selection).await?;
    }
    // Also when nothing was opened now: an earlier call may have died before it sent the messages.
    fan_out::send_open(ledger, objects, queue, clock, id).await?;
    Ok(rows)
}

/// Opens those of these batches that have something selected, in one transaction with the head.
async fn reopen(
    ledger: &impl BatchLedger,
    clock: &impl Clock,
    id: TaskId,
    numbers: &[BatchNumber],
    selection: &Selection,
) -> Result<u64, CommandError> {
    loop {
        let task = ledger.task(id).await?.ok_or(CommandError::NoSuchTask)?;
        let now = clock.now();
        let head = task.reopened(now)?;
        let stored = ledger.batches(id, numbers).await?;
        let reopened = |before: Batch| before.redriven(selection, now).map(|after| BatchChange { before, after });
        let changes: Vec<BatchChange> = stored.into_iter().filter_map(reopened).collect();
        if changes.is_empty() {
            return Ok(0);
        }
        match ledger.write_task_and_batches(&task, &head, &changes).await {
            Ok(()) => return Ok(changes.iter().map(|change| u64::from(change.after.rows_left())).sum()),
            Err(WriteError::Stale) => {}
            Err(WriteError::Port(error)) => return Err(error.into()),
        }
    }
}

/// Closes every batch of a task that is being cancelled, but those that a worker holds. Does nothing in another state.
///
/// # Errors
/// When something outside is in trouble; calling again does the rest.
pub async fn close_open(
    ledger: &impl BatchLedger,
    objects: &impl ObjectReader,
    clock: &impl Clock,
    id: TaskId,
) -> Result<(), PortError> {
    if ledger.task(id).await?.filter(is_being_cancelled).is_none() {
        return Ok(());
    }
    let index = fan_out::index(objects, id).await?;
    let messages: Vec<BatchMessage> = fan_out::messages(id, &index).collect();
    for some in messages.chunks(CHANGES_AT_ONCE) {
        close_some(ledger, clock, id, some).await?;
    }
    Ok(())
}

async fn close_some(
    ledger: &impl BatchLedger,
    clock: &impl Clock,
    id: TaskId,
    messages: &[BatchMessage],
) -> Result<(), PortError> {
    let numbers: Vec<BatchNumber> = messages.iter().map(|message| message.batch).collect();
    loop {
        let Some(task) = ledger.task(id).await?.filter(is_being_cancelled) else { return Ok(()) };
        let stored = ledger.batches(id, &numbers).await?;
        let now = clock.now();
        let closed = |message: &BatchMessage| {
            let stored = stored.iter().find(|batch| batch.number == message.batch);
            let before = stored.cloned().unwrap_or_else(|| Batch::unclaimed(message));
            before.cancelled(NO_MESSAGE, now).ok().map(|after| BatchChange { before, after })
        };
        let changes: Vec<BatchChange> = messages.iter().filter_map(closed).collect();
        if changes.is_empty() {
            return Ok(());
        }
        match ledger.write_task_and_batches(&task, &task.changed(now), &changes).await {
            Ok(()) => return Ok(()),
            Err(WriteError::Stale) => {}
            Err(WriteError::Port(error)) => return Err(error),
        }
    }
}

/// A command does not come by a message of the batch queue.
const NO_MESSAGE: &str = "";

fn is_being_cancelled(task: &Task) -> bool {
    task.head.state == TaskState::Cancelling
}

async fn change_head(
    ledger: &impl TaskLedger,
    id: TaskId,
    change: impl Fn(&Task) -> Result<Changed, Refused>,
) -> Result<(), CommandError> {
    loop {
        let task = ledger.task(id).await?.ok_or(CommandError::NoSuchTask)?;
        let head = match change(&task)? {
            Changed::To(head) => head,
            Changed::Already => return Ok(()),
        };
        match ledger.write_head(&task, &head).await {
            Ok(()) => return Ok(()),
            Err(WriteError::Stale) => {}
            Err(WriteError::Port(error)) => return Err(error.into()),
        }
    }
}

fn chunks(batches: u32) -> impl Iterator<Item = Vec<BatchNumber>> {
    (0..batches).step_by(CHANGES_AT_ONCE).map(move |from| {
        let until = batches.min(from.saturating_add(u32::try_from(CHANGES_AT_ONCE).unwrap_or(u32::MAX)));
        (from..until).map(BatchNumber::new).collect()
    })
}
