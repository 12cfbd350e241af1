//! Workers whose clocks differ by more than any lease allows for: what they write is decided by versions, not by time.

use std::time::Duration;

use filas_domain::batch::{BatchChange, BatchState, Refusal};
use filas_domain::clock::Timestamp;
use filas_domain::ports::{BatchLedger, TaskLedger, TaskRegister, WriteError};
use filas_testkit::contract::samples::{NOW, ROWS, claim, close, task};
use filas_testkit::memory::MemoryLedger;

const HOUR: Duration = Duration::from_secs(60 * 60);
const LEASE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_worker_whose_clock_is_ahead_takes_a_batch_over_and_it_is_counted_once() {
    let ledger = MemoryLedger::new();
    let task = task();
    ledger.register(&task, None).await.unwrap();
    let first = claim(task.id, 0, "punctual");
    ledger.write_batches(std::slice::from_ref(&first)).await.unwrap();

    // To this one the lease, of which a minute is left, ended an hour ago.
    let ahead = NOW.plus(HOUR);
    let before = first.after.clone();
    let after = before.claimed("ahead", "message", ahead, ahead.plus(LEASE)).unwrap();
    ledger.write_batches(&[BatchChange { before, after: after.clone() }]).await.unwrap();

    let fenced = ledger.write_batches(&[close(&first.after, 0, "")]).await;
    assert!(matches!(fenced, Err(WriteError::Stale)), "{fenced:?}");
    ledger.write_batches(&[close(&after, 0, "")]).await.unwrap();
    let tally = ledger.task(task.id).await.unwrap().unwrap().tally;
    assert_eq!((tally.done, tally.counts.succeeded, tally.attempts), (1, ROWS.into(), 2));
    assert_eq!(ledger.all_batches(task.id)[0].state, BatchState::Done);
}

#[test]
fn a_worker_whose_clock_is_behind_waits_and_drops_nothing() {
    let claimed = claim(task().id, 0, "punctual").after;
    let behind = Timestamp::from_millis(NOW.as_millis() - 60 * 60 * 1000);
    let refused = claimed.claimed("behind", "message", behind, behind.plus(LEASE));
    assert_eq!(refused, Err(Refusal::Leased(claimed.lease_until)), "its message comes again");
}
