//! Batches and what they add to their task.

use std::collections::BTreeMap;

use filas_domain::batch::{Batch, BatchChange, difference};
use filas_domain::ids::{BatchNumber, TaskId};
use filas_domain::ports::{BatchLedger, CHANGES_AT_ONCE, PortError, TaskRegister, WriteError};
use filas_domain::task::Tally;
use futures::future::join_all;

use super::{assert_permanent, assert_stale, samples};

async fn registered(ledger: &impl TaskRegister) -> TaskId {
    let task = samples::task();
    ledger.register(&task, None).await.unwrap();
    task.id
}

async fn tally(ledger: &impl BatchLedger, task: TaskId) -> Tally {
    ledger.task(task).await.unwrap().unwrap().tally
}

async fn stored(ledger: &impl BatchLedger, task: TaskId, numbers: std::ops::Range<u32>) -> Vec<Batch> {
    let numbers: Vec<_> = numbers.map(BatchNumber::new).collect();
    let mut batches = ledger.batches(task, &numbers).await.unwrap();
    batches.sort_by_key(|batch| batch.number);
    batches
}

fn afters(changes: &[BatchChange]) -> Vec<Batch> {
    changes.iter().map(|change| change.after.clone()).collect()
}

pub(super) async fn a_batch_is_claimed_once(ledger: &(impl BatchLedger + TaskRegister)) {
    let task = registered(ledger).await;
    assert_eq!(ledger.batches(task, &[]).await.unwrap(), []);
    assert_eq!(stored(ledger, task, 0..3).await, []);
    let (mine, yours) = (samples::claim(task, 1, "me"), samples::claim(task, 1, "you"));
    ledger.write_batches(std::slice::from_ref(&mine)).await.unwrap();
    assert_stale(&ledger.write_batches(&[yours]).await, "a second first claim");
    assert_stale(&ledger.write_batches(std::slice::from_ref(&mine)).await, "the same claim again");
    assert_eq!(stored(ledger, task, 0..3).await, [mine.after]);
    assert_eq!(tally(ledger, task).await, Tally::default());
}

pub(super) async fn a_batch_is_counted_once(ledger: &(impl BatchLedger + TaskRegister)) {
    let task = registered(ledger).await;
    let claim = samples::claim(task, 0, "me");
    ledger.write_batches(std::slice::from_ref(&claim)).await.unwrap();
    let close = samples::close(&claim.after, 3, "HTTP_422: not #1");
    ledger.write_batches(std::slice::from_ref(&close)).await.unwrap();
    assert_stale(&ledger.write_batches(std::slice::from_ref(&close)).await, "the same end again");
    let tally = tally(ledger, task).await;
    assert_eq!((tally.counts.succeeded, tally.counts.failed, tally.counts.unprocessed), (7, 3, 0));
    assert_eq!(tally.counts.failed_by_code, BTreeMap::from([("HTTP_422: not #1".into(), 3)]));
    assert_eq!((tally.done, tally.dead, tally.cancelled, tally.attempts), (1, 0, 0, 1));
    assert_eq!(stored(ledger, task, 0..1).await, [close.after]);
}

pub(super) async fn counts_can_be_taken_back(ledger: &(impl BatchLedger + TaskRegister)) {
    let task = registered(ledger).await;
    let claim = samples::claim(task, 0, "me");
    let close = samples::close(&claim.after, 4, "BROKEN");
    // A redrive: the batch is as if it had never been tried, but for its version and its history.
    let again = BatchChange {
        before: close.after.clone(),
        after: Batch { version: close.after.version + 1, ..claim.after.clone() },
    };
    for change in [claim, close, again] {
        ledger.write_batches(&[change]).await.unwrap();
    }
    assert_eq!(tally(ledger, task).await, Tally::default());
}

pub(super) async fn changes_are_written_all_or_none(ledger: &(impl BatchLedger + TaskRegister)) {
    let task = registered(ledger).await;
    let claims: Vec<_> = (0..3).map(|number| samples::claim(task, number, "me")).collect();
    ledger.write_batches(&claims).await.unwrap();
    assert_eq!(stored(ledger, task, 0..3).await, afters(&claims));

    let ends: Vec<_> = claims.iter().map(|claim| samples::close(&claim.after, 0, "")).collect();
    ledger.write_batches(&ends[2..]).await.unwrap();
    let before = tally(ledger, task).await;
    assert_stale(&ledger.write_batches(&ends).await, "one of three is ended already");
    assert_eq!(tally(ledger, task).await, before);
    let expected = [&claims[0].after, &claims[1].after, &ends[2].after].map(Batch::clone);
    assert_eq!(stored(ledger, task, 0..3).await, expected);

    ledger.write_batches(&ends[..2]).await.unwrap();
    assert_eq!(tally(ledger, task).await.done, 3);
}

