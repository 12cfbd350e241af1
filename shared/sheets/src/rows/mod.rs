//! From cells to records: every spreadsheet format hands its cells to the [`RowAssembler`], which knows the header,
//! the limits and the JSON of a record, and hands the rows to the sink.
//!
//! `record` writes a row whose cells come in order; `sorter` is for sheets whose rows do not.

mod record;
mod sorter;

use std::rc::Rc;

pub(crate) use sorter::{SheetCells, read_in_any_order};

use crate::RowSink;
use crate::error::{FileProblem, ReadError};
use crate::header::{Header, missing_header, value_without_header};
use crate::json;
use crate::limits::{Budget, check};
use record::Record;

/// Rows between two looks at the clock.
const ROWS_PER_CLOCK: u64 = 512;

/// The code of the error that a row comes after one with the same or a higher number.
pub(crate) const OUT_OF_ORDER: &str = "ROWS_OUT_OF_ORDER";

/// Takes the cells of a sheet as they stand in the file.
pub(crate) trait CellSink {
    /// Starts a row, numbered from 1.
    fn begin_row(&mut self, row: u32) -> Result<(), ReadError>;

    /// Adds a cell (0-based column). `write` appends its JSON and says whether a person sees it as blank.
    fn cell(
        &mut self,
        column: u32,
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError>;

    /// Ends the row.
    fn end_row(&mut self) -> Result<(), ReadError>;
}

/// A cell of the current row: its column, and its JSON as a range of the row's buffer.
#[derive(Debug, Clone, Copy)]
struct Slot {
    column: u32,
    start: usize,
    end: usize,
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

/// How the cells of the current row are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Written into the record as they come.
    Direct,
    /// Kept one by one until the end of the row: there is no header yet, or they are not in order.
    Slots { in_order: bool },
}

/// Collects the cells of one row at a time. All buffers are reused.
pub(crate) struct RowAssembler<'s> {
    sink: &'s mut dyn RowSink,
    budget: Rc<Budget>,
    header_row: u32,
    header: Option<Header>,
    row: u32,
    way: Way,
    record: Record,
    values: Vec<u8>,
    slots: Vec<Slot>,
    seen_rows: u64,
    done: Assembled,
}

impl CellSink for RowAssembler<'_> {
    /// Rows have to come in order, because batches are ranges of them.
    #[inline]
    fn begin_row(&mut self, row: u32) -> Result<(), ReadError> {
        if row <= self.row {
            return Err(out_of_order(row, self.row));
        }
        check("rows", self.budget.limits.rows, u64::from(row)).map_err(|error| error.in_row(row))?;
        self.row = row;
        self.values.clear();
        self.slots.clear();
        self.way = match &self.header {
            Some(header) => {
                self.record.begin(header.len());
                Way::Direct
            }
            None => Way::Slots { in_order: true },
        };
        self.seen_rows += 1;
        if self.seen_rows.is_multiple_of(ROWS_PER_CLOCK) {
            self.budget.check_time()?;
        }
        Ok(())
    }

    #[inline]
    fn cell(
        &mut self,
        column: u32,
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        self.done.cells += 1;
        if let (Way::Direct, Some(header)) = (self.way, &self.header) {
            let position = column.wrapping_sub(header.first_column) as usize;
            if self.record.takes(position) {
                let written = self.record.cell(header, position, write);
                // JSON of a cell may be up to six times its text; the text itself was bounded by whoever read it.
                if self.record.bytes.len() as u64 > self.budget.limits.record_bytes {
                    return Err(self.record_too_long(self.record.bytes.len()));
                }
                return written.map_err(|error| error.in_row(self.row).in_column(column));
            }
        }
        self.unusual_cell(column, write)
    }

    /// Takes the row as header, hands it out, or skips it when it is blank.
    #[inline]
    fn end_row(&mut self) -> Result<(), ReadError> {
        check("cells", self.budget.limits.cells, self.done.cells).map_err(|error| error.in_row(self.row))?;
        match (self.way, &self.header) {
            (Way::Direct, Some(header)) => {
                if !self.record.has_value {
                    return Ok(());
                }
                self.record.finish(header);
                self.hand_out()
            }
            (way, _) => self.end_slots(way),
        }
    }
}

impl<'s> RowAssembler<'s> {
    pub(crate) fn new(sink: &'s mut dyn RowSink, budget: Rc<Budget>, header_row: u32) -> Self {
        Self {
            sink,
            budget,
            header_row: header_row.max(1),
            header: None,
            row: 0,
            way: Way::Slots { in_order: true },
            record: Record::default(),
            values: Vec::new(),
            slots: Vec::new(),
            seen_rows: 0,
            done: Assembled::default(),
        }
    }

