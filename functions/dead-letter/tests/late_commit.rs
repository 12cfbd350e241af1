//! A worker that is still at it when its batch is declared dead.

use std::time::Duration;

use dead_letter::handler::Undertaker;
use filas_domain::batch::BatchState;
use filas_domain::delivery::Delivery;
use filas_domain::ports::{BatchLedger, TaskLedger, TaskRegister, WriteError};
use filas_domain::task::TaskState;
use filas_testkit::contract::samples::{ROWS, claim, close, message, task};
use filas_testkit::memory::{ManualClock, MemoryLedger};

#[tokio::test]
async fn a_commit_that_comes_after_the_dead_letter_changes_nothing() {
    let ledger = MemoryLedger::new();
    let task = task();
    ledger.register(&task, None).await.unwrap();
    let head = task.split_done(u64::from(ROWS), 1, "csv", task.head.created);
    ledger.write_head(&task, &head).await.unwrap();
    let claimed = claim(task.id, 0, "slow");
    let message_id = claimed.after.attempts[0].message.clone();
    ledger.write_batches(std::slice::from_ref(&claimed)).await.unwrap();

    // The lease is over and the message has used up its deliveries, but the worker has only been slow.
    let clock = ManualClock::new(claimed.after.lease_until.plus(Duration::from_secs(1)));
    let undertaker = Undertaker { ledger: ledger.clone(), clock };
    let letter = Delivery::new(&message_id, "handle", &message(task.id, 0).encode(), 1);
    assert!(undertaker.run(&[letter]).await.is_empty());
    let ended = ledger.task(task.id).await.unwrap().unwrap();
    assert_eq!(ended.head.state, TaskState::CompletedWithFailures);
    assert_eq!((ended.tally.counts.succeeded, ended.tally.counts.unprocessed), (0, ROWS.into()));

    let late = ledger.write_batches(&[close(&claimed.after, 0, "")]).await;
    assert!(matches!(late, Err(WriteError::Stale)), "{late:?}");
    assert_eq!(ledger.task(task.id).await.unwrap().unwrap(), ended, "what a task ended as does not change any more");
    assert_eq!(ledger.all_batches(task.id)[0].state, BatchState::Dead);
}
