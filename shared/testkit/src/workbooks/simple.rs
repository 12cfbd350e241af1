//! Workbooks for the shipped pipelines `prices` and `simulate`, with known bad rows.

use std::io;
use std::path::Path;

use rust_xlsxwriter::{Workbook, Worksheet, XlsxError};

/// What is known of such a workbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimpleTruth {
    /// All rows below the header.
    pub rows: u32,
    /// The numbers of the rows that fail, as the spreadsheet shows them.
    pub bad_row_numbers: Vec<u32>,
}

/// One price in so many is negative.
const WRONG_PRICES: u32 = 200;

/// One simulated row in so many fails.
const FAILING_JOBS: u32 = 100;

/// Writes a workbook of new prices: a product code (text with leading zeros) and a price with two decimals. Every 200th
/// price is negative, which `pipelines/prices.yaml` refuses.
///
/// # Errors
/// When the file cannot be written, or `rows` is more than a sheet holds (1,048,575 below the header).
pub fn prices(path: &Path, rows: u32, seed: u64) -> io::Result<SimpleTruth> {
    write(path, "Prices", &["sku", "price"], rows, |sheet, row| {
        let is_bad = row % WRONG_PRICES == 0;
        let cents = 100 + spread(seed, row) % 50_000;
        sheet.write_string(row, 0, format!("{row:08}"))?;
        sheet.write_number(row, 1, f64::from(cents) / if is_bad { -100.0 } else { 100.0 })?;
        Ok(is_bad)
    })
}

/// Writes a workbook of simulated jobs: an id, a cost of at most 20 milliseconds, and whether the job fails, which every
/// 100th does.
///
/// # Errors
/// As [`prices`].
pub fn jobs(path: &Path, rows: u32, seed: u64) -> io::Result<SimpleTruth> {
    write(path, "Jobs", &["id", "cost", "fail", "crash"], rows, |sheet, row| {
        let is_bad = row % FAILING_JOBS == 0;
        sheet.write_string(row, 0, format!("JOB-{row}"))?;
        sheet.write_number(row, 1, spread(seed, row) % 21)?;
        if is_bad {
            sheet.write_boolean(row, 2, true)?;
        }
        Ok(is_bad)
    })
}

fn write(
    path: &Path,
    name: &str,
    columns: &[&str],
    rows: u32,
    mut row: impl FnMut(&mut Worksheet, u32) -> Result<bool, XlsxError>,
) -> io::Result<SimpleTruth> {
    let mut workbook = Workbook::new();
    let mut write_all = || {
        let sheet = workbook.add_worksheet_with_low_memory()?;
        sheet.set_name(name)?;
        for (column, name) in (0..).zip(columns) {
            sheet.write_string(0, column, *name)?;
        }
        let mut truth = SimpleTruth { rows, bad_row_numbers: Vec::new() };
        for index in 1..=rows {
            if row(sheet, index)? {
                truth.bad_row_numbers.push(index + 1);
            }
        }
        workbook.save(path)?;
        Ok(truth)
    };
    write_all().map_err(|error: XlsxError| io::Error::other(error))
}

/// A number that looks like chance and is the same for the same seed and row (the mixer of SplitMix64).
fn spread(seed: u64, row: u32) -> u32 {
    let mut mixed = seed.wrapping_add(u64::from(row).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ (mixed >> 27)) >> 33) as u32
}
