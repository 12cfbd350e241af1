//! The bounds of the reader, and the budget that is spent while a file is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{FileProblem, ReadError};

/// What a file may cost. Every bound is checked while streaming, before the memory or the time is spent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Size of the file itself, in bytes. Default 1 GiB.
    pub file_bytes: u64,
    /// Size of a legacy `.xls` file, in bytes; that format can only be read whole. Default 64 MiB.
    pub xls_bytes: u64,
    /// Cells in the bounding boxes of all sheets of an `.xls` file, read whole. Default 4 million (about 100 MB).
    pub xls_cells: u64,
    /// Memory of the process that reads a format for which [`crate::child::needs_child`], in bytes. Default 512 MiB.
    pub memory_bytes: u64,
    /// Entries of a zip container. Default 10,000.
    pub archive_parts: u64,
    /// Inflated size of one part of a zip container, in bytes. Default 4 GiB.
    pub part_bytes: u64,
    /// Inflated size of all parts that are read, in bytes. Default 6 GiB.
    pub inflated_bytes: u64,
    /// Inflated bytes per compressed byte. Default 200; honest sheets stay under about 60.
    pub compression_ratio: u64,
    /// Inflated bytes of a part before the ratio counts. Default 16 MiB.
    pub ratio_free_bytes: u64,
    /// Sheets of a workbook. Default 1,000.
    pub sheets: u64,
    /// Rows of a sheet, or records of a text file. Default 1,048,576, what a spreadsheet can hold.
    pub rows: u64,
    /// Columns of a sheet. Default 16,384, what a spreadsheet can hold.
    pub columns: u64,
    /// Cells with a value. Default 200 million.
    pub cells: u64,
    /// Text of one cell, in bytes of UTF-8. Default 131,068: 32,767 characters of four bytes.
    pub cell_bytes: u64,
    /// One record as JSON, or the raw text of one csv record or JSON element, in bytes. Default 1 MiB.
    pub record_bytes: u64,
    /// All records as JSON, in bytes. Default 8 GiB.
    pub output_bytes: u64,
    /// Bytes of records per byte of the inflated file: a text that many cells refer to, or a row that is repeated, may
    /// fill a disk from nothing. Default 250; honest sheets stay under about 20.
    pub output_ratio: u64,
    /// Bytes of records before that ratio counts. Default 128 MiB.
    pub output_ratio_free_bytes: u64,
    /// Temporary files, in bytes: shared strings beyond what is kept in memory, and rows that are put in order.
    /// Default 1 GiB.
    pub disk_bytes: u64,
    /// Number of shared strings. Default 16 million.
    pub shared_strings: u64,
    /// Text of all shared strings, in bytes. Default 256 MiB.
    pub shared_string_bytes: u64,
    /// Memory for shared strings, in bytes; those beyond go to a temporary file, which is slower but no error.
    /// Default 24 MiB: about 1.5 million short texts.
    pub shared_string_memory_bytes: u64,
    /// Cell formats of a workbook. Default 65,536, one more than a spreadsheet can hold.
    pub cell_formats: u64,
    /// Depth of nested XML elements or JSON values. Default 64.
    pub nesting: u64,
    /// One XML tag, text or comment, in bytes. Default 1 MiB.
    pub xml_token_bytes: u64,
    /// Time for the whole reading, the sink included. Default 10 minutes.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            file_bytes: 1024 * MIB,
            xls_bytes: 64 * MIB,
            xls_cells: 4_000_000,
            memory_bytes: 512 * MIB,
            archive_parts: 10_000,
            part_bytes: 4096 * MIB,
            inflated_bytes: 6144 * MIB,
            compression_ratio: 200,
            ratio_free_bytes: 16 * MIB,
            sheets: 1_000,
            rows: 1_048_576,
            columns: 16_384,
            cells: 200_000_000,
            cell_bytes: 4 * 32_767,
            record_bytes: MIB,
            output_bytes: 8192 * MIB,
            output_ratio: 250,
            output_ratio_free_bytes: 128 * MIB,
            disk_bytes: 1024 * MIB,
            shared_strings: 16_000_000,
            shared_string_bytes: 256 * MIB,
            shared_string_memory_bytes: 24 * MIB,
            cell_formats: 65_536,
            nesting: 64,
            xml_token_bytes: MIB,
            time: Duration::from_secs(600),
        }
    }
}

/// The limits of one reading together with what was spent of them. Clones spend from the same budget, so that a part
/// may be inflated on a thread of its own.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    inflated: Arc<AtomicU64>,
    disk: Arc<AtomicU64>,
    started: Instant,
    deadline: Option<Instant>,
}

impl Budget {
    pub(crate) fn new(limits: Limits, deadline: Option<Instant>) -> Self {
        Self { limits, inflated: Arc::default(), disk: Arc::default(), started: Instant::now(), deadline }
    }

    /// Counts bytes that were inflated or read, whatever part they belong to.
    pub(crate) fn spend_inflated(&self, bytes: u64) -> Result<(), ReadError> {
        // A file and its parts are bounded far below the range of the counter.
        let spent = self.inflated.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        check("inflated_bytes", self.limits.inflated_bytes, spent)
    }

    /// Bytes inflated or read so far.
    pub(crate) fn inflated(&self) -> u64 {
        self.inflated.load(Ordering::Relaxed)
    }

    /// Takes the counter back to what [`Self::inflated`] said: a sheet that is read again is not charged twice.
    pub(crate) fn restore_inflated(&self, bytes: u64) {
        self.inflated.store(bytes, Ordering::Relaxed);
    }

    /// Counts bytes that go to temporary files.
    pub(crate) fn spend_disk(&self, bytes: u64) -> Result<(), ReadError> {
        let spent = self.disk.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        check("disk_bytes", self.limits.disk_bytes, spent)
    }

    /// Holds the bytes of all records against their limit, and against what was inflated or read for them.
    #[inline]
    pub(crate) fn check_output(&self, bytes: u64) -> Result<(), ReadError> {
        check("output_bytes", self.limits.output_bytes, bytes)?;
        if bytes <= self.limits.output_ratio_free_bytes {
            return Ok(());
        }
        check("output_ratio", self.limits.output_ratio, bytes / self.inflated().max(1))
    }

    /// Refuses to go on past the time limit or the caller's deadline.
    pub(crate) fn check_time(&self) -> Result<(), ReadError> {
        let elapsed = self.started.elapsed();
        let allowed = self.limits.time.as_secs();
        if elapsed > self.limits.time {
            return Err(FileProblem::limit("time_seconds", allowed, elapsed.as_secs()).into());
        }
        if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Err(FileProblem::limit("deadline_seconds", elapsed.as_secs(), elapsed.as_secs()).into());
        }
        Ok(())
    }
}

/// Compares a measured value with its bound.
#[inline]
pub(crate) fn check(name: &'static str, allowed: u64, found: u64) -> Result<(), ReadError> {
    if found <= allowed {
        return Ok(());
    }
    Err(FileProblem::limit(name, allowed, found).into())
}
