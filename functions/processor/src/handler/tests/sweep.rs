//! Everything that can fail once, or twice, does: whatever the call, and whichever way it goes wrong, in the end every row
//! has one outcome, the books balance, and the task has ended once.

use filas_domain::TaskId;
use filas_domain::task::TaskState;

use super::fragile::{At, Strike};
use super::world::{VERSION_WHEN_SPLIT, World};

/// Two batches that are processed together, with a bad row in each.
async fn together(world: &World) -> (TaskId, Vec<String>) {
    let id = world.pure_task(2, &[1, 0, 0, 1]).await;
    let outcomes = ["2 succeeded", "3 INVALID_ROW", "4 INVALID_ROW", "5 succeeded"];
    (id, outcomes.map(str::to_owned).into())
}

/// Two batches that are processed one after the other and do not fit into an invocation: the second is handed on with one
/// row done, and once more with none, behind nothing.
async fn one_by_one(world: &World) -> (TaskId, Vec<String>) {
    let id = world
        .slow_task(18, &[[10; 18], [1, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20]].concat())
        .await;
    (id, (2..38).map(|row| format!("{row} succeeded")).collect())
}

/// Settles everything under these strikes, and says whether all of them struck.
async fn survive(
    scenario: impl AsyncFn(&World) -> (TaskId, Vec<String>),
    deliveries: u32,
    strikes: &[(usize, Strike)],
) -> bool {
    let world = World::with_deliveries(deliveries);
    let (id, expected) = scenario(&world).await;
    for (call, strike) in strikes {
        world.fate.strike(At::Call(*call), *strike);
    }
    world.invoke_until_settled().await;
    let happened = || format!("{strikes:?}, {:?}", world.fate.calls());
    assert_eq!(world.outcomes(id).await, expected, "{}", happened());
    let task = world.stored(id).await;
    assert!(matches!(task.head.state, TaskState::Completed | TaskState::CompletedWithFailures), "{}", happened());
    assert_eq!(task.version, VERSION_WHEN_SPLIT + 1, "it ended once: {}", happened());
    assert_eq!(task.head.total, Some(task.tally.counts.rows()));
    world.fate.is_done()
}

/// Strikes at every call in every way, and says how many calls there were.
async fn check_every_call(scenario: impl AsyncFn(&World) -> (TaskId, Vec<String>)) -> usize {
    let mut calls = 0;
    for strike in Strike::ALL {
        let mut call = 1;
        while survive(&scenario, super::world::DELIVERIES, &[(call, strike)]).await {
            call += 1;
        }
        calls = calls.max(call - 1);
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_once_nothing_is_lost_and_nothing_is_counted_twice() {
    assert!(check_every_call(together).await >= 9);
    assert!(check_every_call(one_by_one).await >= 20);
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_twice_nothing_is_lost_and_nothing_is_counted_twice() {
    for first in Strike::ALL {
        for second in Strike::ALL {
            let mut call = 1;
            while survive(together, 10, &[(call, first)]).await {
                let mut next = call + 1;
                while survive(together, 10, &[(call, first), (next, second)]).await {
                    next += 1;
                }
                call += 1;
            }
        }
    }
}
