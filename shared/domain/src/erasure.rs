//! Erasing a task: everything of it goes, at any moment of its life, whoever is at work on it.
//!
//! First the task is taken away and a note left in its place, in one transaction. From then on nobody sees it, no worker
//! can count anything for it, and every message of it is dropped. Then its objects and its batches go. A worker that had
//! one of its batches in hand may still write an object, or a claim: the sweeper goes over what the note names until
//! nobody can be at it any more ([`GRACE`]), and then forgets the note. So a call that dies half-way is made up for, by
//! the sweeper or by the same call once more.
//!
//! What a task delivered is not taken back: neither what a partner got, nor the records that it stored.

use std::future::Future;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::ids::{Owner, TaskId};
use crate::ports::{Clock, PortError, TaskLedger};
use crate::task::Task;

/// How long somebody may still write something of a task that is gone: a worker lives for at most 15 minutes, a
/// permission to upload for another 15, and a slow upload goes on after that.
pub const GRACE: Duration = Duration::from_secs(60 * 60);

/// The note of a task that is being erased. It has nothing of what the task was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The task.
    pub task: TaskId,
    /// Whose it was.
    pub owner: Owner,
    /// When it was taken away.
    pub since: Timestamp,
    /// Whether everything was gone once.
    pub is_done: bool,
}

/// Takes tasks and their batches out of the ledger.
pub trait TaskEraser: TaskLedger {
    /// Takes the task away and leaves a note, both or neither. Does nothing when there is a note already.
    fn take_away(&self, task: &Task, now: Timestamp) -> impl Future<Output = Result<(), PortError>> + Send;

    /// The note of a task that was taken away.
    fn erasure(&self, task: TaskId) -> impl Future<Output = Result<Option<Erasure>, PortError>> + Send;

    /// Deletes every batch of the task.
    fn erase_batches(&self, task: TaskId) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Has the note say that everything was gone once, if there is a note.
    fn mark_erased(&self, task: TaskId) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Deletes the note.
    fn forget_erasure(&self, task: TaskId) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Deletes objects.
pub trait ObjectEraser: Send + Sync {
    /// Deletes every object in the [folders](crate::keys::ObjectKey::folders) of the task.
    fn erase_objects(&self, task: TaskId) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Erases what is left of a task that was taken away.
///
/// # Errors
/// When something outside is in trouble; calling again does the rest.
pub async fn erase(ledger: &impl TaskEraser, objects: &impl ObjectEraser, task: TaskId) -> Result<(), PortError> {
    objects.erase_objects(task).await?;
    ledger.erase_batches(task).await?;
    ledger.mark_erased(task).await
}

/// Whether it is time to look for what was written since: after 1, 2, 4, 8, 16 and 32 minutes, for most who write do so
/// soon. A time that is missed is made up for by the last look, which is never missed.
const fn is_due(gone_for: Duration) -> bool {
    (gone_for.as_secs() / 60).is_power_of_two()
}

/// Goes on with the erasing of a task, if there is a note of it: erases what somebody may have written meanwhile, and
/// forgets the note when nobody can any more. Says whether there was a note.
///
/// # Errors
/// When something outside is in trouble; calling again does the rest.
pub async fn go_on(
    ledger: &impl TaskEraser,
    objects: &impl ObjectEraser,
    clock: &impl Clock,
    task: TaskId,
) -> Result<bool, PortError> {
    let Some(note) = ledger.erasure(task).await? else { return Ok(false) };
    // Before the erasing: what is written while it goes on is for the next time.
    let gone_for = clock.now().since(note.since);
    let is_over = gone_for >= GRACE;
    if note.is_done && !is_over && !is_due(gone_for) {
        return Ok(true);
    }
    erase(ledger, objects, task).await?;
    if is_over {
        ledger.forget_erasure(task).await?;
    }
    Ok(true)
}
