//! A task that is paused, cancelled or redriven while its messages are on their way.

use filas_domain::batch::{BatchState, Selection};
use filas_domain::outcome::OutcomeLine;
use filas_domain::ports::{Clock as _, TaskLedger as _};
use filas_domain::task::{Changed, Reason, TaskState};
use filas_domain::{TaskId, commands};
use futures::FutureExt as _;

use super::fragile::{At, Strike};
use super::world::{World, settled};

const QUANTITIES: [i64; 4] = [1, 0, 1, 1];
const OUTCOMES: [&str; 4] = ["2 succeeded", "3 INVALID_ROW", "4 succeeded", "5 succeeded"];

async fn paused(world: &World) -> TaskId {
    let id = world.pure_task(2, &QUANTITIES).await;
    let reason = Reason { code: "PAUSED".into(), message: "held back".into() };
    commands::pause(&world.ledger, &world.clock, id, reason, None).await.unwrap();
    id
}

async fn resume(world: &World, id: TaskId) {
    commands::resume(&world.ledger, &world.objects, &world.queue, &world.clock, id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_messages_of_a_paused_task_are_parked_and_not_kept_going_round() {
    let world = World::new();
    let id = paused(&world).await;
    assert_eq!(world.invoke().await, settled(2, 0));
    assert!(world.queue.bodies().is_empty());
    assert!((0..2).all(|number| world.batch(id, number).state == BatchState::Parked));
    assert!(world.batch(id, 0).attempts.is_empty(), "nobody tried");
    resume(&world, id).await;
    world.invoke_until_settled().await;
    assert_eq!(world.outcomes(id).await, OUTCOMES);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_parked_while_its_task_is_resumed_keeps_its_message() {
    let world = World::new();
    let id = paused(&world).await;
    // Between the parking and the second look at the task.
    let (ledger, clock) = (world.ledger.clone(), world.clock.clone());
    world.fate.before(At::Of("task", 2), move || {
        let task = ledger.task(id).now_or_never().unwrap().unwrap().unwrap();
        let Ok(Changed::To(mut head)) = task.resume(clock.now()) else { panic!("not paused") };
        // Whoever resumed saw no batch that was parked.
        head.split.fanned_out = true;
        ledger.write_head(&task, &head).now_or_never().unwrap().unwrap();
    });
    assert_eq!(world.invoke().await, settled(0, 2));
    world.invoke_until_settled().await;
    assert_eq!(world.outcomes(id).await, OUTCOMES);
}

#[tokio::test(start_paused = true)]
async fn the_messages_of_a_cancelled_task_close_their_batches() {
    let world = World::new();
    let id = world.pure_task(2, &QUANTITIES).await;
    let task = world.stored(id).await;
    let Ok(Changed::To(head)) = task.cancel(None, world.clock.now()) else { panic!("refused") };
    world.ledger.write_head(&task, &head).await.unwrap();
    assert_eq!(world.invoke().await, settled(2, 0));
    let task = world.stored(id).await;
    assert_eq!((task.head.state, task.tally.counts.unprocessed), (TaskState::Cancelled, 4));
}

#[tokio::test(start_paused = true)]
async fn failed_rows_that_are_redriven_are_run_alone_and_overlay_what_was() {
    let world = World::new();
    let id = world.pure_task(4, &QUANTITIES).await;
    world.invoke_until_settled().await;
    let failed = Selection::Failed { code: Some("INVALID_ROW".into()) };
    let rows = commands::redrive(&world.ledger, &world.objects, &world.queue, &world.clock, id, &failed).await.unwrap();
    assert_eq!(rows, 1);
    world.invoke_until_settled().await;
    let batch = world.batch(id, 0);
    assert_eq!((batch.parts.len(), batch.parts[1].rows, batch.parts[1].is_overlay), (2, 1, true));
    let lines = world.objects.bytes(&batch.parts[1].key).unwrap();
    let line: OutcomeLine = serde_json::from_slice(&lines[batch.parts[1].bytes.start as usize..]).unwrap();
    assert_eq!(line.row().get(), 3, "only the row that failed");
    let task = world.stored(id).await;
    assert_eq!((task.head.state, task.tally.counts.succeeded), (TaskState::CompletedWithFailures, 3));
    assert_eq!(task.tally.counts.failed_by_code["INVALID_ROW"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_survives_a_worker_that_dies_over_it() {
    let world = World::new();
    let id = world.pure_task(4, &QUANTITIES).await;
    world.invoke_until_settled().await;
    let failed = Selection::Failed { code: None };
    commands::redrive(&world.ledger, &world.objects, &world.queue, &world.clock, id, &failed).await.unwrap();
    world.fate.strike(At::Of("put", 1), Strike::DieAfter);
    world.invoke_until_settled().await;
    let task = world.stored(id).await;
    assert_eq!((task.tally.counts.succeeded, task.tally.counts.failed), (3, 1));
}
