//! What goes wrong while files are written.

use std::time::Duration;

use filas_domain::TaskId;
use filas_domain::ports::{Clock as _, TaskLedger as _};
use filas_domain::report::{ReportMessage, ResultFile};
use filas_testkit::memory::{At, Strike};
use serde_json::json;

use super::world::{TIME_LIMIT, World, failed, succeeded};

/// A task of two batches with a bad row in each.
async fn ended(world: &World) -> TaskId {
    let row = |id: &str, quantity: i32| json!({"order_id": id, "quantity": quantity});
    let columns = &[("order_id", None), ("quantity", None)];
    let id = world.split("xlsx", columns, &[row("A", 0), row("B", 1), row("C", 1), row("D", 0)]).await;
    let wrong = "quantity: 0 is less than the minimum of 1";
    world
        .end(id, &[failed(2, "INVALID_ROW", wrong), succeeded(3), succeeded(4), failed(5, "INVALID_ROW", wrong)])
        .await;
    id
}

/// Whether every one of these strikes struck: the files are the same whatever did.
async fn survives(strikes: &[(usize, Strike)], expected: &std::collections::BTreeMap<String, Vec<u8>>) -> bool {
    let world = World::new();
    let id = ended(&world).await;
    world.ask(id).await;
    for (call, strike) in strikes {
        world.strike(At::Call(*call), *strike);
    }
    world.invoke_until_settled().await;
    assert!(world.left_behind() == *expected, "{strikes:?}, {:?}", world.fate.calls());
    world.fate.is_done()
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_or_dies_once_the_files_are_the_same() {
    let world = World::new();
    let id = ended(&world).await;
    world.report(id).await;
    let expected = world.left_behind();
    assert_eq!(expected.len(), 9, "seven files, the summary, the manifest");
    let mut calls = 0;
    for strike in [Strike::FailBefore, Strike::FailAfter, Strike::DieBefore, Strike::DieAfter] {
        let mut call = 1;
        while survives(&[(call, strike)], &expected).await {
            call += 1;
        }
        calls = calls.max(call - 1);
    }
    assert!(calls > 40, "only {calls} calls were struck");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_put_through_again_meanwhile_gets_no_files_of_its_old_end() {
    let world = World::new();
    let id = ended(&world).await;
    world.ask(id).await;
    let key = world.key(id, ResultFile::Outcomes).await;
    let (ledger, clock) = (world.ledger.clone(), world.clock.clone());
    // The second look at the task is the one before the files are made visible.
    world.fate.before(At::Of("task", 2), move || {
        let reopen = async {
            let task = ledger.task(id).await.unwrap().unwrap();
            ledger.write_head(&task, &task.reopened(clock.now()).unwrap()).await.unwrap();
        };
        // Nothing in memory ever waits.
        assert!(futures::FutureExt::now_or_never(reopen).is_some());
    });
    assert_eq!(world.invoke().await, 0);
    assert_eq!(world.objects.bytes(&key), None);
    assert!(world.fate.is_done());
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_work_is_not_done_twice_and_not_lost_when_they_die() {
    let world = World::new();
    let id = ended(&world).await;
    world.ask(id).await;
    world.strike(At::Of("create", 3), Strike::DieBefore);
    world.invoke().await;
    // Another message, by the sweeper for instance, while the first may still be at work.
    let finished = world.task(id).await.head.finished.unwrap();
    assert_eq!(world.bytes(id, ResultFile::Outcomes).await, None);
    let claim = world.objects.bytes(&filas_domain::keys::ObjectKey::report_claim(id, finished)).unwrap();
    let claim: serde_json::Value = serde_json::from_slice(&claim).unwrap();
    assert_eq!(claim["message"], "1");
    world.invoke_until_settled().await;
    assert!(world.bytes(id, ResultFile::Workbook).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_second_message_while_a_worker_is_at_it_is_settled() {
    let world = World::new();
    let id = ended(&world).await;
    let finished = world.task(id).await.head.finished.unwrap();
    let until = world.clock.now().plus(TIME_LIMIT);
    let claim = json!({"message": "somebody", "until": until}).to_string().into_bytes();
    let key = filas_domain::keys::ObjectKey::report_claim(id, finished);
    filas_domain::ports::ObjectWriter::put(&world.objects, &key, "application/json", claim).await.unwrap();
    world.report(id).await;
    assert_eq!(world.bytes(id, ResultFile::Outcomes).await, None);
    tokio::time::sleep(TIME_LIMIT).await;
    world.clock.now();
    world.report(id).await;
    assert!(world.bytes(id, ResultFile::Outcomes).await.is_some(), "the claim is over");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_an_invocation_is_handed_on_and_not_done_again() {
    let world = World::new();
    let id = ended(&world).await;
    world.ask(id).await;
    // Four files of outcomes, the records, and then most of the time is gone before the csv file is begun.
    world.strike(At::Of("create", 6), Strike::Stall);
    assert_eq!(world.invoke_with(Duration::from_secs(100)).await, 1);
    let message = ReportMessage::decode(&world.queue.bodies()[0]).unwrap();
    assert_eq!(message.continued, 1);
    assert!(world.bytes(id, ResultFile::Csv).await.is_some());
    assert_eq!(world.bytes(id, ResultFile::Workbook).await, None);
    let created = || world.fate.calls().iter().filter(|call| **call == "create").count();
    let before = created();
    assert_eq!(world.invoke().await, 0);
    assert_eq!(created() - before, 1, "the workbook alone");
    // Where the time is up before the outcomes are sorted, none of their files is there half.
    let world = World::new();
    let id = ended(&world).await;
    world.ask(id).await;
    world.strike(At::Of("create", 1), Strike::Stall);
    assert_eq!(world.invoke_with(Duration::from_secs(65)).await, 1);
    assert_eq!(world.bytes(id, ResultFile::Outcomes).await, None);
}

#[tokio::test(start_paused = true)]
async fn work_that_never_gets_done_ends_as_a_dead_letter() {
    let world = World::new();
    let id = ended(&world).await;
    world.ask(id).await;
    for invocation in 0..60 {
        // The first of the four files that each invocation begins with.
        world.strike(At::Of("create", 1 + 4 * invocation), Strike::Stall);
        world.invoke_with(Duration::from_secs(65)).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        world.clock.now();
    }
    assert_eq!(world.queue.dead().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_are_not_what_the_task_counts_are_not_made_visible() {
    let world = World::new();
    let id = ended(&world).await;
    let mut broken = world.task(id).await;
    broken.tally.counts.succeeded = 3;
    world.ledger.put_as_it_is(&broken);
    world.ask(id).await;
    assert_eq!(world.invoke().await, 1, "the message comes again");
    assert!(world.left_behind().is_empty());
}
