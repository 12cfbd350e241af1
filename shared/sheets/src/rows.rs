//! From cells to records: every spreadsheet format hands its cells to the [`RowAssembler`], which knows the header,
//! the limits and the JSON of a record, and hands the rows to the sink.

use std::rc::Rc;

use crate::RowSink;
use crate::error::{FileProblem, ReadError};
use crate::header::{Header, missing_header, value_without_header};
use crate::json;
use crate::limits::{Budget, check};

/// Rows between two looks at the clock.
const ROWS_PER_CLOCK: u64 = 512;

/// A cell of the current row: its column, and its JSON as a range of the row's buffer.
#[derive(Debug, Clone, Copy)]
struct Slot {
    column: u32,
    start: u32,
    end: u32,
    is_blank: bool,
}

/// What came out of a sheet.
#[derive(Debug, Default)]
pub(crate) struct Assembled {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: u64,
    pub(crate) bad_rows: u64,
    pub(crate) cells: u64,
    pub(crate) output_bytes: u64,
}

/// Collects the cells of one row at a time. All buffers are reused.
pub(crate) struct RowAssembler<'s> {
    sink: &'s mut dyn RowSink,
    budget: Rc<Budget>,
    header_row: u32,
    header: Option<Header>,
    row: u32,
    values: Vec<u8>,
    slots: Vec<Slot>,
    in_order: bool,
    record: Vec<u8>,
    seen_rows: u64,
    done: Assembled,
}

impl<'s> RowAssembler<'s> {
    pub(crate) fn new(sink: &'s mut dyn RowSink, budget: Rc<Budget>, header_row: u32) -> Self {
        Self {
            sink,
            budget,
            header_row: header_row.max(1),
            header: None,
            row: 0,
            values: Vec::new(),
            slots: Vec::new(),
            in_order: true,
            record: Vec::new(),
            seen_rows: 0,
            done: Assembled::default(),
        }
    }

    /// Starts a row, numbered from 1. Rows have to come in order, because batches are ranges of them.
    #[inline]
    pub(crate) fn begin_row(&mut self, row: u32) -> Result<(), ReadError> {
        if row <= self.row {
            let detail = format!("row {row} comes after row {}", self.row);
            return Err(ReadError::from(FileProblem::corrupt(detail)).in_row(row));
        }
        check("rows", self.budget.limits.rows, u64::from(row)).map_err(|error| error.in_row(row))?;
        self.row = row;
        self.values.clear();
        self.slots.clear();
        self.in_order = true;
        self.seen_rows += 1;
        if self.seen_rows.is_multiple_of(ROWS_PER_CLOCK) {
            self.budget.check_time()?;
        }
        Ok(())
    }

    /// Adds a cell (0-based column). `write` appends its JSON and says whether a person sees it as blank.
    #[inline]
    pub(crate) fn cell(
        &mut self,
        column: u32,
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        if u64::from(column) >= self.budget.limits.columns {
            return Err(self.too_far(column));
        }
        let start = self.values.len();
        let is_blank = write(&mut self.values).map_err(|error| error.in_row(self.row).in_column(column))?;
        let end = self.values.len();
        // JSON of a cell may be up to six times its text; the text itself was bounded by whoever read it.
        if end as u64 > self.budget.limits.record_bytes {
            return Err(self.record_too_long(end));
        }
        if let Some(last) = self.slots.last() {
            self.in_order &= last.column < column;
        }
        self.slots.push(Slot { column, start: start as u32, end: end as u32, is_blank });
        self.done.cells += 1;
        Ok(())
    }

    /// Ends the row: takes it as header, hands it out, or skips it when it is blank.
    pub(crate) fn end_row(&mut self) -> Result<(), ReadError> {
        check("cells", self.budget.limits.cells, self.done.cells).map_err(|error| error.in_row(self.row))?;
        if !self.in_order {
            self.sort_slots()?;
        }
        if self.row < self.header_row {
            return Ok(());
        }
        if self.header.is_none() {
            return self.take_header();
        }
        if self.slots.iter().all(|slot| slot.is_blank) {
            return Ok(());
        }
        self.write_record()?;
        self.hand_out()
    }

    /// The end of the sheet: an error if there never was a header.
    pub(crate) fn finish(mut self) -> Result<Assembled, ReadError> {
        match self.header {
            None => Err(FileProblem::empty("the sheet has no cells").into()),
            Some(header) => {
                self.done.columns = header.names;
                Ok(self.done)
            }
        }
    }

