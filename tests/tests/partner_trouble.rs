//! A partner that is down, and one that refuses too much. These tests set how the partner of the stack behaves, so they run
//! one after the other, and in a program of their own.
#![cfg(feature = "cloud")]

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use filas_cli::client::Upload;
use filas_cli::progress::Silent;
use filas_domain::TaskId;
use filas_domain::task::TaskState;
use filas_domain::view::TaskView;
use filas_e2e::{PATIENCE, Stack, check_books, folder, write};

static ALONE: Mutex<()> = Mutex::new(());

/// The partner under settings, which are taken back in the end.
struct Behaving<'a> {
    stack: &'a Stack,
    _alone: MutexGuard<'static, ()>,
}

impl<'a> Behaving<'a> {
    fn so(stack: &'a Stack, settings: &str) -> Result<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let behaving = Self { stack, _alone: alone };
        behaving.now(settings)?;
        Ok(behaving)
    }

    fn now(&self, settings: &str) -> Result<()> {
        ureq::put(format!("{}/_partner/settings", self.stack.partner)).send(settings)?;
        Ok(())
    }
}

impl Drop for Behaving<'_> {
    fn drop(&mut self) {
        // Should this fail, the partner is gone with its test program.
        let _ = self.now("{}");
    }
}

fn wait_until(stack: &Stack, id: TaskId, what: &str, is_so: impl Fn(&TaskView) -> bool) -> Result<TaskView> {
    let begun = Instant::now();
    loop {
        let task = stack.client().task(id)?;
        if is_so(&task) {
            return Ok(task);
        }
        ensure!(begun.elapsed() < PATIENCE, "the task is not {what}: {task:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn rows(count: u32) -> String {
    (0..count).map(|row| format!("{row:08},{}.50\n", row % 90)).collect()
}

#[test]
fn a_partner_that_is_down_pauses_the_task_with_the_reason_and_is_tried_again() -> Result<()> {
    const DOWN: &str = "name: to-a-partner-that-is-down\nrows: { key: sku }\ndeliver:\n  http:\n    put: \"${PARTNER_URL}/prices/{row.sku}\"\n    concurrency: 8\n    retry: { attempts: 20, for: [5xx] }\n";
    let (stack, folder) = (Stack::chaos()?, folder()?);
    let client = stack.client();
    client.put_pipeline("to-a-partner-that-is-down", DOWN)?;
    let partner = Behaving::so(&stack, r#"{"error_rate": 1.0}"#)?;
    let file = write(folder.path(), "prices.csv", format!("sku,price\n{}", rows(400)))?;
    let mut upload = Upload::new(file, "to-a-partner-that-is-down");
    upload.batch_size = Some(50);
    let id = client.upload(&upload, &mut Silent)?.id;
    let paused = wait_until(&stack, id, "paused", |task| task.state == TaskState::Paused)?;
    let reason = paused.reason.ok_or_else(|| anyhow::anyhow!("it does not say why"))?;
    ensure!(reason.code == "PARTNER_DOWN" && !reason.message.is_empty(), "{reason:?}");
    // Nobody resumes it: the sweeper does, when the time for a probe has come.
    partner.now("{}")?;
    let task = wait_until(&stack, id, "completed", |task| task.state == TaskState::Completed)?;
    assert_eq!((task.succeeded, task.batches.dead), (400, 0), "being paused costs no batch its deliveries");
    check_books(&stack, &task)?;
    let journal = stack.journal(id)?;
    assert!(journal.len() == 400 && journal.iter().all(|entry| entry.effects == 1), "each row had its effect once");
    Ok(())
}

#[test]
fn a_task_of_which_too_many_rows_fail_is_ended_early() -> Result<()> {
    const STRICT: &str = "name: strict\nrows: { key: sku }\ndeliver:\n  http:\n    put: \"${PARTNER_URL}/prices/{row.sku}\"\n    concurrency: 4\n    rate: 100/s\nstop: { failed: 25 }\n";
    let (stack, folder) = (Stack::chaos()?, folder()?);
    let client = stack.client();
    client.put_pipeline("strict", STRICT)?;
    let _partner = Behaving::so(&stack, r#"{"error_rate": 1.0, "error_status": 422}"#)?;
    let file = write(folder.path(), "prices.csv", format!("sku,price\n{}", rows(2_000)))?;
    let mut upload = Upload::new(file, "strict");
    upload.batch_size = Some(20);
    let task = stack.process(&upload)?;
    ensure!(task.state == TaskState::Cancelled, "{task:?}");
    let reason = task.reason.clone().ok_or_else(|| anyhow::anyhow!("it does not say why"))?;
    ensure!(reason.code == "TOO_MANY_FAILED" && reason.message.contains("of 2000 rows failed"), "{reason:?}");
    ensure!(task.failed >= 25 && task.unprocessed > 1_000, "most rows were not even tried: {task:?}");
    assert_eq!(task.failed + task.unprocessed, 2_000);
    check_books(&stack, &task)?;
    Ok(())
}
