//! Two workers and one batch.

use std::time::Duration;

use filas_domain::batch::AttemptResult::{Done, Lost};
use filas_domain::task::TaskState;

use super::fragile::{At, STALL, Strike};
use super::world::{TIME_LIMIT, VERSION_WHEN_SPLIT, World, settled};
use crate::handler::CLOCK_SKEW;

const OUTCOMES: [&str; 3] = ["2 succeeded", "3 INVALID_ROW", "4 succeeded"];

#[tokio::test(start_paused = true)]
async fn a_message_that_is_delivered_twice_waits_until_the_lease_of_its_batch_ends() {
    let world = World::new();
    let id = world.pure_task(3, &[1, 0, 1]).await;
    world.fate.strike(At::Of("get", 2), Strike::DieBefore);
    let second = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.queue.deliver_again();
        let before = world.batch(id, 0);
        assert_eq!(before.lease_until.since(before.attempts[0].started), TIME_LIMIT + CLOCK_SKEW);
        assert_eq!(world.invoke_as("second").await, settled(0, 1));
        assert_eq!(world.batch(id, 0), before, "a refused claim changes nothing");
        // Not a second too early: what is postponed uses up no delivery.
        tokio::time::sleep(TIME_LIMIT + CLOCK_SKEW - Duration::from_secs(6)).await;
        assert_eq!(world.invoke_as("second").await, settled(0, 0));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(world.invoke_as("second").await, settled(1, 0));
    };
    futures::join!(world.invoke_as("first"), second);
    assert_eq!(world.attempts(id, 0), [Some(Lost), Some(Done)]);
    assert_eq!(world.outcomes(id).await, OUTCOMES);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_not_needed_while_a_worker_that_came_by_another_has_the_batch() {
    let world = World::new();
    let id = world.pure_task(3, &[1, 0, 1]).await;
    let body = world.queue.bodies().remove(0);
    world.fate.strike(At::Of("get", 2), Strike::DieBefore);
    let second = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.queue.send_body(body);
        assert_eq!(world.invoke_as("second").await, settled(1, 0), "it must not use up its deliveries by waiting");
    };
    futures::join!(world.invoke_as("first"), second);
    // The first worker died. Its own message comes again.
    world.invoke_until_settled().await;
    assert_eq!(world.attempts(id, 0), [Some(Lost), Some(Done)]);
    assert_eq!(world.outcomes(id).await, OUTCOMES);
}

/// The first worker stalls at `at` for longer than its lease, and a second one takes its batch over.
async fn check_take_over(at: At) {
    let world = World::new();
    let id = world.pure_task(3, &[1, 0, 1]).await;
    let body = world.queue.bodies().remove(0);
    world.fate.strike(at, Strike::Stall);
    let second = async {
        tokio::time::sleep(STALL - Duration::from_secs(10)).await;
        world.queue.send_body(body);
        assert_eq!(world.invoke_as("second").await, settled(1, 0), "{at:?}");
        world.stored(id).await
    };
    let (first, ended) = futures::join!(world.invoke_as("first"), second);
    assert_eq!(first, settled(0, 1), "{at:?}: it comes again and finds the batch closed");
    assert_eq!(ended.head.state, TaskState::CompletedWithFailures);
    assert_eq!(world.stored(id).await, ended, "{at:?}: the late worker changes nothing");
    assert_eq!(world.attempts(id, 0), [Some(Lost), Some(Done)], "{at:?}");

    world.invoke_until_settled().await;
    assert_eq!(world.outcomes(id).await, OUTCOMES);
    assert_eq!(world.stored(id).await.version, VERSION_WHEN_SPLIT + 1);
    assert!(world.fate.is_done());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_outlived_its_lease_cannot_write_any_more() {
    check_take_over(At::Of("get", 2)).await;
    check_take_over(At::Of("put", 1)).await;
    check_take_over(At::Of("write_batches", 2)).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_taken_over_does_not_keep_its_siblings_from_being_counted() {
    let world = World::new();
    let id = world.pure_task(1, &[1, 0, 1]).await;
    let body = world.queue.bodies().remove(1);
    world.fate.strike(At::Of("put", 1), Strike::Stall);
    let second = async {
        tokio::time::sleep(STALL - Duration::from_secs(10)).await;
        world.queue.send_body(body);
        assert_eq!(world.invoke_as("second").await, settled(1, 0));
    };
    let (first, ()) = futures::join!(world.invoke_as("first"), second);
    assert_eq!(first, settled(2, 1));
    assert_eq!(world.outcomes(id).await, OUTCOMES);
    assert_eq!(world.batch(id, 1).attempts[1].worker, "second");
    assert_eq!(world.stored(id).await.head.state, TaskState::CompletedWithFailures);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_deleted_under_the_hands_of_a_worker_is_dropped() {
    for at in [At::Of("write_batches", 1), At::Of("put", 1), At::Of("write_batches", 2)] {
        let world = World::new();
        let id = world.pure_task(3, &[1, 0, 1]).await;
        let ledger = world.ledger.clone();
        world.fate.before(at, move || ledger.forget(id));
        world.invoke_until_settled().await;
        assert!(world.fate.is_done(), "{at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_deleted_before_a_batch_is_claimed_again_is_dropped() {
    let world = World::new();
    let id = world.pure_task(3, &[1, 0, 1]).await;
    world.fate.strike(At::Of("put", 1), Strike::FailBefore);
    assert_eq!(world.invoke().await, settled(0, 1));
    // Its batches stay a while longer than itself.
    let ledger = world.ledger.clone();
    let claims = world.fate.calls().iter().filter(|call| **call == "write_batches").count();
    world.fate.before(At::Of("write_batches", claims + 1), move || ledger.forget(id));
    world.invoke_until_settled().await;
    assert!(world.fate.is_done());
    assert_eq!(world.ledger.all_batches(id).len(), 1);
}
