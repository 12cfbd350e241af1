//! Tasks and batches in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use filas_domain::batch::{Batch, BatchChange, Contribution, difference};
use filas_domain::clock::Timestamp;
use filas_domain::erasure::{Erasure, TaskEraser};
use filas_domain::ids::{BatchNumber, Owner, TaskId};
use filas_domain::ports::{
    BatchLedger, CHANGES_AT_ONCE, IdempotencyKey, OpenTasks, PortError, Registered, TaskCatalogue, TaskLedger,
    TaskRegister, UnsettledTasks, WriteError,
};
use filas_domain::task::{Head, Tally, Task, TaskState};
use filas_domain::usage::Usage;

use super::faults::{Faults, lock, plans_faults};

/// A ledger in memory. Its clones are the same ledger.
#[derive(Debug, Clone)]
pub struct MemoryLedger {
    stored: Arc<Mutex<Stored>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Stored {
    tasks: BTreeMap<TaskId, Task>,
    batches: BTreeMap<(TaskId, BatchNumber), Batch>,
    keys: BTreeMap<(Owner, String), UsedKey>,
    erasures: BTreeMap<TaskId, Erasure>,
}

#[derive(Debug)]
struct UsedKey {
    task: TaskId,
    fingerprint: String,
    expires: Timestamp,
}

plans_faults!(MemoryLedger);

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLedger {
    /// A ledger without a task.
    ///
    /// Operations that can fail: `task`, `write_head`, `batches`, `write_batches`, `write_task_and_batches`, `register`, `remembers`,
    /// `open_tasks`, `list`, `claimed_batches`, `unsettled`, `take_away`, `erasure`, `erase_batches`, `mark_erased`, `forget_erasure`.
    pub fn new() -> Self {
        let operations = &[
            "task",
            "write_head",
            "batches",
            "write_batches",
            "write_task_and_batches",
            "register",
            "remembers",
            "open_tasks",
            "list",
            "claimed_batches",
            "unsettled",
            "take_away",
            "erasure",
            "erase_batches",
            "mark_erased",
            "forget_erasure",
        ];
        Self { stored: Arc::default(), faults: Faults::new(operations) }
    }

    /// Every batch of the task that somebody has claimed, in order.
    pub fn all_batches(&self, task: TaskId) -> Vec<Batch> {
        let stored = lock(&self.stored);
        stored.batches.values().filter(|batch| batch.task == task).cloned().collect()
    }

    /// Stores the task as it is given, over whatever is there: for tests of what must not happen.
    pub fn put_as_it_is(&self, task: &Task) {
        lock(&self.stored).tasks.insert(task.id, task.clone());
    }

    /// Removes the task, as its time to live does; its batches stay a while longer.
    pub fn forget(&self, task: TaskId) {
        lock(&self.stored).tasks.remove(&task);
    }
}

impl TaskLedger for MemoryLedger {
    async fn task(&self, id: TaskId) -> Result<Option<Task>, PortError> {
        self.faults.run("task", || Ok(lock(&self.stored).tasks.get(&id).cloned()))
    }

    async fn write_head(&self, read: &Task, head: &Head) -> Result<(), WriteError> {
        self.faults.run("write_head", || {
            let mut stored = lock(&self.stored);
            let task = stored.tasks.get_mut(&read.id).filter(|task| task.version == read.version);
            let task = task.ok_or(WriteError::Stale)?;
            task.version += 1;
            task.head = head.clone();
            Ok(())
        })
    }
}

impl BatchLedger for MemoryLedger {
    async fn batches(&self, task: TaskId, numbers: &[BatchNumber]) -> Result<Vec<Batch>, PortError> {
        self.faults.run("batches", || {
            let stored = lock(&self.stored);
            let wanted = |batch: &&Batch| batch.task == task && numbers.contains(&batch.number);
            Ok(stored.batches.values().filter(wanted).cloned().collect())
        })
    }

    async fn write_batches(&self, changes: &[BatchChange]) -> Result<(), WriteError> {
        self.faults.run("write_batches", || {
            let Some(id) = one_task(changes)? else {
                return Ok(());
            };
            let mut stored = lock(&self.stored);
            let task = stored.tasks.get(&id).ok_or(WriteError::Stale)?.clone();
            stored.write(task, changes)
        })
    }

