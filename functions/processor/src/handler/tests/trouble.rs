//! Something fails, once.

use filas_domain::TaskId;
use filas_domain::batch::AttemptResult::{self, Done, Failed, Lost};
use filas_domain::keys::ObjectKey;
use filas_domain::task::TaskState;
use filas_domain::{BatchNumber, PipelineRef};

use super::fragile::{At, Strike};
use super::world::{VERSION_WHEN_SPLIT, World, settled};

const OUTCOMES: [&str; 3] = ["2 succeeded", "3 INVALID_ROW", "4 succeeded"];

/// One batch; `strike` at `at`. The first delivery comes to `first`, and in the end everything is counted once, after
/// attempts that ended so.
async fn check(at: At, strike: Strike, first: (usize, usize), attempts: &[AttemptResult]) -> (World, TaskId) {
    let world = World::new();
    let id = world.pure_task(3, &[1, 0, 1]).await;
    world.fate.strike(at, strike);
    assert_eq!(world.invoke().await, settled(first.0, first.1), "{at:?} {strike:?}");
    assert!(world.fate.is_done(), "{at:?} {strike:?}: it has struck");
    world.invoke_until_settled().await;
    assert_eq!(world.outcomes(id).await, OUTCOMES, "{at:?} {strike:?}");
    let attempts: Vec<_> = attempts.iter().map(|result| Some(*result)).collect();
    assert_eq!(world.attempts(id, 0), attempts, "{at:?} {strike:?}");
    let task = world.stored(id).await;
    assert_eq!((task.head.state, task.version), (TaskState::CompletedWithFailures, VERSION_WHEN_SPLIT + 1));
    (world, id)
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_cannot_be_stored_are_made_again_and_counted_once() {
    let (world, id) = check(At::Of("put", 1), Strike::FailBefore, (0, 1), &[Failed, Done]).await;
    let error = world.batch(id, 0).attempts[0].error.clone().unwrap();
    assert!(error.contains("put: fails as the test asked"), "{error}");
    assert_eq!(world.parts(), [ObjectKey::part(id, BatchNumber::new(0), 2)]);
    // What was stored all the same is an object that no batch refers to.
    let (world, _) = check(At::Of("put", 1), Strike::FailAfter, (0, 1), &[Failed, Done]).await;
    assert_eq!(world.parts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn rows_that_cannot_be_read_are_read_again() {
    // The first that is read is the text of the pipeline.
    check(At::Of("get", 1), Strike::FailBefore, (0, 1), &[Failed, Done]).await;
    check(At::Of("get", 2), Strike::FailBefore, (0, 1), &[Failed, Done]).await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_fails_is_made_again() {
    check(At::Of("write_batches", 1), Strike::FailBefore, (0, 1), &[Done]).await;
    // It holds a lease that it does not know of.
    check(At::Of("write_batches", 1), Strike::FailAfter, (0, 1), &[Lost, Done]).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_closing_fails_is_counted_once() {
    check(At::Of("write_batches", 2), Strike::FailBefore, (0, 1), &[Failed, Done]).await;
    check(At::Of("write_batches", 2), Strike::FailAfter, (0, 1), &[Done]).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_cannot_even_be_given_back_comes_again_after_its_lease() {
    let world = World::new();
    let id = world.pure_task(3, &[1, 0, 1]).await;
    world.fate.strike(At::Of("put", 1), Strike::FailBefore);
    world.fate.strike(At::Of("write_batches", 2), Strike::FailBefore);
    assert_eq!(world.invoke().await, settled(0, 1));
    world.invoke_until_settled().await;
    assert_eq!(world.attempts(id, 0), [Some(Lost), Some(Done)]);
    assert_eq!(world.outcomes(id).await, OUTCOMES);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_between_the_last_batch_and_the_end_of_the_task_is_made_up_for() {
    // The task is read first for its pipeline, and again when its batches are counted.
    for at in [At::Of("task", 2), At::Of("write_head", 1)] {
        check(at, Strike::FailBefore, (0, 1), &[Done]).await;
        check(at, Strike::DieBefore, (0, 1), &[Done]).await;
        check(at, Strike::FailAfter, (0, 1), &[Done]).await;
        check(at, Strike::DieAfter, (0, 1), &[Done]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_postponed_comes_after_its_visibility_timeout() {
    let world = World::new();
    let id = world.pure_task(3, &[1, 0, 1]).await;
    world.fate.strike(At::Of("put", 1), Strike::FailBefore);
    world.fate.strike(At::Of("postpone", 1), Strike::FailBefore);
    assert_eq!(world.invoke().await, settled(0, 1));
    world.invoke_until_settled().await;
    assert_eq!(world.outcomes(id).await, OUTCOMES);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_is_not_there_is_trouble_that_the_batch_remembers() {
    let world = World::new();
    let id = world.pure_task(3, &[1, 0, 1]).await;
    let pure = PipelineRef { name: "pure".into(), version: "1".into() };
    world.objects.forget(&ObjectKey::pipeline(&"acme".parse().unwrap(), &pure));
    assert_eq!(world.invoke().await, settled(0, 1));
    let attempt = &world.batch(id, 0).attempts[0];
    assert_eq!(attempt.result, Some(Failed));
    assert!(attempt.error.as_deref().unwrap().contains("pipelines/acme/pure/1.yaml"), "{attempt:?}");
}
