//! The first rows of a file, for a look at what a pipeline would make of it.

use std::io;
use std::path::Path;

use filas_domain::row_line;

use crate::child::{ReaderProgram, read_path};
use crate::error::ReadError;
use crate::options::{ReadOptions, RowSink, SourceHint};

/// The first rows of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstRows {
    /// A line for each row, as in a rows object: `{"row":2,"record":{…}}`.
    pub lines: Vec<u8>,
    /// How many rows these are.
    pub rows: usize,
    /// Whether the file has more.
    pub has_more: bool,
}

/// Reads at most `wanted` rows from the start of a file on disk, and no further. Of a sheet whose rows are not in order
/// these are the rows that stand first in the file.
///
/// # Errors
/// As [`read_path`], for what comes before the end of the last wanted row.
pub fn first_rows(
    path: &Path,
    hint: &SourceHint,
    options: &ReadOptions,
    program: &ReaderProgram,
    wanted: usize,
) -> Result<FirstRows, ReadError> {
    let mut sink = Sample { wanted, first: FirstRows { lines: Vec::new(), rows: 0, has_more: false } };
    match read_path(path, hint, options, program, &mut sink) {
        // The sink has ended the reading itself: it had enough.
        Err(ReadError::Machine { .. }) if sink.first.has_more => Ok(sink.first),
        Err(error) => Err(error),
        Ok(_) => Ok(sink.first),
    }
}

struct Sample {
    wanted: usize,
    first: FirstRows,
}

impl Sample {
    fn count(&mut self) -> io::Result<()> {
        if self.first.rows == self.wanted {
            self.first.has_more = true;
            return Err(io::Error::other("enough rows are read"));
        }
        self.first.rows += 1;
        Ok(())
    }
}

impl RowSink for Sample {
    fn columns(&mut self, _names: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        self.count()?;
        row_line::append(&mut self.first.lines, row, record);
        Ok(())
    }

    fn bad_row(&mut self, row: u32, code: &str, message: &str) -> io::Result<()> {
        self.count()?;
        row_line::append_bad(&mut self.first.lines, row, None, code, message)?;
        Ok(())
    }

    fn can_restart(&self) -> bool {
        true
    }

    fn restart(&mut self) -> io::Result<()> {
        self.first.lines.clear();
        self.first.rows = 0;
        Ok(())
    }
}
