//! Faults that are put in on purpose, to see that the simulator finds them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use filas_domain::batch::{Batch, BatchChange, Contribution, difference};
use filas_domain::clock::Timestamp;
use filas_domain::erasure::{Erasure, TaskEraser};
use filas_domain::ids::{BatchNumber, Owner, TaskId};
use filas_domain::ports::{
    BatchLedger, IdempotencyKey, OpenTasks, PortError, Registered, TaskCatalogue, TaskLedger, TaskRegister,
    UnsettledTasks, WriteError,
};
use filas_domain::report::{ReportMessage, has_ended};
use filas_domain::task::{Head, Task, TaskState};
use filas_testkit::memory::MemoryLedger;

use crate::queue::SimQueue;

/// A fault that is put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The ledger adds to the task's counters after the transaction that changes the batch.
    CountsAfterwards,
    /// The ledger adds the difference of every second change twice.
    CountsTwice,
    /// The ledger writes batches whatever their version is.
    NoFence,
    /// The ledger writes heads whatever their version is.
    NoHeadVersion,
    /// The ledger does not say that a batch is held.
    NoLease,
    /// The bucket answers before it keeps outcomes.
    OutcomesAreNotKept,
    /// The partner is told another idempotency key with each delivery.
    AnotherKeyEachTime,
    /// The queue loses messages, and nobody sweeps.
    QueueForgets,
    /// The queue deletes messages before they are processed, and nobody sweeps.
    AcknowledgesFirst,
    /// The queue deletes messages of which the processor said that they must come again, and nobody sweeps.
    SwallowsFailures,
    /// Dead letters are deleted unread, and nobody sweeps.
    DropsDeadLetters,
    /// Nobody sweeps.
    NoSweeper,
}

impl Bug {
    /// Every one.
    pub const ALL: [Self; 12] = [
        Self::CountsAfterwards,
        Self::CountsTwice,
        Self::NoFence,
        Self::NoHeadVersion,
        Self::NoLease,
        Self::OutcomesAreNotKept,
        Self::AnotherKeyEachTime,
        Self::QueueForgets,
        Self::AcknowledgesFirst,
        Self::SwallowsFailures,
        Self::DropsDeadLetters,
        Self::NoSweeper,
    ];

    /// Whether the sweeper is switched off, which would mend what the fault breaks.
    pub const fn needs_no_sweeper(self) -> bool {
        matches!(
            self,
            Self::QueueForgets
                | Self::AcknowledgesFirst
                | Self::SwallowsFailures
                | Self::DropsDeadLetters
                | Self::NoSweeper
        )
    }
}

/// The ledger in memory, with a fault in it or without. Its clones are the same ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    ledger: MemoryLedger,
    bug: Option<Bug>,
    /// What a faulty ledger has not counted yet, or has counted too much: by this the tally is too high in the store.
    uncounted: Arc<Mutex<Vec<(TaskId, Contribution)>>>,
    /// Where its stream tells of ends.
    ends: Option<SimQueue>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(bug: Option<Bug>) -> Self {
        Self { ledger: MemoryLedger::new(), bug, uncounted: Arc::default(), ends: None }
    }

    /// The same ledger, whose stream asks for the files of tasks that end, as the function `report` does.
    pub fn with_stream(self, ends: &SimQueue) -> Self {
        Self { ends: Some(ends.clone()), ..self }
    }

    fn tell(&self, read: &Task, head: &Head) {
        let new = Task { head: head.clone(), ..read.clone() };
        if let (Some(queue), Some(finished)) = (&self.ends, has_ended(Some(read), &new)) {
            queue.send_body(ReportMessage { task: read.id, finished, continued: 0 }.encode());
        }
    }

    /// Every batch of the task that somebody has claimed, in order.
    pub fn all_batches(&self, task: TaskId) -> Vec<Batch> {
        self.ledger.all_batches(task)
    }

    fn uncounted(&self) -> MutexGuard<'_, Vec<(TaskId, Contribution)>> {
        self.uncounted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task as a faulty ledger shows it.
    fn shown(&self, mut task: Task) -> Task {
        for (_, hidden) in self.uncounted().iter().filter(|(id, _)| *id == task.id) {
            let counts = &mut task.tally.counts;
            counts.succeeded = counts.succeeded.saturating_add_signed(-hidden.succeeded);
            counts.failed = counts.failed.saturating_add_signed(-hidden.failed);
            counts.unprocessed = counts.unprocessed.saturating_add_signed(-hidden.unprocessed);
        }
        task
    }

    fn note_bug(&self, changes: &[BatchChange]) {
        let Some(first) = changes.first() else { return };
        let task = first.after.task;
        let made = difference(changes);
        match self.bug {
            Some(Bug::CountsAfterwards) => *self.uncounted() = vec![(task, made)],
            Some(Bug::CountsTwice) if first.after.version.is_multiple_of(2) => {
                let twice =
                    Contribution { succeeded: -made.succeeded, failed: -made.failed, ..Contribution::default() };
                self.uncounted().push((task, twice));
            }
            _ => {}
        }
    }

    async fn unfenced(&self, changes: &[BatchChange]) -> Result<Vec<BatchChange>, PortError> {
        let mut changes = changes.to_vec();
        if self.bug == Some(Bug::NoFence) {
            for change in &mut changes {
                if let Some(stored) = self.ledger.batches(change.after.task, &[change.after.number]).await?.pop() {
                    change.after.version = stored.version + 1;
                    change.before = stored;
                }
            }
        }
        Ok(changes)
    }
}

