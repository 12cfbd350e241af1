//! A plan's faults, carried out one after the other while the files go in.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use filas_cli::client::ClientError;
use filas_domain::TaskId;
use filas_domain::view::TaskView;
use filas_testkit::workbooks::random::Dice;

use super::plan::{Fault, FaultKind, Function, Plan};
use super::scene::Scene;
use super::services::upload_event;
use super::workers;

/// How long a process that is to be killed may take to appear, or to be at work.
const APPEARANCE: Duration = Duration::from_secs(20);
/// How often is looked for it.
const LOOK_EVERY: Duration = Duration::from_millis(3);

/// What was done to a run.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// Processes that were killed, by function.
    pub kills: BTreeMap<Function, u32>,
    /// Restarts of the emulator.
    pub restarts: u32,
    /// Messages that were sent once more.
    pub duplicates: u32,
    /// Times of trouble at the partner.
    pub troubles: u32,
    /// Times that a task was paused and resumed.
    pub pauses: u32,
    /// Tasks that were cancelled.
    pub cancellations: u32,
    /// What happened when, for the evidence.
    pub history: Vec<String>,
}

impl Done {
    /// All kills.
    pub fn killed(&self) -> u32 {
        self.kills.values().sum()
    }

    /// Takes what was done to another run in.
    pub fn add(&mut self, more: &Self) {
        for (function, kills) in &more.kills {
            *self.kills.entry(*function).or_default() += kills;
        }
        self.restarts += more.restarts;
        self.duplicates += more.duplicates;
        self.troubles += more.troubles;
        self.pauses += more.pauses;
        self.cancellations += more.cancellations;
    }

    fn kill(&mut self, scene: &Scene<'_>, function: Function, mut chosen: impl FnMut() -> bool) {
        let processes = processes(scene, function);
        let last = processes.len().saturating_sub(1);
        let mut killed = 0;
        for (index, process) in processes.into_iter().enumerate() {
            // A chance for each, and one at least.
            let wanted = chosen() || (index == last && killed == 0);
            if wanted && workers::kill(process).is_ok() {
                killed += 1;
            }
        }
        *self.kills.entry(function).or_default() += killed;
    }
}

/// The tasks of a run, as far as their uploads have been answered.
pub type Tasks = Mutex<Vec<TaskId>>;

/// Ends the warm processes of every function whose next process is to be killed. They are idle, so it is no fault.
pub fn prepare(scene: &Scene<'_>, plan: &Plan) {
    for fault in &plan.faults {
        if let FaultKind::KillNew(function, _) = fault.kind {
            for process in processes(scene, function) {
                // One that ended by itself is as good.
                let _ = workers::kill(process);
            }
        }
    }
}

/// Carries the plan out, from `begun` on.
///
/// # Errors
/// When the emulator does not come back, or a call for a fault fails.
pub fn carry_out(scene: &mut Scene<'_>, plan: &Plan, begun: Instant, tasks: &Tasks) -> Result<Done> {
    let mut done = Done::default();
    let mut dice = Dice::new(u64::from(plan.number), 1);
    for fault in &plan.faults {
        std::thread::sleep(fault.at.saturating_sub(begun.elapsed()));
        carry_out_one(scene, fault, tasks, &mut dice, &mut done).with_context(|| format!("{:?}", fault.kind))?;
        done.history.push(format!("{:7.3} s  {:?}", begun.elapsed().as_secs_f64(), fault.kind));
    }
    Ok(done)
}

fn carry_out_one(scene: &mut Scene<'_>, fault: &Fault, tasks: &Tasks, dice: &mut Dice, done: &mut Done) -> Result<()> {
    let known = tasks.lock().map(|tasks| tasks.clone()).unwrap_or_default();
    match &fault.kind {
        FaultKind::KillNew(function, after) => {
            if appears(scene, *function) {
                std::thread::sleep(*after);
                done.kill(scene, *function, || true);
            }
        }
        FaultKind::Kill { function, share } => {
            if *function == Function::Processor {
                // Just after a kill or a restart there is none: wait for somebody to kill.
                appears(scene, *function);
            }
            done.kill(scene, *function, || dice.below(100) < *share as usize);
        }
        FaultKind::KillAtWork => {
            let heard = scene.partner.summary().requests;
            comes_to_be(|| scene.partner.summary().requests > heard);
            done.kill(scene, Function::Processor, || true);
        }
        FaultKind::Restart => {
            scene.restart()?;
            done.restarts += 1;
        }
        FaultKind::Partner(settings) => {
            let is_trouble = settings != &super::plan::well(settings.seed);
            scene.partner.set(settings.clone())?;
            done.troubles += u32::from(is_trouble);
        }
        FaultKind::RepeatBatches(count) => {
            for task in known {
                done.duplicates += repeat_batches(scene, task, *count, dice)?;
            }
        }
        FaultKind::RepeatUploads => {
            for task in known {
                let event = upload_event(&scene.cloud.deployed.bucket, task);
                scene.services.send(&scene.cloud.deployed.ingest_queue_url, &event)?;
                done.duplicates += 1;
            }
        }
        FaultKind::Pause(length) => done.pauses += pause(scene, &known, *length)?,
        FaultKind::Cancel => {
            if let Some(task) = known.first() {
                done.cancellations += u32::from(accepted(scene.client.cancel(*task))?);
            }
        }
    }
    Ok(())
}

/// Sends so many of the task's batches, by the dice, once more. None while it is not split.
fn repeat_batches(scene: &Scene<'_>, task: TaskId, count: u32, dice: &mut Dice) -> Result<u32> {
    let Some(messages) = scene.services.batch_messages(&scene.cloud.deployed.bucket, task)? else { return Ok(0) };
    if messages.is_empty() {
        return Ok(0);
    }
    for _ in 0..count {
        scene.services.send(&scene.cloud.deployed.batch_queue_url, &dice.pick(&messages).encode())?;
    }
    Ok(count)
}

/// Pauses the tasks that are being processed, and resumes them.
fn pause(scene: &Scene<'_>, tasks: &[TaskId], length: Duration) -> Result<u32> {
    let mut paused = Vec::new();
    for task in tasks {
        if accepted(scene.client.pause(*task))? {
            paused.push(*task);
        }
    }
    std::thread::sleep(length);
    for task in &paused {
        // One whose last batch closed meanwhile has ended instead.
        accepted(scene.client.resume(*task))?;
    }
    Ok(u32::try_from(paused.len()).unwrap_or(u32::MAX))
}

/// Whether a command was carried out; `false` when the task is in no state for it.
fn accepted(answer: Result<TaskView, ClientError>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.status() == Some(409) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Kills every process of the function.
pub fn kill_all(scene: &Scene<'_>, function: Function, done: &mut Done) {
    done.kill(scene, function, || true);
}

fn processes(scene: &Scene<'_>, function: Function) -> Vec<rustix::process::Pid> {
    workers::of(scene.cloud.endpoint(), &scene.cloud.deployed.stack, function.as_str())
}

fn appears(scene: &Scene<'_>, function: Function) -> bool {
    comes_to_be(|| !processes(scene, function).is_empty())
}

/// Waits until it is so, and gives up in the end.
fn comes_to_be(is_so: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + APPEARANCE;
    while !is_so() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    true
}
