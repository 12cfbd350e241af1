//! Rows to batches. A batch is a run of consecutive rows: so many rows or so many bytes, whichever ends first.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{BatchNumber, RowNumber};

/// A run of bytes, from `start` up to and not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
}

impl ByteRange {
    /// How many bytes.
    pub const fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// One batch: which rows, and where they lie in the rows object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchPlan {
    /// The first row, as in the spreadsheet.
    pub first_row: RowNumber,
    /// The last row, as in the spreadsheet.
    pub last_row: RowNumber,
    /// How many rows; fewer than the numbers say where the sheet has blank rows.
    pub rows: u32,
    /// Where their lines lie.
    #[serde(flatten)]
    pub bytes: ByteRange,
}

/// The index of batches, stored beside the rows object. The number of a batch is its position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchIndex {
    version: u32,
    /// The batches, in order.
    pub batches: Vec<BatchPlan>,
}

/// An index that cannot be used.
#[derive(Debug, Error)]
pub enum IndexError {
    /// Not an index.
    #[error("the batch index is not readable")]
    Malformed(#[source] serde_json::Error),
    /// Written by another version of Filas.
    #[error("the batch index has version {0}, this program knows {INDEX_VERSION}")]
    UnknownVersion(u32),
}

const INDEX_VERSION: u32 = 1;

impl BatchIndex {
    /// The index as stored.
    pub fn to_json(&self) -> Vec<u8> {
        // Writing to memory cannot fail, and the type has no key that is not text.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a stored index.
    ///
    /// # Errors
    /// When it is not an index, or one of an unknown version.
    pub fn parse(json: &[u8]) -> Result<Self, IndexError> {
        let index: Self = serde_json::from_slice(json).map_err(IndexError::Malformed)?;
        if index.version == INDEX_VERSION { Ok(index) } else { Err(IndexError::UnknownVersion(index.version)) }
    }

    /// Every batch with its number.
    pub fn numbered(&self) -> impl Iterator<Item = (BatchNumber, &BatchPlan)> {
        (0..).map(BatchNumber::new).zip(&self.batches)
    }

    /// Rows in all batches.
    pub fn rows(&self) -> u64 {
        self.batches.iter().map(|batch| u64::from(batch.rows)).sum()
    }
}

/// Cuts a stream of lines into batches.
#[derive(Debug)]
pub struct Planner {
    rows_per_batch: u32,
    bytes_per_batch: u64,
    offset: u64,
    open: Option<BatchPlan>,
    closed: Vec<BatchPlan>,
}

impl Planner {
    /// A planner for batches of at most so many rows and, unless a single line is longer, so many bytes.
    pub fn new(rows_per_batch: u32, bytes_per_batch: u64) -> Self {
        Self { rows_per_batch: rows_per_batch.max(1), bytes_per_batch, offset: 0, open: None, closed: Vec::new() }
    }

    /// Takes the next line: its row and its length in bytes, newline included.
    pub fn line(&mut self, row: RowNumber, bytes: u64) {
        let is_full =
            |batch: &BatchPlan| batch.rows >= self.rows_per_batch || batch.bytes.len() + bytes > self.bytes_per_batch;
        if let Some(full) = self.open.take_if(|batch| is_full(batch)) {
            self.closed.push(full);
        }
        let start = self.offset;
        self.offset += bytes;
        let batch = self.open.get_or_insert(BatchPlan {
            first_row: row,
            last_row: row,
            rows: 0,
            bytes: ByteRange { start, end: start },
        });
        batch.rows += 1;
        batch.last_row = row;
        batch.bytes.end = self.offset;
    }

    /// The index of everything taken.
    pub fn finish(mut self) -> BatchIndex {
        self.closed.extend(self.open);
        BatchIndex { version: INDEX_VERSION, batches: self.closed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rows_per_batch: u32, bytes_per_batch: u64, lines: &[u64], expected: &[(u32, u32, u64, u64)]) {
        let mut planner = Planner::new(rows_per_batch, bytes_per_batch);
        for (row, bytes) in (2..).zip(lines) {
            planner.line(RowNumber::new(row), *bytes);
        }
        let index = planner.finish();
        let found: Vec<_> = index
            .batches
            .iter()
            .map(|batch| (batch.first_row.get(), batch.last_row.get(), batch.bytes.start, batch.bytes.end))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(index.rows(), lines.len() as u64);
        assert_eq!(BatchIndex::parse(&index.to_json()).unwrap(), index);
    }

    #[test]
    fn batches_end_by_rows_or_by_bytes() {
        check(10, 100, &[], &[]);
        check(2, 100, &[10, 10, 10], &[(2, 3, 0, 20), (4, 4, 20, 30)]);
        check(2, 100, &[10, 10], &[(2, 3, 0, 20)]);
        check(10, 25, &[10, 10, 10], &[(2, 3, 0, 20), (4, 4, 20, 30)]);
        check(10, 20, &[10, 10, 10], &[(2, 3, 0, 20), (4, 4, 20, 30)]);
    }

    #[test]
    fn a_line_longer_than_a_batch_is_a_batch() {
        check(10, 20, &[10, 50, 10], &[(2, 2, 0, 10), (3, 3, 10, 60), (4, 4, 60, 70)]);
    }

    #[test]
    fn blank_rows_are_no_rows() {
        let mut planner = Planner::new(2, 100);
        planner.line(RowNumber::new(2), 5);
        planner.line(RowNumber::new(9), 5);
        let batch = planner.finish().batches[0];
        assert_eq!((batch.rows, batch.last_row.get()), (2, 9));
    }

    #[test]
    fn an_unknown_version_is_an_error() {
        let error = BatchIndex::parse(br#"{"version":2,"batches":[]}"#).unwrap_err();
        assert_eq!(error.to_string(), "the batch index has version 2, this program knows 1");
        assert!(matches!(BatchIndex::parse(b"{"), Err(IndexError::Malformed(_))));
    }
}
