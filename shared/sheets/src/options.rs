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
    /// Whether large parts of a workbook are inflated on a thread of their own.
    pub read_ahead: ReadAhead,
}

/// Whether large parts of a workbook are inflated on a second thread, a few buffers ahead of the one that reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadAhead {
    /// When there are two processors for it.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: everything happens on the thread of the caller.
    Never,
}

impl ReadAhead {
    pub(crate) fn is_wanted(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => has_two_processors(),
        }
    }
}

/// AWS Lambda shows two processors to a function however small its share of them is; a whole one comes with 1,769 MB
/// of memory (its developer guide, "Configure Lambda function memory").
fn has_two_processors() -> bool {
    const WHOLE_PROCESSOR: u32 = 1769;
    let lambda = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|size| size.parse::<u32>().ok());
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    count >= 2 && lambda.is_none_or(|megabytes| megabytes > WHOLE_PROCESSOR)
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { sheet: None, header_row: 1, limits: Limits::default(), deadline: None, read_ahead: ReadAhead::Auto }
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

    /// True when the sink can forget everything that it was given and start again: see [`Self::restart`].
    ///
    /// For a sink that cannot, a sheet is read twice, the first time only to see whether its rows are in order.
    fn can_restart(&self) -> bool {
        false
    }

    /// Forgets everything that was given. The rows of the sheet turned out not to be in order: they will be given
    /// again, columns first, in the order of their numbers. Only called when [`Self::can_restart`].
    ///
    /// # Errors
    ///
    /// Whatever keeps the sink from starting again.
    fn restart(&mut self) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this sink cannot start again"))
    }
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
