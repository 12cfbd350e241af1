//! Workers that die, on the stack that gives up quickly.
#![cfg(feature = "cloud")]

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use filas_cli::client::Upload;
use filas_cli::progress::Silent;
use filas_domain::batch::{AttemptResult, BatchState};
use filas_domain::task::TaskState;
use filas_e2e::{PATIENCE, Stack, check_books, folder, write};
use xtask::chaos::plan::Function;
use xtask::chaos::{self, workers};
use xtask::workspace::Workspace;

/// Who kills the workers of the stack does so alone: they are everybody's, and a worker that dies with a message in its
/// hands costs that message a delivery. And a worker of this stack has a second and a half: none is left of it where another
/// cloud starts beside it on a small machine.
static WORKERS: RwLock<()> = RwLock::new(());

#[test]
fn everything_that_can_go_wrong_at_once_loses_nothing_and_repeats_nothing_in_effect() -> Result<()> {
    let _alone = WORKERS.write().unwrap_or_else(PoisonError::into_inner);
    // On a cloud of its own, because it is restarted. `cargo xtask chaos` does the same for as long as one likes.
    let report = chaos::short(&Workspace::find()?, 3)?;
    ensure!(report.is_clean(), "{report}");
    for function in [Function::Processor, Function::Split] {
        ensure!(
            report.done.kills.get(&function).is_some_and(|kills| *kills > 0),
            "no {function:?} was killed: {report}"
        );
    }
    ensure!(report.done.restarts == 1 && report.done.duplicates > 0 && report.done.troubles > 0, "{report}");
    ensure!(report.rows > 0 && report.attempts_lost > 0, "no kill hit anything: {report}");
    Ok(())
}

#[test]
fn a_worker_killed_in_the_middle_of_a_batch_loses_nothing_and_repeats_nothing_in_effect() -> Result<()> {
    let _alone = WORKERS.write().unwrap_or_else(PoisonError::into_inner);
    let (stack, folder) = (Stack::chaos()?, folder()?);
    let rows: String = (0..3_000).map(|row| format!("{row:08},{}.50\n", row % 90)).collect();
    let file = write(folder.path(), "prices.csv", format!("sku,price\n{rows}"))?;
    let mut upload = Upload::new(file, "prices");
    upload.batch_size = Some(100);
    let task = stack.client().upload(&upload, &mut Silent)?;
    let begun = Instant::now();
    let mut killed = 0;
    while killed == 0 {
        ensure!(begun.elapsed() < PATIENCE, "no worker was seen at work");
        std::thread::sleep(Duration::from_millis(20));
        if stack.journal(task.id)?.len() > 200 {
            let workers = workers::of(&stack.cloud()?, &stack.name, "processor");
            killed = workers.into_iter().filter(|worker| workers::kill(*worker).is_ok()).count();
        }
    }
    let task = stack.wait(task.id)?;
    ensure!(task.state == TaskState::Completed && task.succeeded == 3_000, "{task:?}");
    check_books(&stack, &task)?;
    let journal = stack.journal(task.id)?;
    assert_eq!(journal.len(), 3_000, "every row was delivered");
    assert!(journal.iter().all(|entry| entry.effects == 1), "and had its effect once");
    let batches = stack.client().batches(task.id, u32::MAX)?;
    let lost = batches
        .iter()
        .flat_map(|batch| &batch.attempts)
        .filter(|attempt| attempt.result == Some(AttemptResult::Lost))
        .count();
    assert!(lost > 0, "{killed} workers were killed and the history shows none of it");
    Ok(())
}

#[test]
fn a_poison_batch_ends_as_dead_while_its_siblings_finish() -> Result<()> {
    let _unharmed = WORKERS.read().unwrap_or_else(PoisonError::into_inner);
    let (stack, folder) = (Stack::chaos()?, folder()?);
    // Row 52 ends every worker that touches it. It is in the sixth batch of ten.
    let rows: String = (2..102).map(|row| format!("{row},1,,{}\n", if row == 52 { "yes" } else { "" })).collect();
    let file = write(folder.path(), "simulate.csv", format!("id,cost,fail,crash\n{rows}"))?;
    let mut upload = Upload::new(file, "simulate");
    upload.batch_size = Some(10);
    let task = stack.process(&upload)?;
    ensure!(task.state == TaskState::CompletedWithFailures, "{task:?}");
    assert_eq!((task.succeeded, task.failed, task.unprocessed), (90, 0, 10), "{task:?}");
    assert_eq!((task.batches.done, task.batches.dead), (9, 1));
    check_books(&stack, &task)?;
    let batches = stack.client().batches(task.id, u32::MAX)?;
    for batch in &batches {
        let expected = if batch.number.get() == 5 { BatchState::Dead } else { BatchState::Done };
        assert_eq!(batch.state, expected, "{batch:?}");
    }
    let dead = &batches[5];
    assert_eq!(dead.attempts.len(), 3, "as often as the queue delivers: {dead:?}");
    assert!(dead.reason.as_deref().is_some_and(|reason| reason.contains("3 attempts")), "{dead:?}");
    Ok(())
}

#[test]
fn what_does_not_fit_into_a_workers_time_is_handed_on() -> Result<()> {
    let _unharmed = WORKERS.read().unwrap_or_else(PoisonError::into_inner);
    let (stack, folder) = (Stack::chaos()?, folder()?);
    // 400 rows of 500 ms in one batch: more than the three seconds of a worker, whatever it does at once.
    let rows: String = (0..400).map(|row| format!("{row},500,,\n")).collect();
    let file = write(folder.path(), "slow.csv", format!("id,cost,fail,crash\n{rows}"))?;
    let task = stack.process(&Upload::new(file, "simulate"))?;
    ensure!(task.state == TaskState::Completed && task.succeeded == 400, "{task:?}");
    check_books(&stack, &task)?;
    let attempts = &stack.client().batches(task.id, 1)?[0].attempts;
    assert!(attempts.len() > 1, "{attempts:?}");
    let (last, before) = attempts.split_last().expect("there are attempts");
    assert_eq!(last.result, Some(AttemptResult::Done));
    assert!(before.iter().all(|attempt| attempt.result == Some(AttemptResult::HandedOn)), "{attempts:?}");
    Ok(())
}
