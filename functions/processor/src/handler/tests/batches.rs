//! What becomes of messages when nothing fails.

use filas_domain::batch::AttemptResult;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::{BatchLedger, ObjectWriter};
use filas_domain::task::TaskState;
use filas_domain::{BatchNumber, TaskId};

use super::fragile::{At, Strike};
use super::world::{VERSION_WHEN_SPLIT, World, settled};

const QUANTITIES: [i64; 5] = [1, 0, 1, 1, 0];
const OUTCOMES: [&str; 5] = ["2 succeeded", "3 INVALID_ROW", "4 succeeded", "5 succeeded", "6 INVALID_ROW"];

#[tokio::test(start_paused = true)]
async fn batches_of_one_invocation_share_an_object_and_a_bad_row_fails_none_of_them() {
    let world = World::new();
    let id = world.pure_task(2, &QUANTITIES).await;
    assert_eq!(world.invoke().await, settled(3, 0));

    assert_eq!(world.outcomes(id).await, OUTCOMES);
    assert_eq!(world.parts(), [ObjectKey::part(id, BatchNumber::new(0), 1)]);
    let task = world.stored(id).await;
    assert_eq!(task.head.state, TaskState::CompletedWithFailures);
    assert_eq!(task.version, VERSION_WHEN_SPLIT + 1, "it ended once");
    assert_eq!((task.tally.done, task.tally.attempts), (3, 3));
    assert_eq!((task.tally.counts.succeeded, task.tally.counts.failed_by_code["INVALID_ROW"]), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_bad_row_is_completed() {
    let world = World::new();
    let id = world.pure_task(2, &[1, 1, 1]).await;
    world.invoke().await;
    assert_eq!(world.stored(id).await.head.state, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn messages_that_come_again_change_nothing() {
    let world = World::new();
    let id = world.pure_task(2, &QUANTITIES).await;
    world.invoke().await;
    let before = (world.stored(id).await, world.ledger.all_batches(id), world.objects.keys());

    world.send_again(id).await;
    assert_eq!(world.invoke().await, settled(3, 0));
    assert_eq!((world.stored(id).await, world.ledger.all_batches(id), world.objects.keys()), before);
}

#[tokio::test(start_paused = true)]
async fn two_messages_for_one_batch_in_one_invocation_are_counted_once() {
    let world = World::new();
    let id = world.pure_task(10, &QUANTITIES).await;
    let body = world.queue.bodies().remove(0);
    world.queue.send_body(body);
    assert_eq!(world.invoke().await, settled(2, 0), "the second is not needed: the first has the batch");
    world.invoke_until_settled().await;
    assert_eq!(world.outcomes(id).await, OUTCOMES);
    assert_eq!(world.stored(id).await.version, VERSION_WHEN_SPLIT + 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_read_comes_again_and_its_siblings_are_done() {
    let world = World::new();
    let id = world.pure_task(3, &QUANTITIES).await;
    let newer = world.queue.bodies()[0].replace("\"version\":1", "\"version\":2");
    for body in ["poison", "{}", &newer] {
        world.queue.send_body(body);
    }
    assert_eq!(world.invoke().await, settled(2, 3));
    assert_eq!(world.queue.bodies(), ["poison", "{}", &newer]);
    assert_eq!(world.outcomes(id).await, OUTCOMES);
}

#[tokio::test(start_paused = true)]
async fn tasks_in_one_invocation_do_not_mix() {
    let world = World::new();
    let one = world.pure_task(1, &[1, 0]).await;
    let slow = world.slow_task(2, &[1, 0, 2]).await;
    let other = world.pure_task(2, &[0, 1, 1]).await;
    assert_eq!(world.invoke().await, settled(6, 0));

    assert_eq!(world.outcomes(one).await, ["2 succeeded", "3 INVALID_ROW"]);
    assert_eq!(world.outcomes(slow).await, ["2 succeeded", "3 succeeded", "4 succeeded"]);
    assert_eq!(world.outcomes(other).await, ["2 INVALID_ROW", "3 succeeded", "4 succeeded"]);
    for (id, state) in [
        (one, TaskState::CompletedWithFailures),
        (slow, TaskState::Completed),
        (other, TaskState::CompletedWithFailures),
    ] {
        let task = world.stored(id).await;
        assert_eq!((task.head.state, task.version), (state, VERSION_WHEN_SPLIT + 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_in_trouble_does_not_hold_up_another() {
    let world = World::new();
    let one = world.pure_task(2, &[1]).await;
    let other = world.pure_task(2, &[1]).await;
    world.fate.strike(At::Of("task", 1), Strike::FailBefore);
    assert_eq!(world.invoke().await, settled(1, 1));
    assert_eq!(world.stored(one).await.head.state, TaskState::Processing);
    assert_eq!(world.stored(other).await.head.state, TaskState::Completed);
}

#[tokio::test(start_paused = true)]
async fn the_messages_of_a_deleted_task_are_dropped() {
    let world = World::new();
    let id = world.pure_task(2, &QUANTITIES).await;
    world.ledger.forget(id);
    assert_eq!(world.invoke().await, settled(3, 0));
    assert_eq!(world.ledger.all_batches(id), []);
    assert_eq!(world.parts(), []);
}

/// Puts `damaged` in the place of the first line of the rows object: the batch of that line is in trouble and not its
/// sibling.
async fn check_damage(damaged: impl Fn(&str) -> String, trouble: &str) {
    let world = World::new();
    let id = world.pure_task(1, &[1, 1]).await;
    let lines = String::from_utf8(world.objects.bytes(&ObjectKey::rows(id)).unwrap()).unwrap();
    let first = lines.lines().next().unwrap();
    let wrong = damaged(first);
    assert_eq!(wrong.len(), first.len(), "the next line stays where it is");
    world
        .objects
        .put(&ObjectKey::rows(id), "application/x-ndjson", lines.replacen(first, &wrong, 1).into())
        .await
        .unwrap();

    assert_eq!(world.invoke().await, settled(1, 1), "{trouble}");
    assert_eq!(world.outcomes(id).await, ["3 succeeded"]);
    assert_error(&world, id, 0, trouble);
}

fn assert_error(world: &World, id: TaskId, number: u32, part: &str) {
    let attempt = world.batch(id, number).attempts.pop().unwrap();
    let error = attempt.error.unwrap_or_default();
    assert!(error.contains(part), "'{error}' does not say '{part}'");
    assert_eq!(attempt.result, Some(AttemptResult::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_rows_object_is_trouble_of_the_batch_and_not_of_a_row() {
    check_damage(|line| "x".repeat(line.len()), "the rows object is damaged").await;
    check_damage(|line| line.replacen("\"row\":2", "\n\"row\":", 1), "2 lines where 1 rows are left").await;
    check_damage(|line| line.replacen("record", "recorx", 1), "a record or an error").await;
}

#[tokio::test(start_paused = true)]
async fn a_rows_object_that_is_gone_is_trouble_until_it_is_there_again() {
    let world = World::new();
    let id = world.pure_task(3, &QUANTITIES).await;
    let rows = world.objects.bytes(&ObjectKey::rows(id)).unwrap();
    world.objects.forget(&ObjectKey::rows(id));
    assert_eq!(world.invoke().await, settled(0, 2));
    assert_error(&world, id, 0, "there is no such object");
    assert_error(&world, id, 1, "there is no such object");

    world.objects.put(&ObjectKey::rows(id), "application/x-ndjson", rows).await.unwrap();
    world.invoke_until_settled().await;
    assert_eq!(world.outcomes(id).await, OUTCOMES);
    assert_eq!(world.ledger.batches(id, &[BatchNumber::new(0)]).await.unwrap()[0].attempts.len(), 2);
}
