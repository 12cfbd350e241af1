//! `cargo xtask bench …`: what takes how long, as ratios to something that is measured in the same run.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use filas_cli::client::{Client, Upload};
use filas_cli::progress::Silent;
use filas_domain::view::{BatchView, TaskView};
use filas_sheets::{ReadOptions, RowSink, SourceHint, read_rows};
use filas_testkit::workbooks;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cloud::{self, Cloud, UpOptions};
use crate::progress::step;
use crate::workspace::Workspace;

pub mod cold;
pub mod cost;
pub mod pipeline;
pub mod rows;
pub mod sheets;

/// Which bench.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// From POST to completed, on a local cloud of its own.
    E2e(EndToEnd),
    /// Rows a second through the stages of a pipeline, on one core.
    Pipeline(pipeline::Stages),
    /// One row of a million by its number, on a local cloud of its own.
    Rows(rows::Rows),
    /// The start of each function, beside one in Python.
    Cold(cold::Cold),
    /// What a file asks of the cloud, and about what that costs.
    Cost(cost::Cost),
    /// Our reader of workbooks beside others, in time and memory.
    Sheets(sheets::SheetsBench),
}

/// The end-to-end bench.
#[derive(Debug, Args)]
pub struct EndToEnd {
    /// Rows of the workbook.
    #[arg(long, default_value_t = 100_000)]
    rows: u32,
    /// Counted runs, after one that is not.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

/// Where the time of one run went, in seconds.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// From before the POST to the last outcome.
    whole: f64,
    /// Until the file was taken in.
    upload: f64,
    /// The file to rows, index and messages.
    split: f64,
    /// From the first claim of a batch to the last one's end.
    processing: f64,
    /// Reading the same file in this process, for scale.
    reading: f64,
}

/// Runs a bench and prints a table.
///
/// # Errors
/// When a run fails or does not end as it should.
pub fn bench(workspace: &Workspace, bench: &Bench) -> Result<()> {
    match bench {
        Bench::E2e(options) => end_to_end(workspace, options),
        Bench::Pipeline(options) => pipeline::bench(options),
        Bench::Cold(options) => cold::bench(workspace, options),
        Bench::Cost(options) => cost::bench(workspace, options),
        Bench::Rows(options) => rows::bench(workspace, options),
        Bench::Sheets(options) => sheets::compare(workspace, options),
    }
}

fn end_to_end(workspace: &Workspace, options: &EndToEnd) -> Result<()> {
    let folder = workspace.made().join("bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("orders-{}.xlsx", options.rows));
    step(&format!("making a workbook of {} orders", options.rows), || {
        Ok(workbooks::orders(&file, options.rows, 1).map(drop)?)
    })?;
    let cloud = Cloud::up(workspace, &UpOptions::new("bench"))?;
    let client = Client::new(&cloud.deployed.api_url, &cloud.access.api_key);
    let runs: Result<Vec<Run>> = (0..=options.runs)
        .map(|number| step(&format!("run {number} of {}", options.runs), || run(&client, &file, options.rows)))
        .collect();
    cloud::down(workspace, &cloud.instance)?;
    print(&runs?[1..], options.rows);
    Ok(())
}

fn run(client: &Client, file: &std::path::Path, rows: u32) -> Result<Run> {
    let reading = read(file)?;
    let begun = since_1970(SystemTime::now())?;
    let task = client.upload(&Upload::new(file, "orders-check"), &mut Silent)?;
    let task = client.watch(task.id, &mut Silent)?;
    ensure!(task.total == Some(u64::from(rows)) && task.unprocessed == 0, "the run ended otherwise: {task:?}");
    let batches = client.batches(task.id, u32::MAX)?;
    let moment = |name: &str, text: Option<&String>| -> Result<f64> {
        seconds(text.with_context(|| format!("the task has no {name}"))?)
    };
    let finished = moment("finished", task.finished.as_ref())?;
    let split_started = moment("split_started", task.split_started.as_ref())?;
    let split_ended = moment("split_ended", task.split_ended.as_ref())?;
    Ok(Run {
        whole: finished - begun,
        upload: split_started - begun,
        split: split_ended - split_started,
        processing: processing(&batches, &task)?,
        reading,
    })
}

/// From the first claim to the last end.
fn processing(batches: &[BatchView], task: &TaskView) -> Result<f64> {
    let attempts = || batches.iter().flat_map(|batch| &batch.attempts);
    let first = attempts().map(|attempt| attempt.started.as_str()).min().context("no batch was claimed")?;
    let last = task.finished.as_deref().context("the task has not ended")?;
    Ok(seconds(last)? - seconds(first)?)
}

struct Discard;

impl RowSink for Discard {
    fn columns(&mut self, _names: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, _row: u32, _record: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn bad_row(&mut self, _row: u32, _code: &str, _message: &str) -> io::Result<()> {
        Ok(())
    }
}

fn read(file: &std::path::Path) -> Result<f64> {
    let begun = Instant::now();
    read_rows(File::open(file)?, &SourceHint::default(), &ReadOptions::default(), &mut Discard)?;
    Ok(begun.elapsed().as_secs_f64())
}

fn seconds(text: &str) -> Result<f64> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).with_context(|| format!("{text} is not a moment"))?;
    since_1970(moment.into())
}

fn since_1970(moment: SystemTime) -> Result<f64> {
    Ok(moment.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64())
}

/// One of the times of a run.
type Part = fn(&Run) -> f64;

fn print(runs: &[Run], rows: u32) {
    let median = |part: Part| {
        let mut values: Vec<f64> = runs.iter().map(part).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let whole = median(|run| run.whole);
    let reading = median(|run| run.reading);
    println!("{rows} rows from POST to completed, {} runs, medians\n", runs.len());
    println!("| part | seconds | share | × reading the file alone |");
    println!("| --- | ---: | ---: | ---: |");
    let parts: [(&str, Part); 5] = [
        ("upload until the split begins", |run| run.upload),
        ("split: file to rows and index", |run| run.split),
        ("queue: from the index to the first claim", |run| run.whole - run.upload - run.split - run.processing),
        ("processing: first claim to last outcome", |run| run.processing),
        ("whole", |run| run.whole),
    ];
    for (name, part) in parts {
        let value = median(part);
        println!("| {name} | {value:.2} | {:.0} % | {:.1} |", value / whole * 100.0, value / reading);
    }
    println!("\n{:.0} rows/s; reading the file alone takes {reading:.2} s", f64::from(rows) / whole);
}
