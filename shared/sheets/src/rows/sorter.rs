//! Sheets whose rows do not come in order: an external sort, in bounded memory.
//!
//! A file that is in order never comes here. The first row that is not makes the reader take back what it handed out,
//! read the sheet again into a temporary file, and hand out the rows by their numbers. Rows with the same number are
//! one row: their cells are put together, and of a cell that is given twice the later one counts.

use std::rc::Rc;

use super::{CellSink, OUT_OF_ORDER, RowAssembler, out_of_order};
use crate::error::{FileProblem, ReadError};
use crate::limits::{Budget, check};
use crate::spill::Spill;

/// A sheet that can be read more than once.
pub(crate) trait SheetCells {
    /// Reads the sheet from its start to its end.
    fn read_into(&self, cells: &mut impl CellSink) -> Result<(), ReadError>;
}

/// Reads a sheet into rows, and in case of need puts them in order.
pub(crate) fn read_in_any_order(sheet: &impl SheetCells, rows: &mut RowAssembler<'_>) -> Result<(), ReadError> {
    let budget = Rc::clone(&rows.budget);
    let inflated_before = budget.inflated();
    // What a sink was given that cannot start again stays given: the order has to be known before the first row.
    if !rows.can_restart() {
        let is_ordered = is_in_order(sheet)?;
        budget.restore_inflated(inflated_before);
        if is_ordered {
            return sheet.read_into(rows);
        }
    } else {
        let outcome = sheet.read_into(rows);
        if !hangs_on_order(&outcome) {
            return outcome;
        }
        budget.restore_inflated(inflated_before);
        if is_in_order(sheet)? {
            return outcome;
        }
        budget.restore_inflated(inflated_before);
        rows.restart()?;
    }
    let mut sorter = RowSorter::new(budget);
    sheet.read_into(&mut sorter)?;
    sorter.hand_over(rows)
}

/// Rows that are not in order may show as a header that is missing, because it comes later.
fn hangs_on_order(outcome: &Result<(), ReadError>) -> bool {
    let code = outcome.as_ref().map_or_else(ReadError::code, |()| "");
    code == OUT_OF_ORDER || code.starts_with("HEADER_")
}

fn is_in_order(sheet: &impl SheetCells) -> Result<bool, ReadError> {
    match sheet.read_into(&mut OrderProbe { row: 0 }) {
        Ok(()) => Ok(true),
        Err(error) if error.code() == OUT_OF_ORDER => Ok(false),
        Err(error) => Err(error),
    }
}

/// Looks at nothing but the numbers of the rows.
struct OrderProbe {
    row: u32,
}

impl CellSink for OrderProbe {
    fn begin_row(&mut self, row: u32) -> Result<(), ReadError> {
        if row <= self.row {
            return Err(out_of_order(row, self.row));
        }
        self.row = row;
        Ok(())
    }

    fn cell(&mut self, _: u32, _: impl FnOnce(&mut Vec<u8>) -> Result<bool, ReadError>) -> Result<(), ReadError> {
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Where the cells of one row element stand in the temporary file. Their order is that of the number, then the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stored {
    row: u32,
    start: u64,
    length: u32,
}

/// A column, the length of the JSON that follows, and whether it is blank.
const CELL_HEADER: usize = 9;

/// Keeps the cells of all rows on disk, and in memory 16 bytes for each row.
struct RowSorter {
    budget: Rc<Budget>,
    spill: Spill,
    stored: Vec<Stored>,
    row: u32,
    cells: Vec<u8>,
    value: Vec<u8>,
    cell_count: u64,
}

impl RowSorter {
    fn new(budget: Rc<Budget>) -> Self {
        let spill = Spill::new(&budget);
        Self { budget, spill, stored: Vec::new(), row: 0, cells: Vec::new(), value: Vec::new(), cell_count: 0 }
    }

    fn hand_over(mut self, rows: &mut RowAssembler<'_>) -> Result<(), ReadError> {
        self.stored.sort_unstable();
        let mut bytes = Vec::new();
        for elements in self.stored.chunk_by(|one, other| one.row == other.row) {
            let Some(first) = elements.first() else { continue };
            rows.begin_row(first.row)?;
            for element in elements {
                bytes.clear();
                self.spill.read(element.start, element.length as usize, &mut bytes)?;
                hand_over_cells(&bytes, rows)?;
            }
            rows.end_row()?;
        }
        Ok(())
    }
}

fn hand_over_cells(bytes: &[u8], rows: &mut RowAssembler<'_>) -> Result<(), ReadError> {
    let mut rest = bytes;
    while let Some(([a, b, c, d, e, f, g, h, blank], after)) = rest.split_first_chunk::<CELL_HEADER>() {
        let column = u32::from_le_bytes([*a, *b, *c, *d]);
        let length = u32::from_le_bytes([*e, *f, *g, *h]) as usize;
        let Some((json, after)) = after.split_at_checked(length) else { break };
        rows.cell(column, |out| {
            out.extend_from_slice(json);
            Ok(*blank != 0)
        })?;
        rest = after;
    }
    Ok(())
}

impl CellSink for RowSorter {
    fn begin_row(&mut self, row: u32) -> Result<(), ReadError> {
        let limits = &self.budget.limits;
        check("rows", limits.rows, u64::from(row)).map_err(|error| error.in_row(row))?;
        // As many elements as a sheet has rows: more of them are the same rows over and over.
        check("rows", limits.rows, self.stored.len() as u64 + 1).map_err(|error| error.in_row(row))?;
        self.row = row;
        self.cells.clear();
        if self.stored.len().is_multiple_of(512) {
            self.budget.check_time()?;
        }
        Ok(())
    }

    fn cell(
        &mut self,
        column: u32,
        write: impl FnOnce(&mut Vec<u8>) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        let limits = &self.budget.limits;
        let place = |error: ReadError| error.in_row(self.row).in_column(column);
        check("columns", limits.columns, u64::from(column) + 1).map_err(place)?;
        self.cell_count += 1;
        check("cells", limits.cells, self.cell_count).map_err(place)?;
        self.value.clear();
        let is_blank = write(&mut self.value).map_err(place)?;
        // The limit on records is checked first, and keeps the length far below 32 bits.
        let length = self.cells.len() + self.value.len();
        if length as u64 > limits.record_bytes.min(u64::from(u32::MAX)) {
            return Err(ReadError::from(FileProblem::limit("record_bytes", limits.record_bytes, length as u64))
                .in_row(self.row));
        }
        self.cells.extend_from_slice(&column.to_le_bytes());
        self.cells.extend_from_slice(&(self.value.len() as u32).to_le_bytes());
        self.cells.push(u8::from(is_blank));
        self.cells.extend_from_slice(&self.value);
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), ReadError> {
        let start = self.spill.append(&self.cells)?;
        self.stored.push(Stored { row: self.row, start, length: self.cells.len() as u32 });
        Ok(())
    }
}
