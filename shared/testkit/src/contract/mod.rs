//! What every implementation of a port has to do: one body of tests for each, run on the fakes in
//! [`memory`](crate::memory) and, in `filas-aws`, on a local cloud. They panic where something is otherwise.
//!
//! They use owners, tasks and keys of their own, and may run more than once on the same back end.
//!
//! * [`ledger()`]: tasks, batches and what they add up to
//! * [`objects()`]: objects, large ones, and signed requests; [`object_eraser()`]: objects that go
//! * [`queue()`]: sending, postponing, dying
//! * [`pipelines()`]: the pipelines of owners
//! * [`keys()`], [`rates()`]: who may call, and how often
//! * [`records()`], [`permits()`], [`secrets()`], [`row_queue()`]: what pipelines need of others
//! * [`watchers()`]: who looks on
//! * [`samples`]: tasks and batches to try them with

#![expect(clippy::unwrap_used, reason = "these are tests, though they are compiled as a library")]

mod access;
mod batches;
mod catalogue;
mod erasure;
mod heads;
mod objects;
mod permits;
mod pipelines;
mod queue;
mod records;
mod register;
mod reopening;
mod row_queue;
pub mod samples;
mod secrets;
#[cfg(test)]
mod tests;
mod watchers;

use std::fmt::Debug;
use std::time::Duration;

use filas_domain::erasure::TaskEraser;
use filas_domain::ports::{BatchLedger, OpenTasks, PortError, TaskCatalogue, TaskRegister, UnsettledTasks, WriteError};

pub use access::{keys, rates};
pub use erasure::object_eraser;
pub use objects::objects;
pub use permits::permits;
pub use pipelines::pipelines;
pub use queue::{Inbox, queue, report_queue};
pub use records::records;
pub use row_queue::{RowInbox, row_queue};
pub use secrets::secrets;
pub use watchers::watchers;

/// A ledger, whole.
///
/// # Panics
/// Where it does not do what the ports say.
pub async fn ledger(
    ledger: &(impl BatchLedger + TaskRegister + TaskCatalogue + OpenTasks + UnsettledTasks + TaskEraser),
) {
    heads::a_task_reads_back(ledger).await;
    heads::a_head_is_written_under_its_version(ledger).await;
    heads::of_many_writers_one_wins(ledger).await;
    batches::a_batch_is_claimed_once(ledger).await;
    batches::a_batch_is_counted_once(ledger).await;
    batches::counts_can_be_taken_back(ledger).await;
    batches::changes_are_written_all_or_none(ledger).await;
    batches::a_task_that_is_gone_counts_nothing(ledger).await;
    batches::what_cannot_be_one_write_is_refused(ledger).await;
    batches::as_many_changes_as_allowed_go_in_one_write(ledger).await;
    batches::tallies_are_sums_whoever_writes_at_once(ledger).await;
    reopening::a_head_and_batches_are_written_together(ledger).await;
    reopening::a_batch_that_changed_keeps_the_head_from_being_written(ledger).await;
    reopening::a_head_can_be_written_with_batches_that_count_nothing(ledger).await;
    reopening::tasks_are_unsettled_until_they_are_audited(ledger).await;
    register::a_registration_can_be_repeated(ledger).await;
    register::a_key_makes_one_task(ledger).await;
    register::a_key_is_forgotten_when_it_expires(ledger).await;
    register::of_many_requests_with_one_key_one_makes_a_task(ledger).await;
    register::a_key_is_remembered_by_its_owner(ledger).await;
    catalogue::open_tasks_are_counted(ledger).await;
    catalogue::tasks_are_listed_newest_first(ledger).await;
    catalogue::tasks_are_listed_by_state(ledger).await;
    catalogue::claimed_batches_come_in_order(ledger).await;
    erasure::a_task_that_is_taken_away_is_seen_by_nobody_but_the_sweeper(ledger).await;
    erasure::a_worker_counts_nothing_for_a_task_that_is_taken_away(ledger).await;
    erasure::batches_are_erased_and_those_of_others_stay(ledger).await;
}

/// Waits until `look` sees what is expected: lists and depths may lag behind.
async fn eventually<T: PartialEq + Debug, F: Future<Output = T>>(expected: T, mut look: impl FnMut() -> F) {
    let mut seen = look().await;
    for _ in 0..100 {
        if seen == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        seen = look().await;
    }
    assert_eq!(seen, expected, "after five seconds");
}

fn assert_stale(written: &Result<(), WriteError>, what: &str) {
    assert!(matches!(written, Err(WriteError::Stale)), "{what}: {written:?}");
}

fn assert_permanent<T: Debug>(answer: Result<T, PortError>, what: &str) {
    assert!(answer.as_ref().is_err_and(|error| !error.is_transient()), "{what}: {answer:?}");
}
