//! Time and peak memory of our reader, of calamine's cell reader and of mere inflating, as ratios in the same run.
//!
//! * `cargo run --release -p filas-sheets --example measure -- ROWS` makes workbooks of orders with shared and with
//!   inline strings, runs every reader in a process of its own, in turn, and prints the best time of each.
//! * `… -- make ROWS FOLDER` only makes the workbooks; `… -- run READER FILE` reads one once, for a profiler.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use calamine::{DataRef, Reader, Xlsx};
use filas_sheets::{ReadAhead, ReadOptions, RowSink, SourceHint, read_rows};
use filas_testkit::workbooks::orders;
use zip::ZipArchive;
use zip::write::{SimpleFileOptions, ZipWriter};

const ROUNDS: u32 = 5;
const READERS: [&str; 4] = ["inflate", "ours", "ours on one thread", "calamine"];
const STRINGS: &str = "xl/sharedStrings.xml";
const SHEET: &str = "xl/worksheets/sheet1.xml";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", rows, folder] => make(Path::new(folder), rows.parse()?).map(drop),
        ["run", reader, file] => run(reader, Path::new(file)),
        [rows] => compare(rows.parse()?),
        _ => Err("say ROWS, or make ROWS FOLDER, or run READER FILE".into()),
    }
}

fn compare(rows: u32) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    println!("{rows} rows of 12 columns; best of {ROUNDS}\n");
    println!("| strings | reader | seconds | × inflate | peak MB |\n| --- | --- | --- | --- | --- |");
    for (strings, path) in make(folder.path(), rows)? {
        let mut best = [(f64::MAX, 0.0); READERS.len()];
        // In turn, so that a disturbance of the machine meets all of them.
        for _ in 0..ROUNDS {
            for (reader, best) in READERS.iter().zip(&mut best) {
                let (seconds, megabytes) = in_own_process(reader, &path)?;
                *best = (best.0.min(seconds), megabytes.max(best.1));
            }
        }
        for (reader, (seconds, megabytes)) in READERS.iter().zip(best) {
            println!("| {strings} | {reader} | {seconds:.3} | {:.2} | {megabytes:.1} |", seconds / best[0].0);
        }
        println!("\n{strings}: calamine / ours on one thread {:.1}\n", best[3].0 / best[2].0);
    }
    Ok(())
}

fn in_own_process(reader: &str, path: &Path) -> Outcome<(f64, f64)> {
    let output = Command::new(std::env::current_exe()?).args(["run", reader]).arg(path).output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    match (numbers.next(), numbers.next()) {
        (Some(seconds), Some(megabytes)) if output.status.success() => Ok((seconds?, megabytes?)),
        _ => Err(format!("{reader} failed: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// Reads once, and prints seconds and the most memory this process ever had in MB.
fn run(reader: &str, path: &Path) -> Outcome<()> {
    let started = Instant::now();
    match reader {
        "inflate" => inflate(path)?,
        "ours" => ours(path, ReadAhead::Always)?,
        "ours on one thread" => ours(path, ReadAhead::Never)?,
        "calamine" => theirs(path)?,
        _ => return Err(format!("the readers are {}", READERS.join(", ")).into()),
    }
    println!("{:.6} {:.1}", started.elapsed().as_secs_f64(), peak_megabytes());
    Ok(())
}

fn make(folder: &Path, rows: u32) -> Outcome<Vec<(&'static str, PathBuf)>> {
    let (shared, inline) = (folder.join("shared.xlsx"), folder.join("inline.xlsx"));
    orders(&shared, rows, 1)?;
    with_inline_strings(&shared, &inline)?;
    Ok(vec![("shared", shared), ("inline", inline)])
}

/// Writes the same workbook again with every shared string in its cell.
fn with_inline_strings(from: &Path, to: &Path) -> Outcome<()> {
    const CELL: &str = " t=\"s\"><v>";
    let mut archive = ZipArchive::new(BufReader::new(File::open(from)?))?;
    let mut part = |name: &str| -> Outcome<String> { Ok(io::read_to_string(archive.by_name(name)?)?) };
    let (strings, sheet) = (part(STRINGS)?, part(SHEET)?);
    let items: Vec<&str> =
        strings.split("<si>").skip(1).map(|item| item.split("</si>").next().unwrap_or_default()).collect();
    let mut out = ZipWriter::new(BufWriter::new(File::create(to)?));
    for index in 0..archive.len() {
        let part = archive.by_index_raw(index)?;
        if part.name()? != STRINGS && part.name()? != SHEET {
            out.raw_copy_file(part)?;
        }
    }
    out.start_file(STRINGS, SimpleFileOptions::default())?;
    out.write_all(b"<sst></sst>")?;
    out.start_file(SHEET, SimpleFileOptions::default())?;
    let mut pieces = sheet.split(CELL);
    out.write_all(pieces.next().unwrap_or_default().as_bytes())?;
    for piece in pieces {
        let (index, rest) = piece.split_once("</v>").ok_or("a cell has no end")?;
        let item = items[index.parse::<usize>()?];
        write!(out, " t=\"inlineStr\"><is>{item}</is>{rest}")?;
    }
    out.finish()?.flush()?;
    Ok(())
}

fn inflate(path: &Path) -> Outcome<()> {
    let mut archive = ZipArchive::new(BufReader::with_capacity(64 << 10, File::open(path)?))?;
    let mut buffer = vec![0; 128 << 10];
    for name in [STRINGS, SHEET] {
        let mut part = archive.by_name(name)?;
        while part.read(&mut buffer)? > 0 {}
    }
    Ok(())
}

/// The lines that the splitting function stores.
struct Lines<W>(W);

impl<W: Write> RowSink for Lines<W> {
    fn columns(&mut self, _: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        self.0.write_all(b"{\"row\":")?;
        self.0.write_all(itoa::Buffer::new().format(row).as_bytes())?;
        self.0.write_all(b",\"record\":")?;
        self.0.write_all(record)?;
        self.0.write_all(b"}\n")
    }

    fn bad_row(&mut self, _: u32, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn can_restart(&self) -> bool {
        true
    }
}

fn ours(path: &Path, read_ahead: ReadAhead) -> Outcome<()> {
    let mut sink = Lines(BufWriter::with_capacity(64 << 10, io::sink()));
    let options = ReadOptions { read_ahead, ..ReadOptions::default() };
    read_rows(File::open(path)?, &SourceHint::default(), &options, &mut sink)?;
    Ok(())
}

fn theirs(path: &Path) -> Outcome<()> {
    let mut workbook = Xlsx::new(BufReader::new(File::open(path)?))?;
    let name = workbook.sheet_names()[0].clone();
    let mut out = BufWriter::new(io::sink());
    let mut cells = workbook.worksheet_cells_reader(&name)?;
    while let Some(cell) = cells.next_cell()? {
        match cell.get_value() {
            DataRef::SharedString(text) => serde_json::to_writer(&mut out, text)?,
            DataRef::String(text) => serde_json::to_writer(&mut out, text)?,
            DataRef::Float(number) => serde_json::to_writer(&mut out, number)?,
            DataRef::Bool(value) => serde_json::to_writer(&mut out, value)?,
            DataRef::DateTime(moment) => write!(out, "\"{:?}\"", moment.to_ymd_hms_milli())?,
            _ => out.write_all(b"null")?,
        }
    }
    Ok(())
}

/// By Linux; not a number elsewhere.
fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1000.0)
}
