//! The last step of a run: with a partner that is well, what died or failed at it goes through again, until every good
//! row has succeeded.

use std::time::{Duration, Instant};

use anyhow::Result;
use filas_domain::TaskId;
use filas_domain::batch::Selection;
use filas_domain::task::TaskState;

use super::faults::{self, Done};
use super::plan::{Function, Plan};
use super::run::wait;
use super::scene::Scene;

/// How often a task is put through again at most. The workers of some runs are killed under it once more.
const REDRIVES: u32 = 4;
/// What a row fails with that breaks the schema: it would again.
const BAD_ROW: &str = "INVALID_ROW";
/// How long after the command the workers are killed.
const KILL_AFTER: Duration = Duration::from_millis(250);

/// What was put through again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Again {
    /// Rows of dead batches, and failed rows.
    pub rows: u64,
}

/// Puts through again what can be mended. Says what is wrong in the end.
///
/// # Errors
/// When the API does not answer, or refuses what it should not.
pub fn redrive(
    scene: &Scene<'_>,
    plan: &Plan,
    ids: &[TaskId],
    done: &mut Done,
    again: &mut Again,
) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for round in 0..REDRIVES {
        let mut redriven = Vec::new();
        for id in ids {
            let rows = redrive_once(scene, *id)?;
            again.rows += rows;
            redriven.extend((rows > 0).then_some(*id));
        }
        if redriven.is_empty() {
            break;
        }
        if round == 0 && plan.number.is_multiple_of(3) {
            std::thread::sleep(KILL_AFTER);
            faults::kill_all(scene, Function::Processor, done);
        }
        for id in redriven {
            wrong.extend(wait(scene, id, Instant::now())?);
        }
    }
    for id in ids {
        let task = scene.client.task(*id)?;
        let failed: u64 = task.failed_by_code.iter().filter(|(code, _)| *code != BAD_ROW).map(|(_, rows)| rows).sum();
        if is_mendable(task.state) && task.unprocessed + failed > 0 {
            wrong.push(format!("task {id} has rows that a healthy partner did not mend: {task:?}"));
        }
    }
    Ok(wrong)
}

/// Says how many rows of the task go through again.
fn redrive_once(scene: &Scene<'_>, id: TaskId) -> Result<u64> {
    let task = scene.client.task(id)?;
    let mut rows = 0;
    if !is_mendable(task.state) {
        return Ok(rows);
    }
    if task.batches.dead > 0 {
        rows += scene.client.redrive(id, &Selection::Dead)?.rows;
    }
    for code in task.failed_by_code.keys().filter(|code| *code != BAD_ROW) {
        rows += scene.client.redrive(id, &Selection::Failed { code: Some(code.clone()) })?.rows;
    }
    Ok(rows)
}

/// Whether every good row of the task should succeed in the end: not where we had it cancelled, nor where its file was
/// given up because we killed its readers.
fn is_mendable(state: TaskState) -> bool {
    matches!(state, TaskState::Completed | TaskState::CompletedWithFailures)
}