    fn sort_slots(&mut self) -> Result<(), ReadError> {
        self.slots.sort_by_key(|slot| slot.column);
        let twice = self.slots.windows(2).find(|pair| pair[0].column == pair[1].column);
        match twice {
            None => Ok(()),
            Some(pair) => {
                let error = ReadError::from(FileProblem::corrupt("a cell is given twice"));
                Err(error.in_row(self.row).in_column(pair[0].column))
            }
        }
    }

    fn take_header(&mut self) -> Result<(), ReadError> {
        let mut cells = Vec::new();
        for slot in self.slots.iter().filter(|slot| !slot.is_blank) {
            let json = &self.values[slot.start as usize..slot.end as usize];
            cells.push((slot.column, name_from_json(json)));
        }
        if self.row > self.header_row {
            // Blank rows may be missing in the file. Values below a missing header have no names.
            if cells.is_empty() {
                return Ok(());
            }
            return Err(missing_header(self.header_row));
        }
        let header = Header::new(cells, self.row)?;
        if header.len() == 0 {
            return Ok(());
        }
        self.sink.columns(&header.names).map_err(|source| ReadError::machine("hand out the column names", source))?;
        self.header = Some(header);
        Ok(())
    }

    fn write_record(&mut self) -> Result<(), ReadError> {
        let Some(header) = &self.header else { return Ok(()) };
        self.record.clear();
        let mut next = 0;
        for slot in &self.slots {
            let index = match slot.column.checked_sub(header.first_column) {
                Some(index) if (index as usize) < header.len() => index as usize,
                _ if slot.is_blank => continue,
                _ => return Err(value_without_header(slot.column, self.row)),
            };
            for gap in next..index {
                self.record.extend_from_slice(header.key(gap));
                self.record.extend_from_slice(b"null");
            }
            self.record.extend_from_slice(header.key(index));
            self.record.extend_from_slice(&self.values[slot.start as usize..slot.end as usize]);
            next = index + 1;
        }
        for gap in next..header.len() {
            self.record.extend_from_slice(header.key(gap));
            self.record.extend_from_slice(b"null");
        }
        self.record.push(b'}');
        Ok(())
    }

    fn hand_out(&mut self) -> Result<(), ReadError> {
        let limits = &self.budget.limits;
        if self.record.len() as u64 > limits.record_bytes {
            return Err(self.record_too_long(self.record.len()));
        }
        self.done.output_bytes += self.record.len() as u64;
        check("output_bytes", limits.output_bytes, self.done.output_bytes).map_err(|error| error.in_row(self.row))?;
        self.done.rows += 1;
        self.sink.row(self.row, &self.record).map_err(|source| ReadError::machine("hand out a row", source))
    }

    #[cold]
    fn too_far(&self, column: u32) -> ReadError {
        FileProblem::limit("columns", self.budget.limits.columns, u64::from(column) + 1).into_error(self.row, column)
    }

    #[cold]
    fn record_too_long(&self, length: usize) -> ReadError {
        ReadError::from(FileProblem::limit("record_bytes", self.budget.limits.record_bytes, length as u64))
            .in_row(self.row)
    }
}

impl FileProblem {
    fn into_error(self, row: u32, column: u32) -> ReadError {
        ReadError::from(self).in_row(row).in_column(column)
    }
}

/// A header may be a number or a date: its name is its text.
fn name_from_json(json: &[u8]) -> String {
    match serde_json::from_slice(json) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Object(error)) => {
            error.get("error").and_then(|text| text.as_str()).unwrap_or_default().to_owned()
        }
        // Numbers and truth values keep the text that they have in a record.
        _ => String::from_utf8_lossy(json).into_owned(),
    }
}

/// Appends a text cell; blank when there is nothing in it.
#[inline]
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) -> bool {
    json::append_text(out, text);
    text.is_empty()
}

/// Appends an error cell, as `{"error":"#N/A"}`.
pub(crate) fn write_error(out: &mut Vec<u8>, code: &str) -> bool {
    out.extend_from_slice(b"{\"error\":");
    json::append_text(out, code);
    out.push(b'}');
    false
}

/// Appends a truth value.
pub(crate) fn write_bool(out: &mut Vec<u8>, value: bool) -> bool {
    out.extend_from_slice(if value { b"true" } else { b"false" });
    false
}
