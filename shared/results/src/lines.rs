//! Lines of outcomes and of rows, as far as files of results need them.

use std::iter::Peekable;

use anyhow::{Context as _, Result, ensure};
use filas_domain::ids::RowNumber;
use filas_domain::outcome::OutcomeLine;
use serde::Deserialize;
use serde_json::value::RawValue;

/// How a row ended, as told from its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It went through.
    Succeeded,
    /// It failed.
    Failed,
    /// It was not tried.
    Unprocessed,
}

impl Kind {
    /// Of a line as [`OutcomeLine::write_to`] writes it. The lines of a million rows are told apart without being read.
    ///
    /// # Errors
    /// When it is no outcome.
    pub fn of(line: &[u8]) -> Result<Self> {
        let begins = |start: &[u8]| line.starts_with(start);
        if begins(b"{\"outcome\":\"succeeded\"") {
            return Ok(Self::Succeeded);
        }
        if begins(b"{\"outcome\":\"failed\"") {
            return Ok(Self::Failed);
        }
        ensure!(begins(b"{\"outcome\":\"unprocessed\""), "a stored line is not an outcome");
        Ok(Self::Unprocessed)
    }
}

/// The lines, without their ends.
pub fn lines_of(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// A line of the rows object, as far as files of results need it.
#[derive(Debug, Deserialize)]
pub struct SourceLine<'a> {
    /// The row.
    pub row: RowNumber,
    /// Its record as it stands there; absent when the row could not be read.
    #[serde(borrow)]
    pub record: Option<&'a RawValue>,
}

impl<'a> SourceLine<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// When it is none of a rows object.
    pub fn read(line: &'a [u8]) -> Result<Self> {
        serde_json::from_slice(line).context("a stored row is not readable")
    }
}

/// The row of an outcome. Both are in the order of the file.
///
/// # Errors
/// When there is no such row.
pub fn source_of<'a>(
    rows: &mut Peekable<impl Iterator<Item = &'a [u8]>>,
    outcome: &OutcomeLine,
) -> Result<SourceLine<'a>> {
    for line in rows {
        let source = SourceLine::read(line)?;
        if source.row == outcome.row() {
            return Ok(source);
        }
    }
    anyhow::bail!("there is an outcome of row {}, and no such row", outcome.row())
}

/// Appends an outcome with the record of its row as one more member.
pub fn with_record(out: &mut Vec<u8>, line: &[u8], source: &SourceLine<'_>) {
    match (line.strip_suffix(b"}"), source.record) {
        (Some(open), Some(record)) => {
            out.extend_from_slice(open);
            out.extend_from_slice(b",\"record\":");
            out.extend_from_slice(record.get().as_bytes());
            out.extend_from_slice(b"}\n");
        }
        _ => {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
    }
}
