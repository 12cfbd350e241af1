//! The files that are written when a task has ended: what they are called, what is in them, and what asks for them.
//!
//! They lie under the moment at which the task ended ([`ObjectKey::result`](crate::keys::ObjectKey::result)), so that
//! writing them twice writes the same, and a redrive writes others.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::Timestamp;
use crate::ids::TaskId;
use crate::outcome::Counts;
use crate::task::{Head, Task};
use crate::usage::Usage;

/// The row's number in the file that was uploaded.
pub const ROW_COLUMN: &str = "filas_row";
/// The stage in which the row failed.
pub const STAGE_COLUMN: &str = "filas_stage";
/// Why, for programs.
pub const CODE_COLUMN: &str = "filas_code";
/// Why, for people.
pub const REASON_COLUMN: &str = "filas_reason";

/// The columns that a file of failed rows has besides the person's own. Such a file is mended and uploaded again, so every
/// pipeline overlooks columns with these names.
pub const ADDED_COLUMNS: [&str; 4] = [ROW_COLUMN, STAGE_COLUMN, CODE_COLUMN, REASON_COLUMN];

/// Whether a column is one that Filas adds.
pub fn is_added(column: &str) -> bool {
    column.starts_with("filas_") && ADDED_COLUMNS.contains(&column)
}

/// A file of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResultFile {
    /// Every outcome, in source order.
    Outcomes,
    /// The outcomes of rows that went through.
    Succeeded,
    /// The outcomes of rows that failed, each with its record.
    Failed,
    /// The outcomes of rows that were not tried, each with its record.
    Unprocessed,
    /// The failed rows as a workbook.
    Workbook,
    /// The failed rows as csv.
    Csv,
    /// The failed rows as records.
    Records,
}

impl ResultFile {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Outcomes, Self::Succeeded, Self::Failed, Self::Unprocessed, Self::Workbook, Self::Csv, Self::Records];

    /// The name, as stored and as a person saves it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outcomes => "outcomes.ndjson",
            Self::Succeeded => "succeeded.ndjson",
            Self::Failed => "failed.ndjson",
            Self::Unprocessed => "unprocessed.ndjson",
            Self::Workbook => "failures.xlsx",
            Self::Csv => "failures.csv",
            Self::Records => "failures.ndjson",
        }
    }

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Workbook => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv; charset=utf-8",
            _ => "application/x-ndjson",
        }
    }

    /// Whether it has the failed rows as they were, to be mended.
    pub const fn is_of_failures(self) -> bool {
        matches!(self, Self::Workbook | Self::Csv | Self::Records)
    }
}

/// When a task ended whose rows have outcomes, and so files.
pub fn ended(head: &Head) -> Option<Timestamp> {
    (head.state.is_final() && head.total.is_some() && head.batches.is_some()).then_some(head.finished).flatten()
}

/// The same for what a write of the head changed: `None` when the task had ended so before.
pub fn has_ended(old: Option<&Task>, new: &Task) -> Option<Timestamp> {
    let now = ended(&new.head)?;
    (old.and_then(|old| ended(&old.head)) != Some(now)).then_some(now)
}

const VERSION: u32 = 1;

/// Asks for the files of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportMessage {
    /// The task.
    pub task: TaskId,
    /// When it ended: if that is no longer so, there is nothing to do.
    pub finished: Timestamp,
    /// How often the work was handed on because the time was up.
    #[serde(default)]
    pub continued: u32,
}

/// A message that is not one of ours.
#[derive(Debug, Error)]
pub enum ReportMessageError {
    /// Not a message that asks for files.
    #[error("the message does not ask for the files of a task")]
    Malformed(#[source] serde_json::Error),
    /// Sent by another version of Filas.
    #[error("the message that asks for files has version {0}, this program knows {VERSION}")]
    UnknownVersion(u32),
}

#[derive(Deserialize)]
struct Envelope {
    version: u32,
}

#[derive(Serialize)]
struct Sealed<T> {
    version: u32,
    #[serde(flatten)]
    content: T,
}

impl ReportMessage {
    /// The body as sent.
    pub fn encode(&self) -> String {
        // Writing to memory cannot fail, and the type has no key that is not text.
        serde_json::to_string(&Sealed { version: VERSION, content: self }).unwrap_or_default()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// When it does not ask for files, or is of an unknown version.
    pub fn decode(body: &str) -> Result<Self, ReportMessageError> {
        let envelope: Envelope = serde_json::from_str(body).map_err(ReportMessageError::Malformed)?;
        if envelope.version != VERSION {
            return Err(ReportMessageError::UnknownVersion(envelope.version));
        }
        serde_json::from_str(body).map_err(ReportMessageError::Malformed)
    }

    /// The message that goes on where this one ended.
    #[must_use]
    pub const fn handed_on(self) -> Self {
        Self { continued: self.continued + 1, ..self }
    }
}

/// What the outcomes came to. Stored once they and the files of each kind of outcome are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSummary {
    /// Rows by outcome.
    pub counts: Counts,
    /// The person's own columns, in order; absent when they are more than a spreadsheet holds.
    pub columns: Option<Vec<String>>,
}

/// What is there when everything is. Stored last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The names of the files.
    pub files: Vec<String>,
    /// Failed rows that the workbook has; all of them unless it would be larger than a workbook can be.
    pub workbook_rows: u64,
    /// Failed rows.
    pub failed_rows: u64,
    /// What writing the files asked of the cloud, as far as whoever wrote the last of them did it.
    #[serde(default, skip_serializing_if = "Usage::is_zero")]
    pub usage: Usage,
}

/// The columns of the file that was uploaded, as its reader saw them. Stored beside the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceColumns {
    /// In the order of the file.
    pub columns: Vec<SourceColumn>,
}

/// A column of the file that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceColumn {
    /// Its name.
    pub name: String,
    /// The number format of most of its cells, where the file has one and it is not the general one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// Characters with which a cell of a csv file may begin that a spreadsheet program takes for the start of a formula.
const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff20}'];

/// Whether a spreadsheet program may take the text of a csv cell for a formula: after the quotes that [`guarded`] puts
/// before it. A plain number is none.
fn may_be_formula(text: &str) -> bool {
    let text = text.trim_start_matches('\'');
    text.starts_with(FORMULA_STARTS) && !is_plain_number(text)
}

fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
        && digits.matches('.').count() <= 1
}

/// Whether a csv cell needs a quote before it: the OWASP rule against formula injection.
pub fn needs_guard(text: &str) -> bool {
    may_be_formula(text)
}

/// The text of a guarded csv cell as it was before.
pub fn without_guard(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if may_be_formula(rest) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests;
