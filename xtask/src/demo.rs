//! `cargo demo`: the whole journey on a real workbook, and a check that the answer is the truth.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use filas_cli::client::{Client, FailuresFormat, Upload};
use filas_cli::progress::{Silent, on_stderr};
use filas_cli::summary::{Summary, Verdict};
use filas_domain::outcome::OutcomeLine;
use filas_domain::view::TaskView;
use filas_testkit::workbooks::{self, OrdersTruth};

use crate::cloud::{self, Cloud, UpOptions};
use crate::progress::{say, step};
use crate::workspace::Workspace;

/// What the generated orders grow from.
const SEED: u64 = 2026;

/// What a demo is to show.
#[derive(Debug, Args)]
pub struct DemoOptions {
    /// A file of your own instead of a generated workbook of orders.
    pub file: Option<PathBuf>,
    /// Rows of the generated workbook.
    #[arg(long, default_value_t = 100_000, conflicts_with = "file", value_parser = clap::value_parser!(u32).range(1..=1_048_575))]
    pub rows: u32,
    /// What is done with each row.
    #[arg(long, default_value = "orders-check")]
    pub pipeline: String,
    /// Stop everything at the end. Exit code: 0 when the outcome is what it should be (for a file of your own: when no
    /// row failed), 3 when rows of your own file failed, 1 on errors.
    #[arg(long)]
    pub once: bool,
}

/// Runs the demo.
///
/// # Errors
/// When a step fails, or the outcome is not the truth that the generator knows.
pub fn demo(workspace: &Workspace, options: &DemoOptions) -> Result<ExitCode> {
    // Caught from here on, so that nothing that was started stays behind.
    let interrupted = interruption()?;
    let folder = workspace.made().join("demo");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let (file, truth) = match &options.file {
        Some(file) => (file.clone(), None),
        None => {
            let (file, truth) = generated(&folder, options.rows)?;
            (file, Some(truth))
        }
    };
    ensure!(file.is_file(), "there is no file {}", file.display());
    let cloud = Cloud::up(workspace, &UpOptions::new("local"))?;
    say(&format!("the dashboard: {}", dashboard(&cloud)));
    let shown = show(&cloud, &file, options, truth.as_ref(), &folder);
    if options.once {
        cloud::down(workspace, &cloud.instance)?;
        return shown;
    }
    match &shown {
        Ok(_) => {
            say(&format!("the dashboard: {}", dashboard(&cloud)));
            say("the local cloud stays up until Ctrl-C; `cargo xtask down` stops it as well");
        }
        Err(error) => say(&format!("{error:#}; the local cloud stays up until Ctrl-C, so that you can look")),
    }
    interrupted.recv().context("cannot wait for Ctrl-C")?;
    cloud::down(workspace, &cloud.instance)?;
    say("the local cloud is stopped");
    shown
}

/// Its address, which opens it: the key is in the fragment, which a browser sends to nobody.
fn dashboard(cloud: &Cloud) -> String {
    format!("{}#key={}", cloud.deployed.dashboard_url(), cloud.access.api_key)
}

fn interruption() -> Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Twice means now. Nobody listens any more only when the demo is over.
        if sender.send(()).is_err() {
            std::process::exit(130);
        }
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(receiver)
}

/// The workbook and what is true of it; made once for each number of rows.
fn generated(folder: &Path, rows: u32) -> Result<(PathBuf, OrdersTruth)> {
    let file = folder.join(format!("orders-{rows}.xlsx"));
    let truth_file = folder.join(format!("orders-{rows}.truth.2.json"));
    let known = fs::read(&truth_file).ok().and_then(|json| serde_json::from_slice(&json).ok());
    if let Some(truth) = known.filter(|_| file.is_file()) {
        return Ok((file, truth));
    }
    step(&format!("making a workbook of {rows} orders"), || {
        let truth = workbooks::orders(&file, rows, SEED).with_context(|| format!("cannot write {}", file.display()))?;
        // Last, so that a demo that was stopped half-way makes both anew.
        fs::write(&truth_file, serde_json::to_vec(&truth)?)?;
        Ok((file, truth))
    })
}

fn show(
    cloud: &Cloud,
    file: &Path,
    options: &DemoOptions,
    truth: Option<&OrdersTruth>,
    folder: &Path,
) -> Result<ExitCode> {
    let client = Client::new(&cloud.deployed.api_url, &cloud.access.api_key);
    let mut progress = on_stderr();
    let upload = Upload::new(file, &options.pipeline);
    let task = client.upload(&upload, progress.as_mut()).with_context(|| format!("cannot send {}", file.display()))?;
    let task = client.watch(task.id, progress.as_mut())?;
    progress.done();
    println!("\n{}", Summary::of(&task));
    let outcomes = folder.join("outcomes.ndjson");
    if task.links.contains_key("results") {
        client.save_results(task.id, &outcomes, &mut Silent)?;
        println!("{:<11}  {}", "workbook", file.display());
        println!("{:<11}  {}", "outcomes", outcomes.display());
    }
    if task.links.contains_key("failures") {
        let failures = folder.join("failures.xlsx");
        client.save_failures(task.id, FailuresFormat::Xlsx, &failures, &mut Silent)?;
        println!("{:<11}  {}", "to mend", failures.display());
    }
    println!("{:<11}  {}", "API", cloud.deployed.api_url);
    println!("{:<11}  target/release/filas status {}", "ask again", task.id);
    match truth {
        Some(truth) => {
            compare(&task, &outcomes, truth)?;
            println!(
                "{:<11}  yes: {} rows and {} known bad ones, each by its number",
                "as expected", truth.rows, truth.bad_rows
            );
            Ok(ExitCode::SUCCESS)
        }
        None => Ok(ExitCode::from(Verdict::of(&task).exit_code())),
    }
}

/// Compares what the task says, and what became of every single row, with what the generator knows.
fn compare(task: &TaskView, outcomes: &Path, truth: &OrdersTruth) -> Result<()> {
    let (rows, bad) = (u64::from(truth.rows), u64::from(truth.bad_rows));
    ensure!(task.total == Some(rows), "{rows} rows went in, and the task counts {:?}", task.total);
    ensure!(
        (task.succeeded, task.failed, task.unprocessed) == (rows - bad, bad, 0),
        "{} rows should have succeeded and {bad} failed, and the task counts {}, {} and {} unprocessed",
        rows - bad,
        task.succeeded,
        task.failed,
        task.unprocessed
    );
    let file = File::open(outcomes).with_context(|| format!("cannot open {}", outcomes.display()))?;
    let known_bad: BTreeSet<u32> = truth.bad_row_numbers.iter().copied().collect();
    let (mut seen, mut last) = (0_u64, 0);
    for line in BufReader::new(file).lines() {
        let (row, failed) = match serde_json::from_str(&line?).context("an outcome is not readable")? {
            OutcomeLine::Succeeded { row, .. } => (row.get(), false),
            OutcomeLine::Failed { row, .. } => (row.get(), true),
            OutcomeLine::Unprocessed { row, .. } => bail!("row {row} is unprocessed"),
        };
        ensure!(row > last, "row {row} comes after row {last} in the outcomes");
        ensure!(failed == known_bad.contains(&row), "row {row} is wrong: failed is {failed}");
        (seen, last) = (seen + 1, row);
    }
    ensure!(seen == rows, "{rows} rows went in, and {seen} have an outcome");
    Ok(())
}