    async fn write_task_and_batches(
        &self,
        read: &Task,
        head: &Head,
        changes: &[BatchChange],
    ) -> Result<(), WriteError> {
        self.faults.run("write_task_and_batches", || {
            one_task(changes)?;
            let mut stored = lock(&self.stored);
            let task = stored.tasks.get(&read.id).filter(|task| task.version == read.version);
            let mut task = task.ok_or(WriteError::Stale)?.clone();
            task.version += 1;
            task.head = head.clone();
            stored.write(task, changes)
        })
    }
}

impl UnsettledTasks for MemoryLedger {
    async fn unsettled(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<TaskId>, PortError> {
        self.faults.run("unsettled", || {
            let stored = lock(&self.stored);
            let wanted = |task: &&Task| !task.head.is_settled() && after.is_none_or(|after| task.id > after);
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let tasks = stored.tasks.values().filter(wanted).map(|task| task.id);
            let erased = stored.erasures.keys().copied().filter(|task| after.is_none_or(|after| *task > after));
            let mut ids: Vec<TaskId> = tasks.chain(erased).collect();
            ids.sort_unstable();
            ids.truncate(limit);
            Ok(ids)
        })
    }
}

impl TaskEraser for MemoryLedger {
    async fn take_away(&self, task: &Task, now: Timestamp) -> Result<(), PortError> {
        self.faults.run("take_away", || {
            let mut stored = lock(&self.stored);
            if let Some(gone) = stored.tasks.remove(&task.id) {
                let note = Erasure { task: gone.id, owner: gone.head.order.owner, since: now, is_done: false };
                stored.erasures.insert(gone.id, note);
            }
            Ok(())
        })
    }

    async fn erasure(&self, task: TaskId) -> Result<Option<Erasure>, PortError> {
        self.faults.run("erasure", || Ok(lock(&self.stored).erasures.get(&task).cloned()))
    }

    async fn erase_batches(&self, task: TaskId) -> Result<(), PortError> {
        self.faults.run("erase_batches", || {
            lock(&self.stored).batches.retain(|(of, _), _| *of != task);
            Ok(())
        })
    }

    async fn mark_erased(&self, task: TaskId) -> Result<(), PortError> {
        self.faults.run("mark_erased", || {
            if let Some(note) = lock(&self.stored).erasures.get_mut(&task) {
                note.is_done = true;
            }
            Ok(())
        })
    }

    async fn forget_erasure(&self, task: TaskId) -> Result<(), PortError> {
        self.faults.run("forget_erasure", || {
            lock(&self.stored).erasures.remove(&task);
            Ok(())
        })
    }
}

impl Stored {
    /// Stores the task and the changes, all or nothing.
    fn write(&mut self, mut task: Task, changes: &[BatchChange]) -> Result<(), WriteError> {
        if !changes.iter().all(|change| self.is_unchanged(&change.before)) {
            return Err(WriteError::Stale);
        }
        task.tally = sum(&task.tally, &difference(changes))?;
        self.tasks.insert(task.id, task);
        for BatchChange { after, .. } in changes {
            self.batches.insert((after.task, after.number), after.clone());
        }
        Ok(())
    }

    fn is_unchanged(&self, read: &Batch) -> bool {
        self.batches.get(&(read.task, read.number)).map_or(0, |batch| batch.version) == read.version
    }
}

impl TaskRegister for MemoryLedger {
    async fn register(&self, task: &Task, key: Option<&IdempotencyKey>) -> Result<Registered, PortError> {
        self.faults.run("register", || {
            let mut stored = lock(&self.stored);
            let used = key.map(|key| (task.head.order.owner.clone(), key.key.clone()));
            // The registration is the present: the task was created in it.
            let before = used.as_ref().and_then(|used| stored.keys.get(used));
            match before.filter(|before| before.expires > task.head.created) {
                Some(before) if before.task == task.id => return Ok(Registered::New),
                Some(before) => {
                    return Ok(Registered::Before { task: before.task, fingerprint: before.fingerprint.clone() });
                }
                None => {}
            }
            if let Some(other) = stored.tasks.get(&task.id) {
                let same = other.head.order == task.head.order && other.head.created == task.head.created;
                return match same && key.is_none() {
                    true => Ok(Registered::New),
                    false => Err(PortError::permanent("register in memory", "there is another task with this id")),
                };
            }
            stored.tasks.insert(task.id, task.clone());
            if let (Some(used), Some(IdempotencyKey { fingerprint, expires, .. })) = (used, key) {
                let key = UsedKey { task: task.id, fingerprint: fingerprint.clone(), expires: *expires };
                stored.keys.insert(used, key);
            }
            Ok(Registered::New)
        })
    }

