//! The readers of this program: mere inflating, ours, and calamine's cell reader.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use calamine::{DataRef, Reader, Xlsx};
use clap::Args;
use filas_sheets::{ReadAhead, ReadOptions, RowSink, SourceHint, read_rows};
use serde_json::json;

use crate::memory;

/// Which reader, and what.
#[derive(Debug, Clone, Args)]
pub struct ReaderOptions {
    /// `inflate`, `ours`, `ours-ahead` or `calamine`.
    reader: String,
    /// The workbook.
    file: PathBuf,
}

/// Reads once, and prints seconds, the most memory of this process, and the rows below the header.
///
/// # Errors
/// When the file cannot be read.
pub fn read_once(options: &ReaderOptions) -> Result<()> {
    let begun = Instant::now();
    let rows = match options.reader.as_str() {
        "inflate" => inflate(&options.file)?,
        "ours" => ours(&options.file, ReadAhead::Never)?,
        "ours-ahead" => ours(&options.file, ReadAhead::Always)?,
        "calamine" => calamine_cells(&options.file)?,
        other => bail!("there is no reader {other:?}"),
    };
    let seconds = begun.elapsed().as_secs_f64();
    let line = json!({ "seconds": seconds, "peak_kib": memory::peak_kib().unwrap_or(0), "rows": rows });
    println!("{line}");
    Ok(())
}

/// Inflates the two large parts and looks for nothing but the ends of rows, in passing: about the cost of a copy.
fn inflate(path: &Path) -> Result<u64> {
    let mut archive = zip::ZipArchive::new(BufReader::new(File::open(path)?))?;
    let mut buffer = vec![0; 128 << 10];
    let mut bytes = 0_u64;
    let names = ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"];
    for name in names.iter().filter(|name| archive.index_for_name(name).is_some()).copied().collect::<Vec<_>>() {
        let mut part = archive.by_name(name)?;
        loop {
            match part.read(&mut buffer)? {
                0 => break,
                count => bytes += count as u64,
            }
        }
    }
    std::hint::black_box(bytes);
    // It counts no rows: the name of the file says how many there are.
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.split('-').nth(1).and_then(|rows| rows.parse().ok()).context("the name of the file has no number of rows")
}

struct Lines<W>(W);

impl<W: Write> RowSink for Lines<W> {
    fn columns(&mut self, _names: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        write!(self.0, "{{\"row\":{row},\"record\":")?;
        self.0.write_all(record)?;
        self.0.write_all(b"}\n")
    }

    fn bad_row(&mut self, row: u32, _code: &str, _message: &str) -> io::Result<()> {
        Err(io::Error::other(format!("row {row} is bad")))
    }

    fn can_restart(&self) -> bool {
        true
    }
}

fn ours(path: &Path, read_ahead: ReadAhead) -> Result<u64> {
    let options = ReadOptions { read_ahead, ..ReadOptions::default() };
    let mut sink = Lines(BufWriter::new(io::sink()));
    Ok(read_rows(File::open(path)?, &SourceHint::default(), &options, &mut sink)?.rows)
}

/// Every cell as JSON, one behind the other.
fn calamine_cells(path: &Path) -> Result<u64> {
    let mut workbook = Xlsx::new(BufReader::new(File::open(path)?))?;
    let name = workbook.sheet_names().first().context("the workbook has no sheet")?.clone();
    let mut out = BufWriter::new(io::sink());
    let mut cells = workbook.worksheet_cells_reader(&name)?;
    let mut last = 0;
    while let Some(cell) = cells.next_cell()? {
        last = cell.get_position().0;
        match cell.get_value() {
            DataRef::SharedString(text) => serde_json::to_writer(&mut out, text)?,
            DataRef::String(text) => serde_json::to_writer(&mut out, text)?,
            DataRef::Float(number) => serde_json::to_writer(&mut out, number)?,
            DataRef::Bool(value) => serde_json::to_writer(&mut out, value)?,
            DataRef::DateTime(moment) => write!(out, "\"{:?}\"", moment.to_ymd_hms_milli())?,
            _ => out.write_all(b"null")?,
        }
    }
    Ok(u64::from(last))
}
