//! `filas run`: a file through a pipeline on this machine, with the files of results that an upload would have.
//!
//! The rows are read into a temporary file first, as an upload's are, so that memory does not grow with them; then they run,
//! as many at once as the pipeline allows. A partner that is down, or a Ctrl-C, leaves the rest of the rows unprocessed.
//!
//! * `reading`: a file to lines of rows
//! * `writing`: outcomes to files

mod reading;
mod writing;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal as _, Lines, stderr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use filas_cli::progress::stderr_line;
use filas_cli::words::Heading::{Left, Right};
use filas_cli::words::{self, Table};
use filas_domain::clock::Timestamp;
use filas_domain::ids::{Owner, TaskId};
use filas_domain::outcome::{Counts, OutcomeLine};
use filas_domain::stop::should_stop;
use filas_domain::task::Tally;
use filas_pipeline::local::{self, LocalRunner};
use filas_pipeline::{Interrupted, Pipeline, SourceRow, parse, shipped};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::arguments::RunArguments;
use crate::output;
use crate::pipeline_file::{read_text, variable, variables};
use reading::{Rows, read};
use writing::Results;

/// Every row succeeded.
const ALL_SUCCEEDED: u8 = 0;
/// The file was refused.
const REFUSED: u8 = 2;
/// Some rows did not succeed.
const SOME_FAILED: u8 = 3;

/// Longer than any file takes. There is no worker here whose time is up.
const TIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The code of rows that were not tried because of something outside, or because enough had failed.
const STOPPED: &str = "STOPPED";

/// Processes the file.
///
/// # Errors
/// When the pipeline cannot be used, or this machine is in trouble: a full disk, say.
pub fn run(arguments: &RunArguments, json: bool) -> Result<u8> {
    let spec = parse(&yaml(&arguments.pipeline)?).with_context(|| arguments.pipeline.clone())?;
    let owner: Owner = "local".parse()?;
    let (services, kept) = local::services_that_keep(owner, variable);
    let pipeline =
        Pipeline::compile_with(&spec, &variables(), &services).with_context(|| arguments.pipeline.clone())?;
    let Some(rows) = read(arguments, &spec, pipeline.key())? else { return Ok(REFUSED) };
    let folder = arguments.out.clone().unwrap_or_else(|| beside(&arguments.file));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut results = Results::create(&folder)?;
    let stopped = process(&pipeline, &rows, &mut results)?;
    let counts = results.counts().clone();
    let files = results.finish(&rows, &spec, &kept.take())?;
    show(&folder, &files, &counts, stopped.as_deref(), json)?;
    Ok(if counts.failed + counts.unprocessed == 0 { ALL_SUCCEEDED } else { SOME_FAILED })
}

fn yaml(pipeline: &str) -> Result<String> {
    let path = Path::new(pipeline);
    if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
        return read_text(path);
    }
    match shipped::find(pipeline) {
        Some(shipped) => Ok(shipped.yaml.to_owned()),
        None => bail!("'{pipeline}' is neither a pipeline file (.yaml) nor one that comes with Filas"),
    }
}

/// `orders.xlsx` has its results in `orders-results`.
fn beside(file: &Path) -> PathBuf {
    let stem = file.file_stem().map_or_else(|| "rows".into(), |stem| stem.to_string_lossy().into_owned());
    file.with_file_name(format!("{stem}-results"))
}

