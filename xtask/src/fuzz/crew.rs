//! The workers, seen from outside: who died, who hangs, and at which mutant.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use filas_testkit::workbooks::mutation::Kind;
use indicatif::{ProgressBar, ProgressStyle};

use super::worker::Tally;
use super::{FuzzOptions, patience};
use crate::workspace::Workspace;

/// Mutants of one process: few enough that all workers end at about the same time.
const PORTION: u64 = 5_000;
/// Failures after which nobody needs more of them.
const ENOUGH: usize = 50;
const GLANCE: Duration = Duration::from_millis(20);

/// One mutant that ended otherwise than in rows or in an error of the file.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) number: u64,
    /// How it ended, in words.
    pub(super) what: String,
}

/// What became of a range of mutants.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) tally: Tally,
    pub(super) failures: Vec<Failure>,
}

/// The workers of one format.
pub(super) struct Crew<'o> {
    options: &'o FuzzOptions,
    kind: Kind,
    program: PathBuf,
    patience: Duration,
    folder: tempfile::TempDir,
    root: PathBuf,
}

/// How a worker ended.
enum End {
    Well(Tally),
    /// It died or was killed at this mutant.
    Badly(Failure),
}

impl<'o> Crew<'o> {
    pub(super) fn new(workspace: &Workspace, options: &'o FuzzOptions, kind: Kind) -> Result<Self> {
        Ok(Self {
            options,
            kind,
            program: std::env::current_exe().context("cannot tell what program this is")?,
            patience: patience(options)?,
            folder: tempfile::tempdir().context("cannot make a temporary folder")?,
            root: workspace.root().to_owned(),
        })
    }

    /// Reads all of these mutants.
    pub(super) fn read(&self, numbers: Range<u64>) -> Result<Done> {
        let workers =
            self.options.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let next = AtomicU64::new(numbers.start);
        let done = Mutex::new(Done::default());
        let bar = bar(numbers.end - numbers.start, self.kind)?;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..workers.max(1))
                .map(|worker| {
                    let (next, done, bar, numbers) = (&next, &done, &bar, &numbers);
                    scope.spawn(move || self.take_portions(worker, next, numbers.end, done, bar))
                })
                .collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(result) => result,
                Err(_) => bail!("a thread that looks after a worker panicked"),
            })
        })?;
        bar.finish_and_clear();
        done.into_inner().ok().context("a thread that looks after a worker panicked")
    }

    fn take_portions(
        &self,
        worker: usize,
        next: &AtomicU64,
        end: u64,
        done: &Mutex<Done>,
        bar: &ProgressBar,
    ) -> Result<()> {
        let progress = self.folder.path().join(format!("worker-{worker}"));
        loop {
            let mut first = next.fetch_add(PORTION, Ordering::Relaxed);
            let last = end.min(first.saturating_add(PORTION));
            // What comes behind a mutant that kills a worker is read by another.
            while first < last {
                let ended = self.send(first, last - first, &progress, bar)?;
                let mut done = done.lock().ok().context("a thread that looks after a worker panicked")?;
                match ended {
                    End::Well(tally) => {
                        add(&mut done.tally, tally);
                        first = last;
                    }
                    End::Badly(failure) => {
                        first = failure.number + 1;
                        bar.suspend(|| eprintln!("filas: {} {}: {}", self.kind.name(), failure.number, failure.what));
                        done.failures.push(failure);
                    }
                }
                ensure!(done.failures.len() < ENOUGH, "{ENOUGH} mutants failed, which is enough");
            }
            if last >= end {
                return Ok(());
            }
        }
    }

    /// Sends a worker through some mutants and waits for it.
    fn send(&self, first: u64, count: u64, progress: &Path, bar: &ProgressBar) -> Result<End> {
        std::fs::write(progress, first.to_le_bytes()).context("cannot write the file of the progress")?;
        let seen = File::open(progress).context("cannot open the file of the progress")?;
        let mut worker = self.start(first, count, progress)?;
        let (mut number, mut moved) = (first, Instant::now());
        let status = loop {
            if let Some(status) = worker.try_wait().context("cannot wait for a worker")? {
                break Some(status);
            }
            let now_at = at(&seen)?;
            if now_at != number {
                bar.inc(now_at - number);
                (number, moved) = (now_at, Instant::now());
            }
            if moved.elapsed() > self.patience {
                worker.kill().context("cannot stop a worker")?;
                worker.wait().context("cannot wait for a worker")?;
                break None;
            }
            std::thread::sleep(GLANCE);
        };
        let number = at(&seen)?;
        let (mut said, mut complaint) = (String::new(), String::new());
        // Both are short: a worker prints one line, or panics with a few.
        worker.stdout.take().map(|mut pipe| pipe.read_to_string(&mut said));
        worker.stderr.take().map(|mut pipe| pipe.read_to_string(&mut complaint));
        let what = match status {
            Some(status) if status.success() => {
                bar.inc(first + count - number);
                return Ok(End::Well(serde_json::from_str(&said).context("a worker says something else")?));
            }
            Some(status) => format!("{}: {}", how(status), complaint.trim()),
            None => format!("a hang: more than {} s", self.patience.as_secs_f64()),
        };
        Ok(End::Badly(Failure { number, what }))
    }

    fn start(&self, first: u64, count: u64, progress: &Path) -> Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .args(["fuzz-worker", "--format", self.kind.name()])
            .args(["--seed", &self.options.seed.to_string()])
            .args(["--first", &first.to_string(), "--count", &count.to_string()])
            .args(["--memory-mb", &self.options.memory_mb.to_string()])
            .arg("--progress")
            .arg(progress)
            // The workspace is found from here, whoever started us; a backtrace costs seconds a panic.
            .env("CARGO_MANIFEST_DIR", &self.root)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(plant) = &self.options.plant {
            command.args(["--plant", plant]);
        }
        command.spawn().context("cannot start a worker")
    }
}

/// The number of the mutant that a worker is at.
fn at(progress: &File) -> Result<u64> {
    let mut number = [0; 8];
    progress.read_exact_at(&mut number, 0).context("cannot read the progress of a worker")?;
    Ok(u64::from_le_bytes(number))
}

fn how(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("an abort, signal {signal}"),
        (None, Some(101)) => "a panic".to_owned(),
        (None, _) => status.to_string(),
    }
}

fn add(sum: &mut Tally, tally: Tally) {
    sum.read += tally.read;
    for (code, count) in tally.refused {
        *sum.refused.entry(code).or_default() += count;
    }
    if tally.slowest_ms > sum.slowest_ms {
        (sum.slowest, sum.slowest_ms) = (tally.slowest, tally.slowest_ms);
    }
    sum.peak_kib = sum.peak_kib.max(tally.peak_kib);
}

fn bar(count: u64, kind: Kind) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}")?;
    Ok(ProgressBar::new(count).with_style(style).with_message(kind.name()))
}
