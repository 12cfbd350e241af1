//! Tasks, one at a time.

use filas_domain::ports::{TaskLedger, TaskRegister};
use filas_domain::task::{Head, TaskState};
use futures::future::join_all;

use super::{assert_stale, samples};

pub(super) async fn a_task_reads_back(ledger: &(impl TaskLedger + TaskRegister)) {
    let task = samples::task();
    assert_eq!(ledger.task(task.id).await.unwrap(), None);
    ledger.register(&task, None).await.unwrap();
    assert_eq!(ledger.task(task.id).await.unwrap(), Some(task));
}

pub(super) async fn a_head_is_written_under_its_version(ledger: &(impl TaskLedger + TaskRegister)) {
    let first = samples::task();
    assert_stale(&ledger.write_head(&first, &first.head).await, "a task that is not there");
    ledger.register(&first, None).await.unwrap();
    let head = Head { state: TaskState::Splitting, total: Some(7), ..first.head.clone() };
    ledger.write_head(&first, &head).await.unwrap();
    let second = ledger.task(first.id).await.unwrap().unwrap();
    assert_eq!((second.version, &second.head, &second.tally), (2, &head, &first.tally));

    assert_stale(&ledger.write_head(&first, &first.head).await, "a head that was read too early");
    assert_eq!(ledger.task(first.id).await.unwrap().unwrap(), second);
    ledger.write_head(&second, &first.head).await.unwrap();
    assert_eq!(ledger.task(first.id).await.unwrap().unwrap().version, 3);
}

pub(super) async fn of_many_writers_one_wins(ledger: &(impl TaskLedger + TaskRegister)) {
    let task = samples::task();
    ledger.register(&task, None).await.unwrap();
    let heads: Vec<_> = (0..8).map(|total| Head { total: Some(total), ..task.head.clone() }).collect();
    let written = join_all(heads.iter().map(|head| ledger.write_head(&task, head))).await;
    let winners: Vec<_> = heads.iter().zip(&written).filter(|(_, written)| written.is_ok()).collect();
    assert_eq!(winners.len(), 1, "{written:?}");
    written.iter().filter(|written| written.is_err()).for_each(|lost| assert_stale(lost, "a writer that lost"));
    assert_eq!(ledger.task(task.id).await.unwrap().unwrap().head, *winners[0].0);
}
