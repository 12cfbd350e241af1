//! Why a file could not be read, in words for a person and in codes for a program.

use std::fmt;
use std::io;

use serde::Serialize;

/// The reading ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is at fault: trying again gives the same answer.
    #[error("{0}")]
    File(Box<FileProblem>),
    /// The machine is at fault (disk, sink): the same file may well be read next time.
    #[error("cannot {operation}")]
    Machine {
        /// What was being done, as in "cannot …".
        operation: &'static str,
        /// What the operating system or the sink said.
        #[source]
        source: io::Error,
    },
}

impl ReadError {
    pub(crate) fn machine(operation: &'static str, source: io::Error) -> Self {
        Self::Machine { operation, source }
    }

    /// The name of the error in SCREAMING_SNAKE; `MACHINE_TROUBLE` when the file is not at fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(problem) => problem.code,
            Self::Machine { .. } => "MACHINE_TROUBLE",
        }
    }

    /// True when a retry may succeed: the machine failed, not the file.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Machine { .. })
    }

    /// The problem of the file, if the file is at fault.
    pub fn problem(&self) -> Option<&FileProblem> {
        match self {
            Self::File(problem) => Some(problem),
            Self::Machine { .. } => None,
        }
    }

    /// One JSON object: `code`, `message`, and where known `sheet`, `row`, `column`, `limit`.
    pub fn to_json(&self) -> String {
        let shown = match self {
            Self::File(problem) => serde_json::to_string(problem),
            Self::Machine { source, .. } => serde_json::to_string(&serde_json::json!({
                "code": self.code(),
                "message": format!("{self}: {source}"),
            })),
        };
        // Serializing strings and integers cannot fail; an empty object keeps the promise of one JSON object.
        shown.unwrap_or_else(|_| "{}".to_owned())
    }

    /// Adds the sheet to a problem of the file that does not name one.
    pub(crate) fn in_sheet(mut self, sheet: &str) -> Self {
        if let Self::File(problem) = &mut self {
            problem.sheet.get_or_insert_with(|| sheet.to_owned());
        }
        self
    }

    /// Adds the row to a problem of the file that does not name one.
    pub(crate) fn in_row(mut self, row: u32) -> Self {
        if let Self::File(problem) = &mut self
            && row > 0
        {
            problem.row.get_or_insert(row);
        }
        self
    }

    /// Adds the column (0-based) to a problem of the file that does not name one.
    pub(crate) fn in_column(mut self, column: u32) -> Self {
        if let Self::File(problem) = &mut self {
            problem.column.get_or_insert_with(|| column_letters(column));
        }
        self
    }
}

/// What is wrong with a file, where, and what to do about it.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct FileProblem {
    /// SCREAMING_SNAKE name, stable for programs.
    pub code: &'static str,
    /// A sentence for a person, with what to do.
    pub message: String,
    /// Name of the sheet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Row number as the spreadsheet shows it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// Column letters as the spreadsheet shows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The limit that was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitBreach>,
}

/// A limit, and the value that passed it.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct LimitBreach {
    /// Name of the field in [`crate::Limits`].
    pub name: &'static str,
    /// The bound.
    pub allowed: u64,
    /// The value at which the reading stopped; the file may hold more.
    pub found: u64,
}

impl FileProblem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), sheet: None, row: None, column: None, limit: None }
    }

    /// A part of the file does not follow its own format.
    pub(crate) fn corrupt(detail: impl fmt::Display) -> Self {
        Self::new(
            "FILE_CORRUPT",
            format!("the file is damaged: {detail}; open it, save it again and upload the new file"),
        )
    }

    /// The file does what no honest writer does.
    pub(crate) fn hostile(detail: impl fmt::Display) -> Self {
        Self::new(
            "FILE_UNSAFE",
            format!("the file is refused for safety: {detail}; save it again with a spreadsheet program"),
        )
    }

    pub(crate) fn encrypted() -> Self {
        Self::new(
            "FILE_ENCRYPTED",
            "the file is protected with a password: remove it in Excel (File, Info, Protect Workbook) and upload again",
        )
    }

    pub(crate) fn empty(detail: &str) -> Self {
        Self::new("FILE_EMPTY", format!("{detail}: there is nothing to read; upload a file with a header row and data"))
    }

    pub(crate) fn limit(name: &'static str, allowed: u64, found: u64) -> Self {
        let mut problem = Self::new(
            "LIMIT_EXCEEDED",
            format!("the file passes the limit {name}: {found} found, {allowed} allowed; split it into smaller files"),
        );
        problem.limit = Some(LimitBreach { name, allowed, found });
        problem
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        if let Some(sheet) = &self.sheet {
            write!(formatter, " (sheet {sheet:?})")?;
        }
        match (&self.column, self.row) {
            (Some(column), Some(row)) => write!(formatter, " (cell {column}{row})"),
            (None, Some(row)) => write!(formatter, " (row {row})"),
            (Some(column), None) => write!(formatter, " (column {column})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for FileProblem {}

impl From<FileProblem> for ReadError {
    fn from(problem: FileProblem) -> Self {
        Self::File(Box::new(problem))
    }
}

/// The letters of a 0-based column: 0 is A, 25 is Z, 26 is AA, 16,383 is XFD.
pub fn column_letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        let digit = ((rest - 1) % 26) as u8;
        letters.push(char::from(b'A' + digit));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_letters_of_a_spreadsheet() {
        for (column, letters) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16_383, "XFD")] {
            assert_eq!(column_letters(column), letters);
        }
    }

    #[test]
    fn an_error_is_one_json_object_with_its_place() {
        let error = ReadError::from(FileProblem::limit("rows", 10, 11)).in_sheet("S").in_row(11).in_column(2);
        let json: serde_json::Value = serde_json::from_str(&error.to_json()).unwrap();
        assert_eq!(json["code"], "LIMIT_EXCEEDED");
        assert_eq!(json["limit"]["name"], "rows");
        assert_eq!((json["row"].clone(), json["column"].clone()), (11.into(), "C".into()));
        assert!(!error.is_transient());
        assert!(ReadError::machine("read the file", io::Error::other("disk")).is_transient());
    }
}
