//! `cargo xtask bench sheets`: our reader beside others, each in a process of its own, as ratios of the same run.
//!
//! The measure is to inflate the two large parts of the workbook and to throw the bytes away. Ours and calamine's cell
//! reader make JSON of every cell; the readers of Python only read, and their imports are not counted, which is in their
//! favour.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use filas_testkit::workbooks;
use serde::Deserialize;

use crate::build::cargo;
use crate::progress::step;
use crate::python::{self, Requirements};
use crate::workspace::Workspace;

mod readers;

pub use readers::{ReaderOptions, read_once};

/// Rows after which openpyxl is stopped, because a million take it minutes.
const PATIENCE: u32 = 100_000;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct SheetsBench {
    /// Rows of the workbooks; several sizes with commas.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    rows: Vec<u32>,
    /// Rounds, in each of which every reader has its turn. openpyxl has one.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Let openpyxl read everything, however long it takes.
    #[arg(long)]
    full: bool,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// One of this program.
    Own(&'static str),
    /// One of `bench.py`.
    Python(&'static str),
}

const READERS: [(Reader, &str); 7] = [
    (Reader::Own("inflate"), "inflate alone (zlib-rs)"),
    (Reader::Own("ours"), "Filas, one thread"),
    (Reader::Own("ours-ahead"), "Filas, two threads"),
    (Reader::Own("calamine"), "calamine, cell reader"),
    (Reader::Python("python-calamine"), "python-calamine"),
    (Reader::Python("polars"), "polars (fastexcel)"),
    (Reader::Python("openpyxl"), "openpyxl, read-only"),
];

/// What a reader says of itself.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Taken {
    seconds: f64,
    peak_kib: u64,
    rows: u64,
}

/// Measures, and prints tables for people and for the README.
///
/// # Errors
/// When a workbook cannot be made, or a reader fails or misses rows.
pub fn compare(workspace: &Workspace, options: &SheetsBench) -> Result<()> {
    let folder = workspace.made().join("bench");
    fs::create_dir_all(&folder)?;
    let python = python::environment(workspace, Requirements::Bench)?;
    let mut table = vec![
        "| rows | texts | reader | seconds | × inflate | × Filas, one thread | peak MB |".to_owned(),
        "| ---: | --- | --- | ---: | ---: | ---: | ---: |".to_owned(),
    ];
    let mut splits = Vec::new();
    for rows in &options.rows {
        for (texts, file) in make(&folder, *rows)? {
            let best = measure(workspace, &python, &file, *rows, options)?;
            table.extend(lines(*rows, texts, &best));
            splits.push(split(workspace, &folder, &file, *rows, texts)?);
        }
    }
    println!("Best of {} rounds, one process for each reading; openpyxl has one round.\n", options.runs);
    println!("{}\n\n## Splitting, by the code of the function\n", table.join("\n"));
    println!("| rows | texts | seconds | rows/s | peak MB | batches | rows object MB |");
    println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: |\n{}", splits.join("\n"));
    Ok(())
}

/// The two workbooks of a size.
fn make(folder: &Path, rows: u32) -> Result<[(&'static str, PathBuf); 2]> {
    let (shared, inline) =
        (folder.join(format!("orders-{rows}.xlsx")), folder.join(format!("orders-{rows}-inline.xlsx")));
    step(&format!("making workbooks of {rows} orders"), || {
        workbooks::orders(&shared, rows, 1)?;
        workbooks::orders_inline(&inline, rows, 1)?;
        Ok(())
    })?;
    Ok([("shared", shared), ("inline", inline)])
}

/// The best of each reader. Everyone has a turn in every round, so that a disturbance of the machine meets all.
fn measure(
    workspace: &Workspace,
    python: &Path,
    file: &Path,
    rows: u32,
    options: &SheetsBench,
) -> Result<Vec<(Reader, &'static str, Taken)>> {
    let mut best: Vec<(Reader, &'static str, Taken)> = Vec::new();
    for round in 1..=options.runs {
        for (reader, name) in READERS {
            let is_slow = reader == Reader::Python("openpyxl");
            if is_slow && round > 1 {
                continue;
            }
            let most = (is_slow && !options.full && rows > PATIENCE).then_some(PATIENCE);
            let taken = step(&format!("round {round}: {name}"), || take(workspace, python, reader, file, most))?;
            let expected = u64::from(most.unwrap_or(rows));
            ensure!(taken.rows == expected, "{name} read {} rows of {expected}", taken.rows);
            match best.iter_mut().find(|(known, ..)| *known == reader) {
                None => best.push((reader, name, taken)),
                Some((_, _, known)) => {
                    known.seconds = known.seconds.min(taken.seconds);
                    known.peak_kib = known.peak_kib.max(taken.peak_kib);
                }
            }
        }
    }
    Ok(best)
}

/// One reading in a process of its own.
fn take(workspace: &Workspace, python: &Path, reader: Reader, file: &Path, most: Option<u32>) -> Result<Taken> {
    let mut command = match reader {
        Reader::Own(name) => {
            let mut command = Command::new(std::env::current_exe().context("cannot tell what program this is")?);
            command.args(["bench-reader", name]).env("CARGO_MANIFEST_DIR", workspace.root());
            command
        }
        Reader::Python(name) => {
            let mut command = Command::new(python);
            command.arg(workspace.root().join("shared/sheets/tests/readers/bench.py")).arg(name);
            command
        }
    };
    command.arg(file);
    command.args(most.map(|rows| rows.to_string()));
    answer(&mut command)
}

fn answer<T: for<'de> Deserialize<'de>>(command: &mut Command) -> Result<T> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(|| format!("{command:?} says something else"))
}

/// The lines of one workbook. What read only some of the rows is scaled, and marked.
fn lines(rows: u32, texts: &str, best: &[(Reader, &'static str, Taken)]) -> Vec<String> {
    let whole = |taken: &Taken| taken.seconds * f64::from(rows) / taken.rows as f64;
    let of = |name: &'static str| {
        best.iter().find(|(reader, ..)| *reader == Reader::Own(name)).map_or(1.0, |found| whole(&found.2))
    };
    let (inflate, ours) = (of("inflate"), of("ours"));
    let line = |(_, name, taken): &(Reader, &'static str, Taken)| {
        let seconds = whole(taken);
        let mark = if taken.rows < u64::from(rows) { format!(" ({} rows, scaled)", taken.rows) } else { String::new() };
        format!(
            "| {rows} | {texts} | {name}{mark} | {seconds:.3} | {:.2} | {:.2} | {:.1} |",
            seconds / inflate,
            seconds / ours,
            taken.peak_kib as f64 / 1024.0
        )
    };
    best.iter().map(line).collect()
}

/// What the splitting of one workbook took.
#[derive(Deserialize)]
struct Split {
    seconds: f64,
    peak_kib: u64,
    rows: u64,
    batches: u64,
    bytes: u64,
}

/// The file to rows object and index, by the function's own code, with a folder for a bucket.
fn split(workspace: &Workspace, folder: &Path, file: &Path, rows: u32, texts: &str) -> Result<String> {
    let bucket = tempfile::tempdir_in(folder).context("cannot make a folder")?;
    let split: Split = step(&format!("splitting {rows} orders with {texts} texts"), || {
        let mut command = cargo(workspace);
        command.args(["run", "--release", "--quiet", "--package", "split", "--example", "split_workbook", "--"]);
        answer(command.arg(file).arg(bucket.path()))
    })?;
    ensure!(split.rows == u64::from(rows), "{} rows were split of {rows}", split.rows);
    Ok(format!(
        "| {rows} | {texts} | {:.3} | {:.0} | {:.1} | {} | {:.1} |",
        split.seconds,
        split.rows as f64 / split.seconds,
        split.peak_kib as f64 / 1024.0,
        split.batches,
        split.bytes as f64 / 1e6
    ))
}
