//! The end of a task. Whoever closes a batch looks whether it was the last one; the head's version lets one of them win.

use crate::ids::TaskId;
use crate::ports::{Clock, PortError, TaskLedger, WriteError};
use crate::task::TaskState;

/// Ends the task if its last batch has closed. Says in which state this call ended it: `None` when a batch is still
/// open, or when somebody else was first.
///
/// # Errors
/// When the ledger cannot be read or written. The batches are closed then, and the next one who looks ends the task.
pub async fn finish(ledger: &impl TaskLedger, clock: &impl Clock, id: TaskId) -> Result<Option<TaskState>, PortError> {
    loop {
        let Some(task) = ledger.task(id).await? else { return Ok(None) };
        let Some(head) = task.finished(clock.now()) else { return Ok(None) };
        match ledger.write_head(&task, &head).await {
            Ok(()) => return Ok(Some(head.state)),
            // Somebody changed the head: perhaps to this very end, perhaps to something else. Look again.
            Err(WriteError::Stale) => {}
            Err(WriteError::Port(error)) => return Err(error),
        }
    }
}
