//! What the fakes do beyond the contracts: failing on demand, and time.

use std::time::Duration;

use filas_domain::ids::BatchNumber;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::{
    BatchLedger as _, BatchQueue as _, Deliveries as _, ObjectReader as _, ObjectStream as _, ObjectWriter as _,
    TaskLedger as _, TaskRegister as _, WriteError,
};

use super::{ManualClock, MemoryLedger, MemoryObjects, MemoryQueue};
use crate::contract::samples;

#[tokio::test]
async fn a_planned_failure_happens_before_or_after_the_effect() {
    let ledger = MemoryLedger::new();
    let task = samples::task();
    ledger.register(&task, None).await.unwrap();
    let claim = [samples::claim(task.id, 0, "me")];
    ledger.fail_next("write_batches", 2);
    ledger.lose_answers("write_batches", 1);
    for written in [0, 0, 1] {
        let error = ledger.write_batches(&claim).await.unwrap_err();
        assert!(matches!(&error, WriteError::Port(error) if error.is_transient()), "{error:?}");
        assert_eq!(ledger.batches(task.id, &[BatchNumber::new(0)]).await.unwrap().len(), written);
    }
    assert!(matches!(ledger.write_batches(&claim).await, Err(WriteError::Stale)));
}

#[tokio::test]
async fn a_lost_answer_of_a_write_that_was_stale_is_stale() {
    let ledger = MemoryLedger::new();
    let task = samples::task();
    ledger.lose_answers("write_head", 1);
    assert!(matches!(ledger.write_head(&task, &task.head).await, Err(WriteError::Stale)));
}

#[test]
#[should_panic(expected = "there is no operation 'write_batch' that could fail")]
fn a_failure_of_nothing_is_a_mistake_of_the_test() {
    MemoryLedger::new().fail_next("write_batch", 1);
}

#[tokio::test]
async fn an_object_whose_answer_was_lost_is_there() {
    let (objects, key) = (MemoryObjects::new(), ObjectKey::rows(samples::task().id));
    objects.lose_answers("complete", 1);
    let mut stream = objects.create(&key, "text/plain").await.unwrap();
    stream.append(b"here".to_vec()).await.unwrap();
    assert!(stream.complete().await.is_err());
    assert_eq!(objects.get(&key, None).await.unwrap(), b"here");
    assert_eq!(objects.media_type(&key).as_deref(), Some("text/plain"));
    assert_eq!(objects.keys(), std::slice::from_ref(&key));
    objects.forget(&key);
    assert_eq!(objects.bytes(&key), None);
}

#[tokio::test]
async fn a_task_that_is_forgotten_leaves_its_batches() {
    let ledger = MemoryLedger::new();
    let task = samples::task();
    ledger.register(&task, None).await.unwrap();
    ledger.write_batches(&[samples::claim(task.id, 0, "me")]).await.unwrap();
    ledger.forget(task.id);
    assert_eq!(ledger.task(task.id).await.unwrap(), None);
    assert_eq!(ledger.all_batches(task.id).len(), 1);
}

#[tokio::test]
async fn a_message_comes_again_until_it_is_dead() {
    let clock = ManualClock::default();
    let queue = MemoryQueue::new("batch", &clock, Duration::from_secs(30), 2);
    queue.send_body("poison");
    queue.send(&samples::owner(), samples::trace(), &[samples::message(samples::task().id, 0)]).await.unwrap();
    let [first, second] = <[_; 2]>::try_from(queue.receive(10)).unwrap();
    queue.delete(&second.receipt_handle);
    assert_eq!((first.body.as_str(), first.receive_count), ("poison", 1));
    clock.advance(Duration::from_secs(29));
    assert_eq!(queue.receive(10), []);
    clock.advance(Duration::from_secs(1));
    let again = queue.receive(10).remove(0);
    assert_eq!((&again.message_id, again.receive_count), (&first.message_id, 2));
    assert!(queue.postpone(&first.receipt_handle, Duration::ZERO).await.is_err(), "an old receipt handle");
    assert_eq!(queue.dead(), [""; 0]);
    clock.advance(Duration::from_secs(30));
    assert_eq!(queue.receive(10), []);
    assert_eq!(queue.dead(), ["poison"]);
    assert_eq!(queue.bodies(), [""; 0]);
}