    /// True when rows that were handed out can be taken back.
    fn can_restart(&self) -> bool {
        self.sink.can_restart()
    }

    /// Takes back everything that was handed out.
    fn restart(&mut self) -> Result<(), ReadError> {
        self.header = None;
        self.row = 0;
        self.done = Assembled::default();
        self.sink.restart().map_err(|source| ReadError::machine("take rows back", source))
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

    /// A cell that cannot be written into the record at once.
    fn unusual_cell(
        &mut self,
        column: u32,
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        if u64::from(column) >= self.budget.limits.columns {
            return Err(self.too_far(column));
        }
        if self.way == Way::Direct {
            self.keep_record_as_slots();
        }
        let start = self.values.len();
        let is_blank = write(&mut self.values).map_err(|error| error.in_row(self.row).in_column(column))?;
        let end = self.values.len();
        if end as u64 > self.budget.limits.record_bytes {
            return Err(self.record_too_long(end));
        }
        let follows = self.slots.last().is_none_or(|last| last.column < column);
        let was_in_order = self.way == Way::Slots { in_order: true };
        self.way = Way::Slots { in_order: was_in_order && follows };
        self.slots.push(Slot { column, start, end, is_blank });
        Ok(())
    }

    /// The row is not in order, or reaches beyond the header: what was written becomes single cells again.
    fn keep_record_as_slots(&mut self) {
        self.way = Way::Slots { in_order: true };
        let Some(header) = &self.header else { return };
        for (position, value) in self.record.values(header) {
            let start = self.values.len();
            self.values.extend_from_slice(value);
            // Positions are below the limit on columns.
            let column = header.first_column + position as u32;
            self.slots.push(Slot { column, start, end: self.values.len(), is_blank: value == b"\"\"" });
        }
    }

    fn end_slots(&mut self, way: Way) -> Result<(), ReadError> {
        if way == (Way::Slots { in_order: false }) {
            self.sort_slots();
        }
        if self.row < self.header_row {
            return Ok(());
        }
        let Some(header) = &self.header else { return self.take_header() };
        if self.slots.iter().all(|slot| slot.is_blank) {
            return Ok(());
        }
        self.record.begin(header.len());
        for slot in &self.slots {
            let position = slot.column.wrapping_sub(header.first_column) as usize;
            if self.record.takes(position) {
                self.record.cell(header, position, |out| {
                    out.extend_from_slice(&self.values[slot.start..slot.end]);
                    Ok(slot.is_blank)
                })?;
            } else if !slot.is_blank {
                return Err(value_without_header(slot.column, self.row));
            }
        }
        self.record.finish(header);
        self.hand_out()
    }

    /// Brings cells into the order of their columns. Of a cell that is given twice the later one counts, as it does
    /// for other readers.
    fn sort_slots(&mut self) {
        self.slots.sort_by_key(|slot| slot.column);
        self.slots.dedup_by(|later, earlier| {
            let is_same = later.column == earlier.column;
            if is_same {
                *earlier = *later;
            }
            is_same
        });
    }

    fn take_header(&mut self) -> Result<(), ReadError> {
        let mut cells = Vec::new();
        for slot in self.slots.iter().filter(|slot| !slot.is_blank) {
            cells.push((slot.column, name_from_json(&self.values[slot.start..slot.end])));
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

    #[inline]
    fn hand_out(&mut self) -> Result<(), ReadError> {
        let record = &self.record.bytes;
        if record.len() as u64 > self.budget.limits.record_bytes {
            return Err(self.record_too_long(record.len()));
        }
        self.done.output_bytes += record.len() as u64;
        self.budget.check_output(self.done.output_bytes).map_err(|error| error.in_row(self.row))?;
        self.done.rows += 1;
        self.sink.row(self.row, record).map_err(|source| ReadError::machine("hand out a row", source))
    }

    #[cold]
    fn too_far(&self, column: u32) -> ReadError {
        let problem = FileProblem::limit("columns", self.budget.limits.columns, u64::from(column) + 1);
        ReadError::from(problem).in_row(self.row).in_column(column)
    }

    #[cold]
    fn record_too_long(&self, length: usize) -> ReadError {
        ReadError::from(FileProblem::limit("record_bytes", self.budget.limits.record_bytes, length as u64))
            .in_row(self.row)
    }
}

#[cold]
fn out_of_order(row: u32, before: u32) -> ReadError {
    let message = format!("row {row} comes after row {before}; open the file, save it again and upload the new file");
    ReadError::from(FileProblem::new(OUT_OF_ORDER, message)).in_row(row)
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
