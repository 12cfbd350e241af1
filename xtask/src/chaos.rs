//! `cargo xtask chaos`: many small runs on a local cloud while functions are killed, the emulator is restarted, messages
//! come twice and the partner is in trouble; and after each run three books that have to agree: the ledger, the outcomes
//! in S3, and the journal of the partner.
//!
//! * [`plan`]: what a seed makes of a run
//! * [`scene`]: the cloud, the stack and the partner
//! * [`services`]: calls that no part of Filas makes
//! * [`workers`]: the processes of the functions
//! * [`faults`]: a plan's faults, carried out
//! * [`run`]: one run, from the files to the books
//! * [`again`]: what died or failed, put through again
//! * [`opened`]: the three books of a task, fetched
//! * [`books`]: the three books, held against each other
//! * [`report`]: all runs in numbers

pub mod again;
pub mod books;
pub mod faults;
pub mod opened;
pub mod plan;
pub mod report;
pub mod run;
pub mod scene;
pub mod services;
pub mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use filas_domain::view::TaskView;

use crate::progress::say;
use crate::workspace::Workspace;
use plan::Plan;
use report::Report;
use scene::Scene;

/// What kind of chaos is wanted.
#[derive(Debug, Clone, Args)]
pub struct ChaosOptions {
    /// How many runs.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// What the runs grow from; random unless given.
    #[arg(long)]
    pub seed: Option<u64>,
    /// The first run: with --seed and --runs 1, a run that failed once more.
    #[arg(long, default_value_t = 0)]
    pub first: u32,
    /// About how many rows in each run.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub rows: u32,
    /// Deploy the functions that were built last.
    #[arg(long)]
    pub no_build: bool,
}

/// Runs the chaos and prints what came of it.
///
/// # Errors
/// When anything was lost, counted twice, delivered twice in effect or otherwise wrong; what there is to know is kept then.
pub fn chaos(workspace: &Workspace, options: &ChaosOptions) -> Result<()> {
    let seed = options.seed.unwrap_or_else(seed_of_now);
    let interrupted = interruption()?;
    let plans =
        (options.first..options.first.saturating_add(options.runs)).map(|number| Plan::new(seed, number, options.rows));
    let report = run_all(workspace, !options.no_build, plans, &format!("--seed {seed}"), &interrupted)?;
    println!("{report}");
    ensure!(report.is_clean(), "the books do not agree");
    Ok(())
}

/// One run with everything that can go wrong, for the ordinary tests.
///
/// # Errors
/// When something else than what was planned goes wrong.
pub fn short(workspace: &Workspace, seed: u64) -> Result<Report> {
    let plans = std::iter::once(Plan::everything(seed, 2_000));
    run_all(workspace, false, plans, &format!("of seed {seed}"), &AtomicBool::new(false))
}

fn run_all(
    workspace: &Workspace,
    build: bool,
    plans: impl Iterator<Item = Plan>,
    seed: &str,
    interrupted: &AtomicBool,
) -> Result<Report> {
    ensure!(std::path::Path::new("/proc/self/environ").exists(), "chaos finds its victims in /proc, which is not here");
    let mut scene = Scene::set(workspace, build)?;
    let mut report = Report::default();
    let mut ended = Vec::new();
    let result = run_each(&mut scene, plans, seed, interrupted, &mut report, &mut ended);
    let result = result.and_then(|()| look_again(&scene, &ended, &mut report));
    let keep = result.is_err() || !report.is_clean();
    if result.is_err() {
        say(&format!("until then:\n{report}"));
    }
    if keep {
        say(&format!("what there is to know is in {}", scene.folder().display()));
    }
    scene.strike(keep)?;
    result.map(|()| report)
}

fn run_each(
    scene: &mut Scene<'_>,
    plans: impl Iterator<Item = Plan>,
    seed: &str,
    interrupted: &AtomicBool,
    report: &mut Report,
    ended: &mut Vec<TaskView>,
) -> Result<()> {
    for plan in plans {
        if interrupted.load(Ordering::Relaxed) {
            say("interrupted: no more runs");
            break;
        }
        let begun = Instant::now();
        let folder = scene.folder().join("runs").join(plan.number.to_string());
        let ran = run::run(scene, &plan, &folder)
            .with_context(|| format!("run {} {seed} could not be carried out", plan.number))?;
        report.add(&ran);
        say(&format!(
            "run {}: {} rows, {} kills, {} restarts, {} duplicates, recovered in {:.1} s; {:.1} s in all",
            plan.number,
            ran.rows,
            ran.done.killed(),
            ran.done.restarts,
            ran.done.duplicates,
            ran.recovery.as_secs_f64(),
            begun.elapsed().as_secs_f64()
        ));
        if ran.findings.is_empty() {
            std::fs::remove_dir_all(&folder).context("cannot remove the files of a run")?;
        } else {
            say(&format!("run {} FAILED; again with {seed} --first {} --runs 1", plan.number, plan.number));
            ran.findings.all().take(5).for_each(|finding| say(finding));
        }
        ended.extend(ran.tasks);
    }
    Ok(())
}

/// Once no message is left anywhere, every task is still as it was when it ended.
fn look_again(scene: &Scene<'_>, ended: &[TaskView], report: &mut Report) -> Result<()> {
    scene.drain()?;
    for before in ended {
        let now = scene.client.task(before.id)?;
        if &now != before {
            say(&format!("task {} has changed after its end: {before:?}, {now:?}", before.id));
            report.wrong += 1;
        }
    }
    for entry in scene.partner.journal() {
        if !ended.iter().any(|task| entry.key.starts_with(&format!("{}.", task.id))) {
            say(&format!("the partner knows {} of no task", entry.key));
            report.wrong += 1;
        }
    }
    Ok(())
}

/// Set by Ctrl-C: the run under way ends, and everything is taken down in order.
fn interruption() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || {
        say("the run under way is the last");
        // Twice means now.
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(interrupted)
}

fn seed_of_now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_secs()
}