/// Runs every row and writes its outcome. Why it stopped before the end, if it did.
fn process(pipeline: &Pipeline, rows: &Rows, results: &mut Results) -> Result<Option<String>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let task = TaskId::new(
        Timestamp::from_millis(0).plus(now),
        *uuid::Uuid::now_v7().as_bytes().last_chunk().unwrap_or(&[0; 10]),
    );
    let runner = LocalRunner::new(task.to_string(), TIME).context("cannot run a pipeline")?;
    let bar = bar(rows.count);
    let state = State { stopped: std::cell::RefCell::new(None) };
    let mut trouble: Option<anyhow::Error> = None;
    let mut source = Source::open(rows)?;
    let mut tally = Tally::default();
    let lines = std::iter::from_fn(|| if state.is_stopped() { None } else { source.next_row() });
    runner.run(pipeline, lines, |row, result| {
        if trouble.is_some() {
            return;
        }
        let line = match result {
            Ok(result) => OutcomeLine::new(row, result),
            Err(interrupted) => {
                state.stop(reason(&interrupted));
                OutcomeLine::Unprocessed { row, code: STOPPED.to_owned(), message: reason(&interrupted) }
            }
        };
        if let Err(error) = results.append(&line) {
            state.stop(String::new());
            trouble = Some(error);
            return;
        }
        tally.counts.count(&line);
        if pipeline.stop_rule().is_some_and(|rule| should_stop(rule, &tally, rows.count)) {
            state.stop("more rows failed than the pipeline allows".to_owned());
        }
        bar.inc(1);
    });
    if let Some(error) = trouble.or_else(|| source.trouble.take()) {
        return Err(error);
    }
    let stopped = state.stopped.into_inner();
    if let Some(why) = &stopped {
        while let Some(row) = source.next_row() {
            let message = why.clone();
            results.append(&OutcomeLine::Unprocessed { row: row.number, code: STOPPED.to_owned(), message })?;
        }
        source.trouble.map_or(Ok(()), Err)?;
    }
    bar.finish_and_clear();
    Ok(stopped)
}

/// Why no more rows are begun.
struct State {
    stopped: std::cell::RefCell<Option<String>>,
}

impl State {
    fn is_stopped(&self) -> bool {
        self.stopped.borrow().is_some()
    }

    fn stop(&self, why: String) {
        self.stopped.borrow_mut().get_or_insert(why);
    }
}

fn reason(interrupted: &Interrupted) -> String {
    match interrupted {
        Interrupted::PartnerDown { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

/// The rows, one after the other.
struct Source {
    lines: Lines<BufReader<File>>,
    /// Why there are no more.
    trouble: Option<anyhow::Error>,
}

impl Source {
    fn open(rows: &Rows) -> Result<Self> {
        let file = File::open(rows.file.path()).context("cannot read the rows again")?;
        Ok(Self { lines: BufReader::with_capacity(256 * 1024, file).lines(), trouble: None })
    }

    fn next_row(&mut self) -> Option<SourceRow> {
        let line = self.lines.next()?;
        let row = line.context("cannot read the rows again").and_then(|line| Ok(SourceRow::parse(line.as_bytes())?));
        row.map_err(|error| self.trouble = Some(error)).ok()
    }
}

/// A bar for a person at a terminal, and nothing for a log.
fn bar(rows: u64) -> ProgressBar {
    let target = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(rows), target);
    let style = ProgressStyle::default_bar()
        .template("processing  [{wide_bar:.green}] {human_pos}/{human_len} rows, {per_sec}");
    // The template is a constant; a broken one would still draw the default.
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}

fn show(folder: &Path, files: &[&'static str], counts: &Counts, stopped: Option<&str>, json: bool) -> Result<()> {
    if json {
        output::json([json!({
            "folder": folder,
            "files": files,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "unprocessed": counts.unprocessed,
            "failed_by_code": counts.failed_by_code,
            "stopped": stopped,
        })])?;
        return Ok(());
    }
    let mut table = Table::new(&[Left("OUTCOME"), Right("ROWS")]);
    for (name, rows) in
        [("succeeded", counts.succeeded), ("failed", counts.failed), ("unprocessed", counts.unprocessed)]
    {
        table.row(&[name.to_owned(), words::count(rows).to_string()]);
    }
    for (code, rows) in &counts.failed_by_code {
        table.row(&[format!("  {}", words::plain(code)), words::count(*rows).to_string()]);
    }
    output::line(table)?;
    output::line(format!("\nin {}: {}", folder.display(), files.join(", ")))?;
    if let Some(why) = stopped {
        stderr_line(&format!("stopped: {}; the rows that are unprocessed can be run again", words::plain(why)));
    }
    Ok(())
}
