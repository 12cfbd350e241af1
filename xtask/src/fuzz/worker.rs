//! A worker: reads mutants one after another, with little memory, and says which one it is at.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use filas_sheets::child::{ReaderProgram, read_path};
use filas_sheets::{Limits, ReadAhead, ReadError, ReadOptions, ReadSummary, RowSink, SourceHint, read_rows};
use filas_testkit::workbooks::mutation::Kind;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::good_files;
use crate::workspace::Workspace;

/// Which mutants, and how.
#[derive(Debug, Clone, Args)]
pub struct WorkerOptions {
    /// Format of the mutants.
    #[arg(long, value_parser = super::kind)]
    pub format: Kind,
    /// Their seed.
    #[arg(long)]
    pub seed: u64,
    /// Number of the first.
    #[arg(long)]
    pub first: u64,
    /// How many.
    #[arg(long)]
    pub count: u64,
    /// Address space in MB.
    #[arg(long)]
    pub memory_mb: u64,
    /// A file to keep the number of the mutant in.
    #[arg(long)]
    pub progress: PathBuf,
    /// How and where to misbehave.
    #[arg(long)]
    pub plant: Option<String>,
}

/// What became of mutants that did not fail.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Read to the end.
    pub(super) read: u64,
    /// Refused, by code.
    pub(super) refused: BTreeMap<String, u64>,
    /// Number of the one that took longest, and its milliseconds.
    pub(super) slowest: u64,
    pub(super) slowest_ms: f64,
    /// The most memory that the process had, in KiB; 0 where nobody says.
    pub(super) peak_kib: u64,
}

/// Reads the mutants and prints their tally. Does not come back from one that fails.
///
/// # Errors
/// When the machine is in trouble.
pub fn work(workspace: &Workspace, options: &WorkerOptions) -> Result<()> {
    let seeds = good_files::seeds(workspace, options.format)?;
    // Not made anew: somebody is reading it.
    let progress =
        File::options().write(true).open(&options.progress).context("cannot open the file of the progress")?;
    let mut desk = Desk::new(options.format)?;
    let bytes = options.memory_mb << 20;
    setrlimit(Resource::As, Rlimit { current: Some(bytes), maximum: Some(bytes) })
        .context("cannot limit the memory")?;
    let mut tally = Tally::default();
    for number in options.first..options.first + options.count {
        progress.write_all_at(&number.to_le_bytes(), 0).context("cannot write the progress")?;
        misbehave(options.plant.as_deref(), number)?;
        let mutant = seeds.mutant(options.seed, number);
        let started = Instant::now();
        match desk.read(&mutant, number)? {
            Ok(_) => tally.read += 1,
            Err(error) => *tally.refused.entry(error.code().to_owned()).or_default() += 1,
        }
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        if milliseconds > tally.slowest_ms {
            (tally.slowest, tally.slowest_ms) = (number, milliseconds);
        }
    }
    tally.peak_kib = crate::memory::peak_kib().unwrap_or(0);
    println!("{}", serde_json::to_string(&tally)?);
    Ok(())
}

/// Reads one file as a worker reads a mutant, but without a limit, and says what came of it.
pub(super) fn replay(path: &Path) -> Result<()> {
    let name = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let kind = Kind::named(name).with_context(|| format!("{} has no extension of a format", path.display()))?;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    match Desk::new(kind)?.read(&bytes, 0)? {
        Ok(summary) => println!("{} rows, {} bad", summary.rows, summary.bad_rows),
        Err(error) => println!("{}", error.to_json()),
    }
    Ok(())
}

/// The place where one file after another is read.
struct Desk {
    kind: Kind,
    file: tempfile::NamedTempFile,
    options: ReadOptions,
}

impl Desk {
    fn new(kind: Kind) -> Result<Self> {
        // In memory where the system has such a place: the file is written anew for every mutant.
        let file = tempfile::NamedTempFile::new_in("/dev/shm").or_else(|_| tempfile::NamedTempFile::new());
        // A mutant that honestly makes a million rows of one is no hang, and teaches nothing.
        let limits =
            Limits { cells: 300_000, output_bytes: 16 << 20, time: Duration::from_secs(8), ..Limits::default() };
        let options = ReadOptions { limits, ..ReadOptions::default() };
        Ok(Self { kind, file: file.context("cannot make a temporary file")?, options })
    }

    /// What came of a file. An outcome that no file may have is a panic.
    fn read(&mut self, bytes: &[u8], number: u64) -> Result<Result<ReadSummary, ReadError>> {
        let file = self.file.as_file_mut();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        // Both ways of inflating, and both kinds of sinks.
        self.options.read_ahead = if number % 16 == 3 { ReadAhead::Always } else { ReadAhead::Never };
        let hint = SourceHint { filename: Some(format!("a.{}", self.kind.name())), media_type: None };
        let mut sink = Judge { can_restart: number.is_multiple_of(2), last: 0, columns: 0 };
        let outcome = match self.kind {
            Kind::Xls => read_path(self.file.path(), &hint, &self.options, &ReaderProgram::this(), &mut sink),
            _ => read_rows(self.file.reopen()?, &hint, &self.options, &mut sink),
        };
        if let Err(error) = &outcome
            && error.is_transient()
        {
            panic!("a file is not the machine's fault: {}", error.to_json());
        }
        Ok(outcome)
    }
}

/// A sink that refuses what no reader may hand out.
struct Judge {
    can_restart: bool,
    last: u32,
    columns: usize,
}

impl Judge {
    fn next(&mut self, row: u32) {
        assert!(row > self.last, "row {row} comes after row {}", self.last);
        self.last = row;
    }
}

impl RowSink for Judge {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        assert!(self.columns == 0, "the columns come twice");
        self.columns = names.len().max(1);
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        self.next(row);
        assert!(!record.contains(&b'\n'), "row {row} holds a line break");
        if let Err(error) = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(record) {
            panic!("row {row} is no JSON object: {error}: {}", String::from_utf8_lossy(record));
        }
        Ok(())
    }

    fn bad_row(&mut self, row: u32, code: &str, message: &str) -> io::Result<()> {
        self.next(row);
        assert!(!code.is_empty() && !message.is_empty(), "row {row} is bad, and nobody says why");
        Ok(())
    }

    fn can_restart(&self) -> bool {
        self.can_restart
    }

    fn restart(&mut self) -> io::Result<()> {
        assert!(self.can_restart, "a sink that cannot start again is asked to");
        (self.last, self.columns) = (0, 0);
        Ok(())
    }
}

/// What the tests of this command plant at a mutant.
fn misbehave(plant: Option<&str>, number: u64) -> Result<()> {
    let Some((how, place)) = plant.and_then(|plant| plant.split_once('@')) else { return Ok(()) };
    if place.parse() != Ok(number) {
        return Ok(());
    }
    match how {
        "panic" => panic!("planted"),
        "abort" => std::process::abort(),
        "hang" => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        "memory" => {
            // Looked at by nobody, it would not be made.
            let much = std::hint::black_box(vec![1_u8; 1 << 30]);
            bail!("there is memory for {} bytes", much.len())
        }
        _ => bail!("there is no way to misbehave as {how:?}"),
    }
}
