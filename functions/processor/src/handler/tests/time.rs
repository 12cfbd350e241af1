//! Batches that do not fit into an invocation.

use std::time::Duration;

use filas_domain::batch::AttemptResult::{Done, Failed, HandedOn};
use filas_domain::ports::Clock as _;
use filas_domain::task::TaskState;

use super::fragile::{At, Strike};
use super::world::{DELIVERIES, TIME_LIMIT, World, settled};

/// Outcomes of so many rows that all succeed.
fn succeeded(rows: u32) -> Vec<String> {
    (2..rows + 2).map(|row| format!("{row} succeeded")).collect()
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_handed_on_and_uses_up_no_delivery() {
    let world = World::new();
    // Two of the three waves of 16 rows fit.
    let id = world.slow_task(40, &[10; 40]).await;
    assert_eq!(world.invoke().await, settled(1, 0));
    assert_eq!(world.queue.bodies().len(), 1, "the rest is a message of its own");
    assert_eq!(world.outcomes(id).await, succeeded(32));
    assert_eq!(world.stored(id).await.head.state, TaskState::Processing);

    let [rest] = world.queue.receive(10).try_into().unwrap();
    assert_eq!(rest.receive_count, 1);
    world.queue.delete(&rest.receipt_handle);
    world.queue.send_body(rest.body);
    assert_eq!(world.invoke().await, settled(1, 0));
    assert_eq!(world.outcomes(id).await, succeeded(40));
    assert_eq!(world.attempts(id, 0), [Some(HandedOn), Some(Done)]);
    // Two of checkpoints, and the rest.
    assert_eq!(world.parts().len(), 3);
    assert_eq!(world.stored(id).await.head.state, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn what_a_worker_recorded_on_its_way_is_not_processed_again_when_it_dies() {
    // Waves of 16 rows: what ended in the first two is recorded after each; then the worker dies.
    for (at, recorded) in [(At::Of("put", 1), 0), (At::Of("put", 2), 16)] {
        for strike in [Strike::DieBefore, Strike::DieAfter, Strike::FailBefore, Strike::FailAfter] {
            let world = World::new();
            let id = world.slow_task(34, &[10; 34]).await;
            world.fate.strike(at, strike);
            assert_eq!(world.invoke().await, settled(0, 1), "{at:?} {strike:?}");
            assert_eq!(world.outcomes(id).await, succeeded(recorded), "{at:?} {strike:?}");
            assert_eq!(world.stored(id).await.tally.counts.succeeded, u64::from(recorded), "counted at once");
            world.invoke_until_settled().await;
            assert_eq!(world.outcomes(id).await, succeeded(34), "{at:?} {strike:?}");
            assert_eq!(world.stored(id).await.head.state, TaskState::Completed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hand_on_that_cannot_be_sent_is_not_lost() {
    for strike in [Strike::FailBefore, Strike::FailAfter, Strike::DieBefore, Strike::DieAfter] {
        let world = World::new();
        let id = world.slow_task(40, &[10; 40]).await;
        world.fate.strike(At::Of("send", 1), strike);
        assert_eq!(world.invoke().await, settled(0, 1), "{strike:?}");
        assert_eq!(world.outcomes(id).await, succeeded(32), "{strike:?}");
        world.invoke_until_settled().await;
        assert_eq!(world.outcomes(id).await, succeeded(40), "{strike:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_takes_longer_than_an_invocation_is_trouble_and_not_handed_on_for_ever() {
    let world = World::new();
    let id = world.slow_task(2, &[60, 0]).await;
    for delivery in 1..=DELIVERIES {
        let before = world.queue.bodies();
        assert_eq!(world.invoke().await, settled(0, 1), "delivery {delivery}");
        assert_eq!(world.queue.bodies(), before, "nothing is handed on");
        tokio::time::sleep(Duration::from_secs(300)).await;
    }
    assert_eq!(world.invoke().await, settled(0, 0));
    assert_eq!(world.queue.dead().len(), 1);
    assert_eq!(world.attempts(id, 0), [Some(Failed); DELIVERIES as usize]);
    let error = world.batch(id, 0).attempts[0].error.clone().unwrap();
    assert!(error.contains("no row ended within the worker's time"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_turn_at_the_partner_does_not_come_is_handed_on_and_uses_up_no_delivery() {
    let world = World::new();
    let id = world.rated_task(3).await;
    world.others_have_all_turns(Duration::from_secs(3600)).await;
    let times = DELIVERIES as usize + 1;
    for time in 1..=times {
        let begun = world.clock.now();
        assert_eq!(world.invoke().await, settled(1, 0), "time {time}");
        assert_eq!(world.queue.bodies().len(), 1, "it is a message of its own again");
        let took = world.clock.now().since(begun);
        assert!(took > TIME_LIMIT / 2, "it was sent on after {took:?}, to wait all over again");
    }
    assert_eq!(world.attempts(id, 0), vec![Some(HandedOn); times]);
    assert_eq!(world.queue.dead(), [""; 0]);
    assert_eq!(world.stored(id).await.head.state, TaskState::Processing);
}

#[tokio::test(start_paused = true)]
async fn batches_that_only_came_behind_slow_ones_use_up_no_delivery() {
    let world = World::new();
    // Each batch takes most of an invocation, and ten come at once: more than there are deliveries.
    let id = world.slow_task(1, &[20; 10]).await;
    world.invoke_until_settled().await;
    assert_eq!(world.outcomes(id).await, succeeded(10));
    let failed = |number| world.attempts(id, number).contains(&Some(Failed));
    assert!((0..10).all(|number| !failed(number)), "no batch is blamed for the time that another took");
    assert_eq!(world.stored(id).await.head.state, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_not_begun_when_the_time_is_up() {
    let world = World::new();
    let id = world.slow_task(1, &[28, 1]).await;
    // The outcomes of the first batch take so long to be stored that there is no time for the second.
    world.fate.strike(At::Of("put", 1), Strike::Stall);
    assert_eq!(world.invoke().await, settled(2, 0));
    assert_eq!(world.outcomes(id).await, ["2 succeeded"]);
    assert_eq!(world.ledger.all_batches(id).len(), 1, "the second is not even claimed");
    world.invoke_until_settled().await;
    assert_eq!(world.outcomes(id).await, succeeded(2));
}
