//! `cargo xtask fuzz`: damaged files by the million, read under a memory limit; and the corpus of the fuzz targets.
//!
//! A mutant is named by format, seed and number. Workers, which are this program started again, read mutants one after
//! another; this process looks at their progress, and knows by it which mutant killed or stopped one. What ends otherwise
//! than in rows or in an error of the file is a failure: it is told, kept in `.filas/fuzz`, and repeated by its name.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use filas_testkit::workbooks::mutation::Kind;

use crate::progress::{say, step};
use crate::workspace::Workspace;

mod crew;
mod good_files;
mod worker;

use crew::{Crew, Failure};
pub use worker::{WorkerOptions, work};

/// What to do.
#[derive(Debug, Clone, Args)]
pub struct FuzzOptions {
    /// How many mutants, shared among the formats.
    #[arg(long, default_value_t = 100_000)]
    pub mutants: u64,
    /// Names the mutants, together with their numbers.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Only these formats: xlsx, xlsb, xls, ods, csv, json.
    #[arg(long = "format", value_parser = kind)]
    pub formats: Vec<Kind>,
    /// Only the mutant of this number, as it was told of a failure.
    #[arg(long)]
    pub only: Option<u64>,
    /// Read this file as a worker would, as often as it says.
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// Write the corpus of the fuzz targets to fuzz/corpus, and do nothing else.
    #[arg(long)]
    pub corpus: bool,
    /// Address space of a worker, in MB.
    #[arg(long, default_value_t = 256)]
    pub memory_mb: u64,
    /// Seconds after which one mutant counts as a hang.
    #[arg(long, default_value_t = 10.0)]
    pub hang_seconds: f64,
    /// How many workers; as many as there are processors if not said.
    #[arg(long)]
    pub workers: Option<usize>,
    /// Misbehave at a mutant, so that the tests see what is made of it: panic@7, abort@7, hang@7, memory@7.
    #[arg(long, hide = true)]
    pub plant: Option<String>,
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::named(name).ok_or_else(|| format!("there is no format {name:?}"))
}

/// Writes the corpus, repeats one mutant, or reads many.
///
/// # Errors
/// When a mutant fails, or the workers cannot be run.
pub fn fuzz(workspace: &Workspace, options: &FuzzOptions) -> Result<()> {
    if options.corpus {
        return corpus(workspace);
    }
    if let Some(file) = &options.replay {
        return worker::replay(file);
    }
    let kinds = if options.formats.is_empty() { Kind::ALL.to_vec() } else { options.formats.clone() };
    if let Some(number) = options.only {
        ensure!(kinds.len() == 1, "a mutant is named by its format too: --format xlsx --only {number}");
    }
    let mut failures = 0;
    let share = options.mutants.div_ceil(kinds.len() as u64);
    println!("| format | mutants | read to the end | refused | failures | mutants/s | slowest | most memory |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for kind in kinds {
        failures += run(workspace, options, kind, share)?;
    }
    ensure!(failures == 0, "{failures} mutants failed");
    Ok(())
}

/// Reads the mutants of one format; answers how many failed.
fn run(workspace: &Workspace, options: &FuzzOptions, kind: Kind, count: u64) -> Result<usize> {
    let numbers = match options.only {
        Some(number) => number..number + 1,
        None => 0..count,
    };
    let started = Instant::now();
    let done = Crew::new(workspace, options, kind)?.read(numbers.clone())?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "| {} | {} | {} | {} | {} | {:.0} | {:.0} ms (number {}) | {:.1} MB |",
        kind.name(),
        numbers.end - numbers.start,
        done.tally.read,
        done.tally.refused.values().sum::<u64>(),
        done.failures.len(),
        (numbers.end - numbers.start) as f64 / seconds,
        done.tally.slowest_ms,
        done.tally.slowest,
        done.tally.peak_kib as f64 / 1024.0,
    );
    say(&format!("{}: refused as {}", kind.name(), by_code(&done.tally.refused)));
    keep(workspace, options, kind, &done.failures)?;
    Ok(done.failures.len())
}

fn by_code(refused: &BTreeMap<String, u64>) -> String {
    let mut codes: Vec<_> = refused.iter().collect();
    codes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    codes.iter().map(|(code, count)| format!("{code} {count}")).collect::<Vec<_>>().join(", ")
}

/// Tells of each failure, and keeps its file.
fn keep(workspace: &Workspace, options: &FuzzOptions, kind: Kind, failures: &[Failure]) -> Result<()> {
    if failures.is_empty() {
        return Ok(());
    }
    let folder = workspace.made().join("fuzz");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let seeds = good_files::seeds(workspace, kind)?;
    for failure in failures {
        let (name, seed, number) = (kind.name(), options.seed, failure.number);
        let path = folder.join(format!("{name}-{seed}-{number}.{name}"));
        fs::write(&path, seeds.mutant(seed, number)).with_context(|| format!("cannot write {}", path.display()))?;
        println!("FAILED {name} seed {seed} number {number}: {}", failure.what);
        println!("  kept as {}", path.display());
        println!("  repeat: cargo xtask fuzz --seed {seed} --format {name} --only {number}");
    }
    Ok(())
}

/// The good files of each format, as the fuzz targets want them.
fn corpus(workspace: &Workspace) -> Result<()> {
    for kind in Kind::ALL {
        let folder = workspace.root().join("fuzz").join("corpus").join(kind.name());
        let seeds = good_files::seeds(workspace, kind)?;
        step(&format!("writing {}", folder.display()), || {
            fs::create_dir_all(&folder)?;
            for (number, file) in seeds.files().enumerate() {
                fs::write(folder.join(format!("good-{number:03}")), file)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// How long one mutant may take.
fn patience(options: &FuzzOptions) -> Result<Duration> {
    match Duration::try_from_secs_f64(options.hang_seconds) {
        Ok(patience) if !patience.is_zero() => Ok(patience),
        _ => bail!("--hang-seconds has to be more than nothing"),
    }
}
