//! Where records of text formats go: the sink, with the limits on rows and bytes.

use std::rc::Rc;

use crate::RowSink;
use crate::error::{FileProblem, ReadError};
use crate::limits::{Budget, check};
use crate::rows::Assembled;

/// Hands rows to the sink and counts them.
pub(super) struct Output<'s> {
    sink: &'s mut dyn RowSink,
    budget: Rc<Budget>,
    done: Assembled,
    has_columns: bool,
}

impl<'s> Output<'s> {
    pub(super) fn new(sink: &'s mut dyn RowSink, budget: Rc<Budget>) -> Self {
        Self { sink, budget, done: Assembled::default(), has_columns: false }
    }

    pub(super) fn has_columns(&self) -> bool {
        self.has_columns
    }

    /// Hands out the column names, once.
    pub(super) fn columns(&mut self, names: Vec<String>) -> Result<(), ReadError> {
        self.has_columns = true;
        self.done.columns = names;
        self.sink.columns(&self.done.columns).map_err(|source| ReadError::machine("hand out the column names", source))
    }

    pub(super) fn row(&mut self, row: u32, record: &[u8], cells: usize) -> Result<(), ReadError> {
        let limits = &self.budget.limits;
        if record.len() as u64 > limits.record_bytes {
            return Err(too_long(limits.record_bytes, record.len(), row));
        }
        self.done.rows += 1;
        self.done.cells += cells as u64;
        self.done.output_bytes += record.len() as u64;
        self.check_counts(row)?;
        self.sink.row(row, record).map_err(|source| ReadError::machine("hand out a row", source))
    }

    pub(super) fn bad_row(&mut self, row: u32, code: &str, message: &str) -> Result<(), ReadError> {
        if !self.has_columns {
            self.columns(Vec::new())?;
        }
        self.done.bad_rows += 1;
        self.check_counts(row)?;
        self.sink.bad_row(row, code, message).map_err(|source| ReadError::machine("hand out a bad row", source))
    }

    fn check_counts(&self, row: u32) -> Result<(), ReadError> {
        let limits = &self.budget.limits;
        check("rows", limits.rows, self.done.rows + self.done.bad_rows)
            .and_then(|()| check("cells", limits.cells, self.done.cells))
            .and_then(|()| check("output_bytes", limits.output_bytes, self.done.output_bytes))
            .map_err(|error| error.in_row(row))
    }

    /// The end of the file. A file without any row still has columns, none.
    pub(super) fn finish(mut self) -> Result<Assembled, ReadError> {
        if !self.has_columns {
            self.columns(Vec::new())?;
        }
        Ok(self.done)
    }
}

/// A record that is longer than a record may be.
pub(super) fn too_long(allowed: u64, found: usize, row: u32) -> ReadError {
    ReadError::from(FileProblem::limit("record_bytes", allowed, found as u64)).in_row(row)
}
