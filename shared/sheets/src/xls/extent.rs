//! How many cells an `.xls` file makes its reader hold: the bounding boxes of its sheets, measured record by record
//! ([MS-XLS] 2.3) before anything is allocated for them.

use std::collections::BTreeSet;
use std::fs::File;

use crate::error::{FileProblem, ReadError};
use crate::limits::{Budget, check};
use crate::ole::Ole;
use crate::source::ByteSource;

const BEGIN: u16 = 0x0809;
const SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;
const FORMULA: [u16; 3] = [0x0006, 0x0206, 0x0406];
const SINGLE: [u16; 7] = [0x0201, 0x0203, 0x0204, 0x0205, 0x00D6, 0x00FD, 0x027E];
const MULTIPLE: [u16; 2] = [0x00BD, 0x00BE];

/// The box around all cells of one sheet.
#[derive(Default)]
struct Extent {
    rows: Option<(u64, u64)>,
    columns: Option<(u64, u64)>,
    stated: u64,
}

impl Extent {
    fn add(&mut self, row: u64, first_column: u64, last_column: u64) {
        let (low, high) = self.rows.unwrap_or((row, row));
        self.rows = Some((low.min(row), high.max(row)));
        let (low, high) = self.columns.unwrap_or((first_column, last_column));
        self.columns = Some((low.min(first_column), high.max(last_column)));
    }

    /// The box, or what the sheet states about itself if that is more: the reader reserves that.
    fn cells(&self) -> u64 {
        let length = |range: Option<(u64, u64)>| range.map_or(0, |(low, high)| high - low + 1);
        (length(self.rows) * length(self.columns)).max(self.stated)
    }
}

/// Refuses a workbook whose sheets together span too many cells, or do not begin where sheets begin: the reader goes
/// through the cells of every sheet that is listed, and they were counted once.
pub(super) fn check_extent(file: &File, budget: &Budget) -> Result<(), ReadError> {
    let container = Ole::open(file)?;
    let stream = container.stream("Workbook").or_else(|| container.stream("Book"));
    let stream = stream.ok_or_else(|| FileProblem::corrupt("it holds no workbook"))?;
    let mut records = Records::new(container.read(stream)?, budget);
    let most = budget.limits.xls_cells;
    let (mut total, mut sheet, mut sheets) = (0, Extent::default(), 0);
    let (mut begins, mut listed) = (BTreeSet::new(), Vec::new());
    let mut body = Vec::new();
    loop {
        let at = records.consumed;
        let Some(kind) = records.next(&mut body)? else { break };
        if kind == BEGIN {
            total += sheet.cells();
            sheet = Extent::default();
            sheets += 1;
            check("sheets", budget.limits.sheets, sheets)?;
            begins.insert(at);
        }
        if kind == SHEET {
            listed.push(body.first_chunk().map_or(u64::MAX, |at| u64::from(u32::from_le_bytes(*at))));
            check("sheets", budget.limits.sheets, listed.len() as u64)?;
        }
        measure(&mut sheet, kind, &body);
        check("xls_cells", most, total + sheet.cells())?;
    }
    if listed.iter().all(|at| begins.remove(at)) {
        return Ok(());
    }
    Err(FileProblem::corrupt("a sheet is not where its list of sheets says").into())
}

fn measure(sheet: &mut Extent, kind: u16, body: &[u8]) {
    let word = |at: usize| body.get(at..at + 2).map_or(0, |pair| u64::from(u16::from_le_bytes([pair[0], pair[1]])));
    let long = |at: usize| word(at) | (word(at + 2) << 16);
    if FORMULA.contains(&kind) || SINGLE.contains(&kind) {
        sheet.add(word(0), word(2), word(2));
    } else if MULTIPLE.contains(&kind) && body.len() >= 6 {
        sheet.add(word(0), word(2), word(body.len() - 2).max(word(2)));
    } else if kind == DIMENSIONS {
        let (rows, columns) = if body.len() >= 14 {
            (long(4).saturating_sub(long(0)), word(10).saturating_sub(word(8)))
        } else {
            (word(2).saturating_sub(word(0)), word(6).saturating_sub(word(4)))
        };
        sheet.stated = rows.saturating_mul(columns);
    }
}

struct Records<'b, S> {
    source: S,
    budget: &'b Budget,
    buffer: Vec<u8>,
    position: usize,
    /// Bytes of the stream before the next record.
    consumed: u64,
}

impl<'b, S: ByteSource> Records<'b, S> {
    fn new(source: S, budget: &'b Budget) -> Self {
        Self { source, budget, buffer: Vec::new(), position: 0, consumed: 0 }
    }

    /// The kind of the next record, its content in `body`; none at the end, be it clean or not.
    fn next(&mut self, body: &mut Vec<u8>) -> Result<Option<u16>, ReadError> {
        let mut head = [0; 4];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        // At most 64 KiB, by the width of the field.
        body.resize(usize::from(u16::from_le_bytes([head[2], head[3]])), 0);
        if !self.fill(body)? {
            return Ok(None);
        }
        Ok(Some(u16::from_le_bytes([head[0], head[1]])))
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<bool, ReadError> {
        let mut filled = 0;
        while filled < out.len() {
            if self.position == self.buffer.len() && !self.refill()? {
                return Ok(false);
            }
            let count = (self.buffer.len() - self.position).min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&self.buffer[self.position..self.position + count]);
            self.position += count;
            filled += count;
            self.consumed += count as u64;
        }
        Ok(true)
    }

    /// Records are small and reads of the container are not: one sector at a time.
    fn refill(&mut self) -> Result<bool, ReadError> {
        const SECTOR_BYTES: usize = 4096;
        self.budget.check_time()?;
        self.buffer.resize(SECTOR_BYTES, 0);
        let count = self.source.read(&mut self.buffer)?;
        self.buffer.truncate(count);
        self.position = 0;
        Ok(count > 0)
    }
}
