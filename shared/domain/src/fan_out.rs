//! One message for each batch that is open: at first by `split`, and again after a death, a pause, a redrive, or when
//! messages are lost.
//!
//! A message too many does no harm, for a batch is claimed before anything is done; a message too few would leave it lying.

use crate::batch::Batch;
use crate::clock::Timestamp;
use crate::ids::{BatchNumber, TaskId};
use crate::keys::ObjectKey;
use crate::message::BatchMessage;
use crate::plan::BatchIndex;
use crate::ports::{BatchLedger, BatchQueue, Clock, ObjectReader, PortError, WriteError};
use crate::task::{Task, TaskState};

/// Batches that are looked at in one go.
const BATCHES_AT_ONCE: usize = 1000;

/// Sends a message for every batch of the task that is neither closed nor held by a worker, and then has the task say
/// so. Does nothing when the task is not being processed, or when every batch has its message.
///
/// # Errors
/// When the index, the ledger or the queue is in trouble. Some messages may be out then; calling again sends the rest.
pub async fn send_open<L, O, Q, C>(ledger: &L, objects: &O, queue: &Q, clock: &C, id: TaskId) -> Result<(), PortError>
where
    L: BatchLedger,
    O: ObjectReader,
    Q: BatchQueue,
    C: Clock,
{
    let Some(task) = ledger.task(id).await?.filter(is_to_be_sent) else { return Ok(()) };
    let index = index(objects, id).await?;
    let messages: Vec<BatchMessage> = messages(id, &index).collect();
    for some in messages.chunks(BATCHES_AT_ONCE) {
        let numbers: Vec<BatchNumber> = some.iter().map(|message| message.batch).collect();
        let stored = ledger.batches(id, &numbers).await?;
        let now = clock.now();
        let open: Vec<_> = some.iter().filter(|message| needs_message(message, &stored, now)).cloned().collect();
        queue.send(&task.head.order.owner, task.trace(), &open).await?;
    }
    mark(ledger, clock, task).await
}

/// Sends a message for each batch of a task that nobody has worked on yet, and then has the task say so.
///
/// # Errors
/// As [`send_open`].
pub async fn send_all<L, Q, C>(
    ledger: &L,
    queue: &Q,
    clock: &C,
    task: Task,
    index: &BatchIndex,
) -> Result<(), PortError>
where
    L: BatchLedger,
    Q: BatchQueue,
    C: Clock,
{
    if !is_to_be_sent(&task) {
        return Ok(());
    }
    let messages: Vec<BatchMessage> = messages(task.id, index).collect();
    queue.send(&task.head.order.owner, task.trace(), &messages).await?;
    mark(ledger, clock, task).await
}

/// Whether messages are owed to the task.
pub fn is_to_be_sent(task: &Task) -> bool {
    task.head.state == TaskState::Processing && !task.head.split.fanned_out
}

/// Whether the batch of `message` needs one: it is neither closed nor, at `now`, in a worker's hands.
pub fn needs_message(message: &BatchMessage, stored: &[Batch], now: Timestamp) -> bool {
    let batch = stored.iter().find(|batch| batch.number == message.batch);
    batch.is_none_or(|batch| !batch.state.is_closed() && !batch.is_held(now))
}

/// Has the task say that the messages are out, unless it was changed since it was `read`: then somebody may have asked
/// for messages anew, and these do not answer that. When it is not said, they are sent once more.
async fn mark(ledger: &impl BatchLedger, clock: &impl Clock, read: Task) -> Result<(), PortError> {
    match ledger.write_head(&read, &read.fanned_out(clock.now())).await {
        Ok(()) | Err(WriteError::Stale) => Ok(()),
        Err(WriteError::Port(error)) => Err(error),
    }
}

/// The batches of a task whose rows are stored.
///
/// # Errors
/// When the index cannot be read.
pub async fn index(objects: &impl ObjectReader, id: TaskId) -> Result<BatchIndex, PortError> {
    let json = objects.get(&ObjectKey::index(id), None).await?;
    BatchIndex::parse(&json).map_err(|error| PortError::permanent(format!("read the index of task {id}"), error))
}

/// A message for each batch.
pub fn messages(task: TaskId, index: &BatchIndex) -> impl Iterator<Item = BatchMessage> {
    index.numbered().map(move |(batch, plan)| BatchMessage { task, batch, plan: *plan })
}
