//! Heads that are written together with batches, and the tasks that the sweeper has to look at.

use filas_domain::batch::BatchChange;
use filas_domain::batch::{Batch, Selection, difference};
use filas_domain::ids::{BatchNumber, TaskId};
use filas_domain::ports::{BatchLedger, TaskRegister, UnsettledTasks};
use filas_domain::task::{Head, Task, TaskState};
use filas_domain::usage::Usage;

use super::{assert_stale, eventually, samples};

async fn read(ledger: &impl BatchLedger, id: TaskId) -> Task {
    ledger.task(id).await.unwrap().unwrap()
}

async fn batch(ledger: &impl BatchLedger, id: TaskId, number: u32) -> Option<Batch> {
    ledger.batches(id, &[BatchNumber::new(number)]).await.unwrap().pop()
}

/// A task with one batch that is done, with three failed rows.
async fn done(ledger: &(impl BatchLedger + TaskRegister)) -> (TaskId, Batch) {
    let task = samples::task();
    ledger.register(&task, None).await.unwrap();
    let claim = samples::claim(task.id, 0, "me");
    let close = samples::close(&claim.after, 3, "HTTP_422");
    ledger.write_batches(&[claim]).await.unwrap();
    ledger.write_batches(std::slice::from_ref(&close)).await.unwrap();
    (task.id, close.after)
}

fn reopened(before: &Batch) -> BatchChange {
    let after = before.redriven(&Selection::Failed { code: None }, samples::NOW).unwrap();
    BatchChange { before: before.clone(), after }
}

pub(super) async fn a_head_and_batches_are_written_together(ledger: &(impl BatchLedger + TaskRegister)) {
    let (id, closed) = done(ledger).await;
    let task = read(ledger, id).await;
    let head = Head { state: TaskState::Processing, ..task.head.clone() };
    let change = reopened(&closed);
    ledger.write_task_and_batches(&task, &head, std::slice::from_ref(&change)).await.unwrap();
    let after = read(ledger, id).await;
    assert_eq!((after.version, after.head.state), (task.version + 1, TaskState::Processing));
    assert_eq!((after.tally.counts.failed, after.tally.done, after.tally.counts.succeeded), (0, 0, 7));
    assert_eq!(difference(std::slice::from_ref(&change)).failed, -3);
    assert_eq!(batch(ledger, id, 0).await.unwrap(), change.after);

    // Whoever read the task before cannot write it any more: neither alone nor with batches.
    assert_stale(&ledger.write_head(&task, &head).await, "a head that was read before the batch was opened");
    let claim = samples::claim(id, 1, "me");
    assert_stale(&ledger.write_task_and_batches(&task, &head, &[claim]).await, "a head that was read before");
    assert_eq!((batch(ledger, id, 1).await, read(ledger, id).await), (None, after), "nothing of it is written");
}

pub(super) async fn a_batch_that_changed_keeps_the_head_from_being_written(ledger: &(impl BatchLedger + TaskRegister)) {
    let (id, closed) = done(ledger).await;
    let task = read(ledger, id).await;
    let head = Head { state: TaskState::Processing, ..task.head.clone() };
    let first = reopened(&closed);
    ledger.write_batches(std::slice::from_ref(&first)).await.unwrap();
    let before = read(ledger, id).await;
    let (again, claim) = (reopened(&closed), samples::claim(id, 1, "me"));
    assert_stale(&ledger.write_task_and_batches(&task, &head, &[claim, again]).await, "a batch that was read before");
    assert_eq!((read(ledger, id).await, batch(ledger, id, 1).await), (before, None), "nothing of it is written");
}

pub(super) async fn a_head_can_be_written_with_batches_that_count_nothing(ledger: &(impl BatchLedger + TaskRegister)) {
    let task = samples::task();
    ledger.register(&task, None).await.unwrap();
    let head = Head { total: Some(7), ..task.head.clone() };
    let claim = samples::claim(task.id, 0, "me");
    ledger.write_task_and_batches(&task, &head, std::slice::from_ref(&claim)).await.unwrap();
    let after = read(ledger, task.id).await;
    assert_eq!((after.version, after.head.total, &after.tally), (2, Some(7), &task.tally));
    assert_eq!(batch(ledger, task.id, 0).await.unwrap(), claim.after);
    ledger.write_task_and_batches(&after, &task.head, &[]).await.unwrap();
    assert_eq!(read(ledger, task.id).await.version, 3, "no batch at all is as good");
}

pub(super) async fn tasks_are_unsettled_until_they_are_audited(
    ledger: &(impl BatchLedger + TaskRegister + UnsettledTasks),
) {
    let tasks = [samples::task(), samples::task(), samples::task()];
    let mut ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    ids.sort_unstable();
    for task in &tasks {
        ledger.register(task, None).await.unwrap();
    }
    let ours = async |after: Option<TaskId>| {
        let found = ledger.unsettled(after, 100).await.unwrap();
        found.into_iter().filter(|id| ids.contains(id)).collect::<Vec<_>>()
    };
    eventually(ids.clone(), || ours(None)).await;
    eventually(ids[1..].to_vec(), || ours(Some(ids[0]))).await;
    assert_eq!(ledger.unsettled(None, 1).await.unwrap().len(), 1);

    let ended = read(ledger, ids[1]).await;
    let head = Head { state: TaskState::Completed, ..ended.head.clone() };
    ledger.write_head(&ended, &head).await.unwrap();
    let ended = read(ledger, ids[1]).await;
    eventually(ids.clone(), || ours(None)).await;
    ledger.write_head(&ended, &ended.audited(&Usage::default())).await.unwrap();
    eventually(vec![ids[0], ids[2]], || ours(None)).await;

    // A redrive brings it back.
    let settled = read(ledger, ids[1]).await;
    let head = Head { state: TaskState::Processing, is_audited: false, ..settled.head.clone() };
    ledger.write_task_and_batches(&settled, &head, &[samples::claim(ids[1], 0, "me")]).await.unwrap();
    eventually(ids.clone(), || ours(None)).await;
}