    async fn remembers(&self, owner: &Owner, key: &str, now: Timestamp) -> Result<bool, PortError> {
        self.faults.run("remembers", || {
            let stored = lock(&self.stored);
            Ok(stored.keys.get(&(owner.clone(), key.to_owned())).is_some_and(|used| used.expires > now))
        })
    }
}

impl OpenTasks for MemoryLedger {
    async fn open_tasks(&self, owner: &Owner, at_most: u32) -> Result<u32, PortError> {
        self.faults.run("open_tasks", || {
            let stored = lock(&self.stored);
            let is_open = |task: &&Task| task.head.order.owner == *owner && !task.head.state.is_final();
            let open = stored.tasks.values().filter(is_open).take(usize::try_from(at_most).unwrap_or(usize::MAX));
            Ok(u32::try_from(open.count()).unwrap_or(u32::MAX))
        })
    }
}

impl TaskCatalogue for MemoryLedger {
    async fn list(
        &self,
        owner: &Owner,
        state: Option<TaskState>,
        before: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<Task>, PortError> {
        self.faults.run("list", || {
            let stored = lock(&self.stored);
            let wanted = |task: &&Task| {
                task.head.order.owner == *owner
                    && state.is_none_or(|state| task.head.state == state)
                    && before.is_none_or(|before| task.id < before)
            };
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            Ok(stored.tasks.values().rev().filter(wanted).take(limit).cloned().collect())
        })
    }

    async fn claimed_batches(
        &self,
        task: TaskId,
        from: BatchNumber,
        until: BatchNumber,
    ) -> Result<Vec<Batch>, PortError> {
        self.faults.run("claimed_batches", || {
            let wanted = |batch: &&Batch| batch.task == task && (from..until).contains(&batch.number);
            Ok(lock(&self.stored).batches.values().filter(wanted).cloned().collect())
        })
    }
}

/// The task that all changes are of, or `None` when there is no change.
fn one_task(changes: &[BatchChange]) -> Result<Option<TaskId>, PortError> {
    let refused = |why| PortError::permanent("write_batches in memory", why);
    let Some(first) = changes.first() else {
        return Ok(None);
    };
    let task = first.after.task;
    if changes.len() > CHANGES_AT_ONCE {
        return Err(refused("too many changes at once"));
    }
    if changes.iter().any(|change| change.before.task != task || change.after.task != task) {
        return Err(refused("the changes are of more than one task"));
    }
    let mut numbers: Vec<_> = changes.iter().map(|change| change.after.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() < changes.len() {
        return Err(refused("two changes are of the same batch"));
    }
    Ok(Some(task))
}

/// The tally with the difference added. Codes that come to nothing are gone.
fn sum(tally: &Tally, difference: &Contribution) -> Result<Tally, PortError> {
    let negative = || PortError::permanent("write_batches in memory", "a counter would become negative");
    let add = |count: u64, more: i64| count.checked_add_signed(more).ok_or_else(negative);
    let add_batches = |count: u32, more: i64| u32::try_from(add(count.into(), more)?).map_err(|_| negative());
    let mut sum = tally.clone();
    sum.counts.succeeded = add(sum.counts.succeeded, difference.succeeded)?;
    sum.counts.failed = add(sum.counts.failed, difference.failed)?;
    sum.counts.unprocessed = add(sum.counts.unprocessed, difference.unprocessed)?;
    sum.done = add_batches(sum.done, difference.done)?;
    sum.dead = add_batches(sum.dead, difference.dead)?;
    sum.cancelled = add_batches(sum.cancelled, difference.cancelled)?;
    sum.attempts = add(sum.attempts, difference.attempts)?;
    let mut used = sum.usage.numbers();
    for (used, more) in used.iter_mut().zip(difference.usage) {
        *used = add(*used, more)?;
    }
    sum.usage = Usage::of(used);
    for (code, more) in &difference.failed_by_code {
        let rows = sum.counts.failed_by_code.entry(code.clone()).or_default();
        *rows = add(*rows, *more)?;
    }
    sum.counts.failed_by_code.retain(|_, rows| *rows > 0);
    Ok(sum)
}
