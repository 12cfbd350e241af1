//! Registrations, and the keys that keep them from happening twice.

use std::time::Duration;

use filas_domain::ports::{IdempotencyKey, Registered, TaskLedger, TaskRegister};
use futures::future::join_all;

use super::{assert_permanent, samples};

fn key(text: &str, fingerprint: &str) -> IdempotencyKey {
    let expires = samples::NOW.plus(Duration::from_secs(60));
    IdempotencyKey { key: text.to_owned(), fingerprint: fingerprint.to_owned(), expires }
}

pub(super) async fn a_registration_can_be_repeated(ledger: &(impl TaskLedger + TaskRegister)) {
    let (task, key) = (samples::task(), key(&samples::key(), "same"));
    for key in [None, Some(&key)] {
        let task = samples::task_after(&task.head.order.owner, 5);
        for _ in 0..2 {
            assert_eq!(ledger.register(&task, key).await.unwrap(), Registered::New);
        }
        let mut other = task.clone();
        other.head.order.size += 1;
        if key.is_none() {
            assert_permanent(ledger.register(&other, None).await, "another task with the same id");
        }
        assert_eq!(ledger.task(task.id).await.unwrap(), Some(task));
    }
}

pub(super) async fn a_key_makes_one_task(ledger: &(impl TaskLedger + TaskRegister)) {
    let owner = samples::owner();
    let (first, second) = (samples::task_after(&owner, 0), samples::task_after(&owner, 1));
    let text = samples::key();
    assert_eq!(ledger.register(&first, Some(&key(&text, "one"))).await.unwrap(), Registered::New);
    let before = Registered::Before { task: first.id, fingerprint: "one".into() };
    for fingerprint in ["one", "two"] {
        assert_eq!(ledger.register(&second, Some(&key(&text, fingerprint))).await.unwrap(), before);
    }
    assert_eq!(ledger.task(second.id).await.unwrap(), None);
    // Another key of the same owner, and the same key of another owner.
    assert_eq!(ledger.register(&second, Some(&key(&samples::key(), "one"))).await.unwrap(), Registered::New);
    assert_eq!(ledger.register(&samples::task(), Some(&key(&text, "two"))).await.unwrap(), Registered::New);
}

pub(super) async fn a_key_is_forgotten_when_it_expires(ledger: &(impl TaskLedger + TaskRegister)) {
    let (owner, text) = (samples::owner(), samples::key());
    let at = |millis| samples::task_after(&owner, millis);
    let (first, just_before, then, after) = (at(0), at(59_999), at(60_000), at(60_001));
    let renewed = IdempotencyKey { expires: then.head.created.plus(Duration::from_secs(60)), ..key(&text, "two") };
    assert_eq!(ledger.register(&first, Some(&key(&text, "one"))).await.unwrap(), Registered::New);
    let before = Registered::Before { task: first.id, fingerprint: "one".into() };
    assert_eq!(ledger.register(&just_before, Some(&renewed)).await.unwrap(), before);
    assert_eq!(ledger.register(&then, Some(&renewed)).await.unwrap(), Registered::New);
    let before = Registered::Before { task: then.id, fingerprint: "two".into() };
    assert_eq!(ledger.register(&after, Some(&renewed)).await.unwrap(), before);
}

pub(super) async fn a_key_is_remembered_by_its_owner(ledger: &(impl TaskLedger + TaskRegister)) {
    let (task, text) = (samples::task(), samples::key());
    let (owner, now) = (&task.head.order.owner, samples::NOW);
    assert!(!ledger.remembers(owner, &text, now).await.unwrap());
    ledger.register(&task, Some(&key(&text, "one"))).await.unwrap();
    assert!(ledger.remembers(owner, &text, now).await.unwrap());
    assert!(!ledger.remembers(&samples::owner(), &text, now).await.unwrap(), "it is another's");
    assert!(!ledger.remembers(owner, &text, now.plus(Duration::from_secs(61))).await.unwrap(), "it is forgotten");
}

pub(super) async fn of_many_requests_with_one_key_one_makes_a_task(ledger: &(impl TaskLedger + TaskRegister)) {
    let (owner, key) = (samples::owner(), key(&samples::key(), "same"));
    let tasks: Vec<_> = (0..8).map(|millis| samples::task_after(&owner, millis)).collect();
    let answers = join_all(tasks.iter().map(|task| ledger.register(task, Some(&key)))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let winner = answers.iter().position(|answer| *answer == Registered::New).unwrap();
    let before = Registered::Before { task: tasks[winner].id, fingerprint: "same".into() };
    assert_eq!(answers.iter().filter(|answer| **answer == before).count(), 7, "{answers:?}");
    for (position, task) in tasks.iter().enumerate() {
        assert_eq!(ledger.task(task.id).await.unwrap().is_some(), position == winner);
    }
}