pub(super) async fn a_task_that_is_gone_counts_nothing(ledger: &(impl BatchLedger + TaskRegister)) {
    let task = samples::task().id;
    let claims = [samples::claim(task, 0, "me"), samples::claim(task, 1, "me")];
    assert_stale(&ledger.write_batches(&claims).await, "two claims without a task");
    let buried = claims[0].before.buried(samples::NOW);
    let buried = BatchChange { before: claims[0].before.clone(), after: buried };
    assert_stale(&ledger.write_batches(&[buried]).await, "a death without a task");
    assert_eq!(stored(ledger, task, 0..2).await, []);
}

pub(super) async fn what_cannot_be_one_write_is_refused(ledger: &(impl BatchLedger + TaskRegister)) {
    let (task, other) = (registered(ledger).await, registered(ledger).await);
    let refused = |written: Result<(), WriteError>| match written {
        Err(WriteError::Port(error)) => Err(error),
        other => panic!("{other:?}"),
    };
    let write =
        async |changes: Vec<BatchChange>| -> Result<(), PortError> { refused(ledger.write_batches(&changes).await) };
    let claim = |task, number| samples::claim(task, number, "me");
    assert_permanent(write(vec![claim(task, 0), claim(other, 1)]).await, "two tasks");
    assert_permanent(write(vec![claim(task, 0), claim(task, 0)]).await, "one batch twice");
    let many = (0..).map(|number| claim(task, number)).take(CHANGES_AT_ONCE + 1).collect();
    assert_permanent(write(many).await, "too many");
    assert_eq!(stored(ledger, task, 0..2).await, []);
    ledger.write_batches(&[]).await.unwrap();
}

pub(super) async fn as_many_changes_as_allowed_go_in_one_write(ledger: &(impl BatchLedger + TaskRegister)) {
    let task = registered(ledger).await;
    let mut claims: Vec<_> = (0..150).map(|number| samples::claim(task, number, "me")).collect();
    for some in claims.chunks(CHANGES_AT_ONCE) {
        ledger.write_batches(some).await.unwrap();
    }
    // More than one BatchGetItem takes, some of them never claimed.
    assert_eq!(stored(ledger, task, 0..170).await, afters(&claims));
    claims.truncate(CHANGES_AT_ONCE);
    let ends: Vec<_> = claims.iter().map(|claim| samples::close(&claim.after, 1, "ONE")).collect();
    ledger.write_batches(&ends).await.unwrap();
    let tally = tally(ledger, task).await;
    assert_eq!((tally.done as usize, tally.counts.failed_by_code["ONE"] as usize), (CHANGES_AT_ONCE, CHANGES_AT_ONCE));
}

pub(super) async fn tallies_are_sums_whoever_writes_at_once(ledger: &(impl BatchLedger + TaskRegister)) {
    const BATCHES: u32 = 12;
    let tasks = [registered(ledger).await, registered(ledger).await, registered(ledger).await];
    let work = async |task: TaskId, number: u32, worker: &str| -> Result<(), WriteError> {
        let claim = samples::claim(task, number, worker);
        ledger.write_batches(std::slice::from_ref(&claim)).await?;
        let end = samples::close(&claim.after, number % 3, if number.is_multiple_of(2) { "EVEN" } else { "ODD" });
        ledger.write_batches(std::slice::from_ref(&end)).await?;
        // A second delivery, late: it must not count.
        assert_stale(&ledger.write_batches(&[end]).await, "the same end again");
        Ok(())
    };
    let all = tasks.iter().flat_map(|task| (0..BATCHES).map(move |number| (*task, number)));
    // Two workers for each batch: one of them has to lose.
    let worked = all.flat_map(|(task, number)| [work(task, number, "a"), work(task, number, "b")]);
    let worked = join_all(worked).await;
    let (won, lost): (Vec<_>, Vec<_>) = worked.iter().partition(|worked| worked.is_ok());
    lost.iter().for_each(|lost| assert_stale(lost, "a worker that lost"));
    assert_eq!((won.len(), lost.len()), (3 * BATCHES as usize, 3 * BATCHES as usize));
    for task in tasks {
        let batches = stored(ledger, task, 0..BATCHES).await;
        let from_nothing = |after: Batch| BatchChange { before: Batch { version: 0, ..unclaimed(&after) }, after };
        let sum = difference(&batches.into_iter().map(from_nothing).collect::<Vec<_>>());
        let tally = tally(ledger, task).await;
        assert_eq!(tally.counts.failed_by_code, BTreeMap::from([("EVEN".into(), 6), ("ODD".into(), 6)]));
        let found = [tally.counts.succeeded, tally.counts.failed, tally.done.into(), tally.attempts];
        assert_eq!(
            found.map(|count| i64::try_from(count).unwrap()),
            [sum.succeeded, sum.failed, sum.done, sum.attempts]
        );
        assert_eq!(found, [108, 12, 12, 12]);
    }
}

fn unclaimed(batch: &Batch) -> Batch {
    Batch::unclaimed(&samples::message(batch.task, batch.number.get()))
}
