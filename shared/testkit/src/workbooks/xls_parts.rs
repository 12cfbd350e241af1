//! A workbook of Excel 97 to 2003 ([MS-XLS]), record by record, with one stream of cells that sheets point to.

use super::ole::OleBuilder;

const BEGIN: u16 = 0x0809;
const END: u16 = 0x000A;
const SHEET: u16 = 0x0085;
const STRINGS: u16 = 0x00FC;
const MORE: u16 = 0x003C;
const DIMENSIONS: u16 = 0x0200;
const NUMBER: u16 = 0x0203;
const LABEL: u16 = 0x0204;
const SHARED: u16 = 0x00FD;

/// Collects cells. Everything that the workbook says of itself can be a lie.
#[derive(Default)]
pub struct XlsParts {
    cells: Vec<u8>,
    strings: Vec<u8>,
    dimensions: Option<(u32, u16)>,
    more_sheets: u32,
    elsewhere: u32,
}

impl XlsParts {
    /// A workbook with the sheet `S0`, without cells.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text cell, by 0-based row and column.
    #[must_use]
    pub fn text(mut self, row: u16, column: u16, text: &str) -> Self {
        let body = [&place(row, column)[..], &(text.len() as u16).to_le_bytes(), &[0], text.as_bytes()].concat();
        self.cells.extend(record(LABEL, &body));
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, row: u16, column: u16, value: f64) -> Self {
        let body = [&place(row, column)[..], &value.to_le_bytes()].concat();
        self.cells.extend(record(NUMBER, &body));
        self
    }

    /// Adds a cell that points to a shared string.
    #[must_use]
    pub fn shared(mut self, row: u16, column: u16, string: u32) -> Self {
        let body = [&place(row, column)[..], &string.to_le_bytes()].concat();
        self.cells.extend(record(SHARED, &body));
        self
    }

    /// Shared strings of one byte a character. The number of them is said to be the largest there is.
    #[must_use]
    pub fn strings(mut self, texts: &[&str]) -> Self {
        const MOST: usize = 8000;
        let mut body = vec![0xFF; 8];
        for text in texts {
            body.extend_from_slice(&(text.len() as u16).to_le_bytes());
            body.push(0);
            body.extend_from_slice(text.as_bytes());
        }
        // A text that goes on in the next record says its width again.
        let mut parts = body.chunks(MOST);
        self.strings = record(STRINGS, parts.next().unwrap_or_default());
        for part in parts {
            self.strings.extend(record(MORE, &[&[0], part].concat()));
        }
        self
    }

    /// What the sheet says of its size: the row and the column behind the last.
    #[must_use]
    pub fn dimensions(mut self, rows: u32, columns: u16) -> Self {
        self.dimensions = Some((rows, columns));
        self
    }

    /// So many more sheets, all of which point to the same cells.
    #[must_use]
    pub fn sheets_on_the_same_cells(mut self, count: u32) -> Self {
        self.more_sheets = count;
        self
    }

    /// The sheets point so many bytes behind the cells.
    #[must_use]
    pub fn cells_elsewhere(mut self, bytes: u32) -> Self {
        self.elsewhere = bytes;
        self
    }

    /// The workbook's stream.
    pub fn stream(&self) -> Vec<u8> {
        let begin =
            |kind: u16| record(BEGIN, &[&0x0600_u16.to_le_bytes()[..], &kind.to_le_bytes()[..], &[0; 12]].concat());
        let sheets = |at: u32| -> Vec<u8> {
            let sheet = |number: u32| {
                let name = format!("S{number}");
                record(SHEET, &[&at.to_le_bytes()[..], &[0, 0, name.len() as u8, 0], name.as_bytes()].concat())
            };
            (0..=self.more_sheets).flat_map(sheet).collect()
        };
        let globals = [begin(5), sheets(0), self.strings.clone(), record(END, &[])].concat();
        let at = globals.len() as u32 + self.elsewhere;
        let mut out = [begin(5), sheets(at), self.strings.clone(), record(END, &[]), begin(0x10)].concat();
        if let Some((rows, columns)) = self.dimensions {
            let body =
                [&0_u32.to_le_bytes()[..], &rows.to_le_bytes(), &0_u16.to_le_bytes(), &columns.to_le_bytes(), &[0, 0]];
            out.extend(record(DIMENSIONS, &body.concat()));
        }
        out.extend_from_slice(&self.cells);
        out.extend(record(END, &[]));
        out
    }

    /// The bytes of the workbook.
    pub fn build(&self) -> Vec<u8> {
        OleBuilder::new().stream("Workbook", &self.stream()).build()
    }
}

fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(body.len() as u16).to_le_bytes(), body].concat()
}

fn place(row: u16, column: u16) -> [u8; 6] {
    let [low, high] = row.to_le_bytes();
    let [left, right] = column.to_le_bytes();
    [low, high, left, right, 0, 0]
}
