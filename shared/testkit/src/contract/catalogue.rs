//! Lists for people.

use filas_domain::ids::{BatchNumber, Owner, TaskId};
use filas_domain::ports::{BatchLedger, OpenTasks, TaskCatalogue, TaskRegister};
use filas_domain::task::{Head, Task, TaskState};

use super::{eventually, samples};

async fn ids(
    ledger: &impl TaskCatalogue,
    owner: &Owner,
    state: Option<TaskState>,
    before: Option<TaskId>,
    limit: u32,
) -> Vec<TaskId> {
    ledger.list(owner, state, before, limit).await.unwrap().iter().map(|task| task.id).collect()
}

/// Five tasks of one owner, the oldest first, and one of another owner in between.
async fn registered(ledger: &impl TaskRegister) -> (Owner, Vec<Task>) {
    let owner = samples::owner();
    let tasks: Vec<_> = [1, 2, 2, 300, 70_000].map(|millis| samples::task_after(&owner, millis)).into();
    for task in tasks.iter().rev().chain([&samples::task_after(&samples::owner(), 2)]) {
        ledger.register(task, None).await.unwrap();
    }
    (owner, tasks)
}

pub(super) async fn tasks_are_listed_newest_first(ledger: &(impl TaskCatalogue + TaskRegister)) {
    let (owner, tasks) = registered(ledger).await;
    let newest_first: Vec<_> = tasks.iter().rev().map(|task| task.id).collect();
    eventually(newest_first.clone(), || ids(ledger, &owner, None, None, 50)).await;
    let mut pages = vec![ids(ledger, &owner, None, None, 2).await];
    while let Some(last) = pages.last().and_then(|page| page.last()) {
        pages.push(ids(ledger, &owner, None, Some(*last), 2).await);
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1, 0]);
    assert_eq!(pages.concat(), newest_first);
    let listed = ledger.list(&owner, None, None, 50).await.unwrap();
    assert_eq!(listed, tasks.into_iter().rev().collect::<Vec<_>>());
    assert_eq!(ids(ledger, &samples::owner(), None, None, 50).await, []);
}

pub(super) async fn tasks_are_listed_by_state(ledger: &(impl BatchLedger + TaskCatalogue + TaskRegister)) {
    let (owner, tasks) = registered(ledger).await;
    for task in &tasks[1..3] {
        let head = Head { state: TaskState::Splitting, ..task.head.clone() };
        ledger.write_head(task, &head).await.unwrap();
    }
    let waiting = vec![tasks[4].id, tasks[3].id, tasks[0].id];
    eventually(waiting, || ids(ledger, &owner, Some(TaskState::AwaitingUpload), None, 50)).await;
    let splitting = Some(TaskState::Splitting);
    eventually(vec![tasks[2].id, tasks[1].id], || ids(ledger, &owner, splitting, None, 50)).await;
    assert_eq!(ids(ledger, &owner, splitting, Some(tasks[2].id), 50).await, [tasks[1].id]);
    assert_eq!(ids(ledger, &owner, splitting, None, 1).await, [tasks[2].id]);
    assert_eq!(ids(ledger, &owner, Some(TaskState::Completed), None, 50).await, []);
}

pub(super) async fn open_tasks_are_counted(ledger: &(impl BatchLedger + OpenTasks + TaskRegister)) {
    let (owner, tasks) = registered(ledger).await;
    eventually(5, async || ledger.open_tasks(&owner, 9).await.unwrap()).await;
    assert_eq!(ledger.open_tasks(&owner, 2).await.unwrap(), 2, "no more than asked for");
    for (task, state) in tasks.iter().zip([TaskState::Paused, TaskState::Completed, TaskState::Cancelled]) {
        ledger.write_head(task, &Head { state, ..task.head.clone() }).await.unwrap();
    }
    eventually(3, async || ledger.open_tasks(&owner, 9).await.unwrap()).await;
    assert_eq!(ledger.open_tasks(&samples::owner(), 9).await.unwrap(), 0);
}

pub(super) async fn claimed_batches_come_in_order(ledger: &(impl BatchLedger + TaskCatalogue + TaskRegister)) {
    let (task, other) = (samples::task(), samples::task());
    for task in [&task, &other] {
        ledger.register(task, None).await.unwrap();
        for number in [100, 9, 3, 10, 99_999] {
            ledger.write_batches(&[samples::claim(task.id, number, "me")]).await.unwrap();
        }
    }
    for (from, until, expected) in [
        (0, 100_000, &[3, 9, 10, 100, 99_999][..]),
        (3, 10, &[3, 9]),
        (4, 9, &[]),
        (10, 101, &[10, 100]),
        (5, 5, &[]),
        (9, 3, &[]),
        (0, 0, &[]),
    ] {
        let found = ledger.claimed_batches(task.id, BatchNumber::new(from), BatchNumber::new(until)).await.unwrap();
        assert!(found.iter().all(|batch| batch.task == task.id));
        let numbers: Vec<_> = found.iter().map(|batch| batch.number.get()).collect();
        assert_eq!(numbers, expected, "{from}..{until}");
    }
}
