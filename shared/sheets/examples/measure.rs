//! Time of our reader, of calamine's cell reader and of mere inflating, on one workbook, as ratios.
//!
//! `cargo run --release -p filas-sheets --example measure -- ROWS`

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use calamine::{DataRef, Reader, Xlsx};
use filas_sheets::{ReadOptions, RowSink, SourceHint, read_rows};
use filas_testkit::workbooks::orders;

const RUNS: u32 = 5;

struct Lines<W>(W);

impl<W: Write> RowSink for Lines<W> {
    fn columns(&mut self, _: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        write!(self.0, "{{\"row\":{row},\"record\":")?;
        self.0.write_all(record)?;
        self.0.write_all(b"}\n")
    }

    fn bad_row(&mut self, _: u32, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let rows = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("orders.xlsx");
    let started = Instant::now();
    orders(&path, rows, 1)?;
    println!("{rows} rows written in {:?}, {} bytes", started.elapsed(), path.metadata()?.len());
    let inflate = best(|| inflate(&path))?;
    let ours = best(|| ours(&path))?;
    println!("ours done, peak so far {} kB", peak_kilobytes());
    let theirs = best(|| theirs(&path))?;
    println!("calamine done, peak so far {} kB", peak_kilobytes());
    let ratio = |time: Duration| time.as_secs_f64() / inflate.as_secs_f64();
    println!("inflate {inflate:?}");
    println!("ours {ours:?}, {:.1} x inflate", ratio(ours));
    println!("calamine {theirs:?}, {:.1} x inflate", ratio(theirs));
    println!("calamine / ours {:.1}", theirs.as_secs_f64() / ours.as_secs_f64());
    Ok(())
}

fn best(mut run: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let started = Instant::now();
        run()?;
        best = best.min(started.elapsed());
    }
    Ok(best)
}

fn inflate(path: &Path) -> Result<(), Box<dyn Error>> {
    let mut archive = zip::ZipArchive::new(BufReader::new(File::open(path)?))?;
    let mut buffer = vec![0; 128 << 10];
    for name in ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"] {
        let mut part = archive.by_name(name)?;
        while part.read(&mut buffer)? > 0 {}
    }
    Ok(())
}

fn ours(path: &Path) -> Result<(), Box<dyn Error>> {
    let mut sink = Lines(BufWriter::new(io::sink()));
    read_rows(File::open(path)?, &SourceHint::default(), &ReadOptions::default(), &mut sink)?;
    Ok(())
}

fn theirs(path: &Path) -> Result<(), Box<dyn Error>> {
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

/// The most memory this process ever had, by Linux.
fn peak_kilobytes() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or("?").to_owned()
}