impl TaskLedger for Ledger {
    async fn task(&self, id: TaskId) -> Result<Option<Task>, PortError> {
        Ok(self.ledger.task(id).await?.map(|task| self.shown(task)))
    }

    async fn write_head(&self, read: &Task, head: &Head) -> Result<(), WriteError> {
        let mut read = read.clone();
        if self.bug == Some(Bug::NoHeadVersion)
            && let Some(stored) = self.ledger.task(read.id).await?
        {
            read.version = stored.version;
        }
        self.ledger.write_head(&read, head).await?;
        self.tell(&read, head);
        Ok(())
    }
}

impl BatchLedger for Ledger {
    async fn batches(&self, task: TaskId, numbers: &[BatchNumber]) -> Result<Vec<Batch>, PortError> {
        let mut batches = self.ledger.batches(task, numbers).await?;
        if self.bug == Some(Bug::NoLease) {
            batches.iter_mut().for_each(|batch| batch.lease_until = Timestamp::default());
        }
        Ok(batches)
    }

    async fn write_batches(&self, changes: &[BatchChange]) -> Result<(), WriteError> {
        self.ledger.write_batches(&self.unfenced(changes).await?).await?;
        self.note_bug(changes);
        Ok(())
    }

    async fn write_task_and_batches(
        &self,
        read: &Task,
        head: &Head,
        changes: &[BatchChange],
    ) -> Result<(), WriteError> {
        self.ledger.write_task_and_batches(read, head, &self.unfenced(changes).await?).await?;
        self.note_bug(changes);
        Ok(())
    }
}

impl TaskRegister for Ledger {
    async fn register(&self, task: &Task, key: Option<&IdempotencyKey>) -> Result<Registered, PortError> {
        self.ledger.register(task, key).await
    }

    async fn remembers(&self, owner: &Owner, key: &str, now: Timestamp) -> Result<bool, PortError> {
        self.ledger.remembers(owner, key, now).await
    }
}

impl OpenTasks for Ledger {
    async fn open_tasks(&self, owner: &Owner, at_most: u32) -> Result<u32, PortError> {
        self.ledger.open_tasks(owner, at_most).await
    }
}

impl TaskCatalogue for Ledger {
    async fn list(
        &self,
        owner: &Owner,
        state: Option<TaskState>,
        before: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<Task>, PortError> {
        self.ledger.list(owner, state, before, limit).await
    }

    async fn claimed_batches(
        &self,
        task: TaskId,
        from: BatchNumber,
        until: BatchNumber,
    ) -> Result<Vec<Batch>, PortError> {
        self.ledger.claimed_batches(task, from, until).await
    }
}

impl TaskEraser for Ledger {
    async fn take_away(&self, task: &Task, now: Timestamp) -> Result<(), PortError> {
        self.ledger.take_away(task, now).await
    }

    async fn erasure(&self, task: TaskId) -> Result<Option<Erasure>, PortError> {
        self.ledger.erasure(task).await
    }

    async fn erase_batches(&self, task: TaskId) -> Result<(), PortError> {
        self.ledger.erase_batches(task).await
    }

    async fn mark_erased(&self, task: TaskId) -> Result<(), PortError> {
        self.ledger.mark_erased(task).await
    }

    async fn forget_erasure(&self, task: TaskId) -> Result<(), PortError> {
        self.ledger.forget_erasure(task).await
    }
}

impl UnsettledTasks for Ledger {
    async fn unsettled(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<TaskId>, PortError> {
        self.ledger.unsettled(after, limit).await
    }
}
