//! `cargo xtask workbook`: a workbook for a shipped pipeline, to try things with.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use filas_testkit::workbooks;

use crate::progress::step;

/// Which workbook.
#[derive(Debug, Args)]
pub struct WorkbookOptions {
    /// The pipeline that it is for.
    pub pipeline: For,
    /// Where it goes.
    pub file: PathBuf,
    /// Rows below the header.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_048_575))]
    pub rows: u32,
    /// What it grows from: the same workbook for the same seed.
    #[arg(long, default_value_t = 2026)]
    pub seed: u64,
}

/// A shipped pipeline.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum For {
    /// Orders of 12 columns, about one in eighty of them bad, one in a thousand of a product that no catalogue knows.
    Orders,
    /// New prices, one in two hundred of them negative.
    Prices,
    /// Jobs of up to 20 milliseconds, of which one in a hundred fails.
    Simulate,
}

/// Writes the workbook and says how many of its rows are to fail.
///
/// # Errors
/// When it cannot be written.
pub fn workbook(options: &WorkbookOptions) -> Result<()> {
    let WorkbookOptions { file, rows, seed, .. } = options;
    let failing = step(&format!("making a workbook of {rows} rows"), || {
        let failing = match options.pipeline {
            For::Orders => workbooks::orders(file, *rows, *seed)
                .map(|truth| truth.bad_row_numbers.len() + truth.unknown_row_numbers.len()),
            For::Prices => workbooks::prices(file, *rows, *seed).map(|truth| truth.bad_row_numbers.len()),
            For::Simulate => workbooks::jobs(file, *rows, *seed).map(|truth| truth.bad_row_numbers.len()),
        };
        failing.with_context(|| format!("cannot write {}", file.display()))
    })?;
    println!("{}: {rows} rows, {failing} of which are to fail", file.display());
    Ok(())
}
