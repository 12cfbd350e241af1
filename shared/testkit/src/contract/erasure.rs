//! Tasks that go, with everything of them.

use filas_domain::batch::{BatchChange, Progress};
use filas_domain::erasure::{Erasure, ObjectEraser, TaskEraser};
use filas_domain::ids::BatchNumber;
use filas_domain::keys::ObjectKey;
use filas_domain::outcome::Counts;
use filas_domain::ports::{BatchLedger, ObjectReader, ObjectWriter, TaskCatalogue, TaskRegister, UnsettledTasks};

use super::{assert_stale, eventually, samples};

/// What a ledger needs for these.
pub(super) trait Ledger: BatchLedger + TaskRegister + TaskCatalogue + UnsettledTasks + TaskEraser {}
impl<L: BatchLedger + TaskRegister + TaskCatalogue + UnsettledTasks + TaskEraser> Ledger for L {}

pub(super) async fn a_task_that_is_taken_away_is_seen_by_nobody_but_the_sweeper(ledger: &impl Ledger) {
    let task = samples::task();
    let owner = &task.head.order.owner;
    ledger.register(&task, None).await.unwrap();
    assert_eq!(ledger.erasure(task.id).await.unwrap(), None);
    ledger.take_away(&task, samples::NOW).await.unwrap();
    assert_eq!(ledger.task(task.id).await.unwrap(), None);
    let note = Erasure { task: task.id, owner: owner.clone(), since: samples::NOW, is_done: false };
    assert_eq!(ledger.erasure(task.id).await.unwrap(), Some(note.clone()));
    eventually(0, async || ledger.list(owner, None, None, 10).await.unwrap().len()).await;
    eventually(true, async || unsettled(ledger, &task).await).await;
    assert_stale(&ledger.write_head(&task, &task.head).await, "the head of a task that is gone");

    // Once more, by somebody who read the task before: nothing changes.
    ledger.take_away(&task, samples::NOW.plus(super::Duration::from_secs(9))).await.unwrap();
    assert_eq!(ledger.erasure(task.id).await.unwrap(), Some(note.clone()));

    ledger.mark_erased(task.id).await.unwrap();
    assert_eq!(ledger.erasure(task.id).await.unwrap(), Some(Erasure { is_done: true, ..note }));
    for _ in 0..2 {
        ledger.forget_erasure(task.id).await.unwrap();
        assert_eq!(ledger.erasure(task.id).await.unwrap(), None);
        ledger.mark_erased(task.id).await.unwrap();
        assert_eq!(ledger.erasure(task.id).await.unwrap(), None, "a note that is gone stays gone");
    }
    eventually(false, async || unsettled(ledger, &task).await).await;
}

async fn unsettled(ledger: &impl Ledger, task: &filas_domain::task::Task) -> bool {
    let mut after = None;
    loop {
        let page = ledger.unsettled(after, 100).await.unwrap();
        let Some(last) = page.last() else { return false };
        if page.contains(&task.id) {
            return true;
        }
        after = Some(*last);
    }
}

pub(super) async fn a_worker_counts_nothing_for_a_task_that_is_taken_away(ledger: &impl Ledger) {
    let task = samples::task();
    ledger.register(&task, None).await.unwrap();
    let claim = samples::claim(task.id, 0, "me");
    ledger.write_batches(std::slice::from_ref(&claim)).await.unwrap();
    ledger.take_away(&task, samples::NOW).await.unwrap();
    let counts = Counts { succeeded: samples::ROWS.into(), ..Counts::default() };
    let progress = Progress { rows: samples::ROWS, bytes: 1000, counts, ..Progress::default() };
    let done = BatchChange { after: claim.after.recorded(&progress, samples::NOW), before: claim.after };
    assert_stale(&ledger.write_batches(&[done]).await, "a count for a task that is gone");
}

pub(super) async fn batches_are_erased_and_those_of_others_stay(ledger: &impl Ledger) {
    let (task, other) = (samples::task(), samples::task());
    for task in [&task, &other] {
        ledger.register(task, None).await.unwrap();
        for number in (0..60).chain([99_999]) {
            ledger.write_batches(&[samples::claim(task.id, number, "me")]).await.unwrap();
        }
    }
    ledger.take_away(&task, samples::NOW).await.unwrap();
    for _ in 0..2 {
        ledger.erase_batches(task.id).await.unwrap();
        let (from, until) = (BatchNumber::new(0), BatchNumber::new(100_000));
        assert_eq!(ledger.claimed_batches(task.id, from, until).await.unwrap(), []);
        assert_eq!(ledger.claimed_batches(other.id, from, until).await.unwrap().len(), 61);
    }
    assert!(ledger.erasure(task.id).await.unwrap().is_some(), "the note is no batch");
    assert!(ledger.task(other.id).await.unwrap().is_some());
}

/// A bucket out of which tasks are erased.
///
/// # Panics
/// Where it does not do what the port says.
pub async fn object_eraser(objects: &(impl ObjectReader + ObjectWriter + ObjectEraser)) {
    let (task, other) = (samples::task().id, samples::task().id);
    let keys = |task| {
        let parts = (0..20).map(move |number| ObjectKey::part(task, BatchNumber::new(number), 1));
        [ObjectKey::upload(task), ObjectKey::rows(task), ObjectKey::index(task), ObjectKey::columns(task)]
            .into_iter()
            .chain(parts)
    };
    for key in keys(task).chain(keys(other)) {
        objects.put(&key, "text/plain", b"x".to_vec()).await.unwrap();
    }
    for _ in 0..2 {
        objects.erase_objects(task).await.unwrap();
        for key in keys(task) {
            assert_eq!(objects.size(&key).await.unwrap(), None, "{key}");
        }
    }
    for key in keys(other) {
        assert_eq!(objects.size(&key).await.unwrap(), Some(1), "{key} is another's");
    }
}
