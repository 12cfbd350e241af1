//! What a caller says about a file, and what it gets back.

use std::io;
use std::str::FromStr;
use std::time::Instant;

use serde::Serialize;

use crate::detect::Format;
use crate::limits::Limits;

/// What the uploader said about the file. Content counts more; a contradiction is an error.
#[derive(Debug, Clone, Default)]
pub struct SourceHint {
    /// Name of the file, for its extension.
    pub filename: Option<String>,
    /// Media type of the upload; looked at only when the name has no known extension.
    pub media_type: Option<String>,
}

/// How to read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Which sheet; the first visible one if not said.
    pub sheet: Option<SheetChoice>,
    /// The row that holds the column names, from 1 (for csv the line). Default 1. JSON has no header.
    pub header_row: u32,
    /// What the file may cost.
    pub limits: Limits,
    /// When the caller's own time ends, if it does.
    pub deadline: Option<Instant>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { sheet: None, header_row: 1, limits: Limits::default(), deadline: None }
    }
}

/// A sheet by name or by number. A sheet with exactly this name wins; else a whole number counts from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetChoice(String);

impl SheetChoice {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The position (from 0) of the chosen one among names.
    pub(crate) fn position<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Option<usize> {
        let mut count = 0;
        for (index, name) in names.into_iter().enumerate() {
            if name == self.0 {
                return Some(index);
            }
            count = index + 1;
        }
        let number: usize = self.0.trim().parse().ok()?;
        (1..=count).contains(&number).then(|| number - 1)
    }
}

impl From<&str> for SheetChoice {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for SheetChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

/// Takes what is read, in source order. An error of the sink ends the reading as machine trouble.
pub trait RowSink {
    /// The column names, once, before the first row. For JSON the keys of the first record.
    ///
    /// # Errors
    ///
    /// Whatever keeps the sink from taking it.
    fn columns(&mut self, names: &[String]) -> io::Result<()>;

    /// One row: its number, and its record as one JSON object without a newline.
    ///
    /// # Errors
    ///
    /// Whatever keeps the sink from taking it.
    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()>;

    /// One row that could not be read: its number, a code in SCREAMING_SNAKE and a message for a person.
    ///
    /// # Errors
    ///
    /// Whatever keeps the sink from taking it.
    fn bad_row(&mut self, row: u32, code: &str, message: &str) -> io::Result<()>;
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadSummary {
    /// What the file is.
    pub format: Format,
    /// Name of the sheet that was read; `None` for text formats.
    pub sheet: Option<String>,
    /// Column names in order; for JSON the keys of the first record.
    pub columns: Vec<String>,
    /// Rows handed out as records.
    pub rows: u64,
    /// Rows handed out as bad.
    pub bad_rows: u64,
    /// Cells that were looked at.
    pub cells: u64,
    /// Bytes of all records.
    pub output_bytes: u64,
}
