//! A binary workbook with one sheet, record by record.

use super::xlsx_parts::relations;
use super::zip_builder::ZipBuilder;

/// One record: its number, its length, its bytes.
pub fn record(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut out = vec![(kind & 0x7F) as u8 | if kind > 0x7F { 0x80 } else { 0 }];
    if kind > 0x7F {
        out.push((kind >> 7) as u8);
    }
    let mut length = body.len();
    while length > 0x7F {
        out.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(body);
    out
}

/// Collects the cells of the sheet `Sheet1`. Formats: 0 general, 1 date (built-in 14), 2 `[h]:mm`.
#[derive(Default)]
pub struct XlsbParts {
    cells: Vec<u8>,
    strings: Vec<u8>,
    uses_1904: bool,
    claimed_strings: Option<u32>,
    claimed_extent: (u32, u32),
}

impl XlsbParts {
    /// A workbook without cells.
    pub fn new() -> Self {
        Self::default()
    }

    /// Dates count from 1904.
    #[must_use]
    pub fn from_1904(mut self) -> Self {
        self.uses_1904 = true;
        self
    }

    /// Begins a row, numbered from 1.
    #[must_use]
    pub fn row(mut self, row: u32) -> Self {
        let mut body = (row - 1).to_le_bytes().to_vec();
        body.resize(17, 0);
        self.cells.extend(record(0, &body));
        self
    }

    /// Adds a cell to the row: number of the record, 0-based column, format, and the bytes of the value.
    #[must_use]
    pub fn cell(mut self, kind: u32, column: u32, format: u32, value: &[u8]) -> Self {
        let mut body = column.to_le_bytes().to_vec();
        body.extend_from_slice(&format.to_le_bytes());
        body.extend_from_slice(value);
        self.cells.extend(record(kind, &body));
        self
    }

    /// Adds bytes where a record may begin.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.cells.extend_from_slice(bytes);
        self
    }

    /// Adds a text cell.
    #[must_use]
    pub fn text(self, column: u32, text: &str) -> Self {
        self.cell(6, column, 0, &wide(text))
    }

    /// Adds a shared string, to be pointed to by its position.
    #[must_use]
    pub fn shared(mut self, text: &str) -> Self {
        let mut body = vec![0];
        body.extend(wide(text));
        self.strings.extend(record(19, &body));
        self
    }

    /// States this many shared strings, for readers that believe it.
    #[must_use]
    pub fn claimed_strings(mut self, count: u32) -> Self {
        self.claimed_strings = Some(count);
        self
    }

    /// States the last row and column (both from 0) of the sheet; one cell if not said.
    #[must_use]
    pub fn claimed_extent(mut self, last_row: u32, last_column: u32) -> Self {
        self.claimed_extent = (last_row, last_column);
        self
    }

    /// The bytes of the workbook.
    pub fn build(&self) -> Vec<u8> {
        let mut sheet = record(129, &[]);
        // The extent of the sheet, which other readers need to be there.
        let (last_row, last_column) = self.claimed_extent;
        sheet.extend(record(148, &[0, last_row, 0, last_column].map(u32::to_le_bytes).concat()));
        sheet.extend(record(145, &[]));
        sheet.extend_from_slice(&self.cells);
        sheet.extend(record(146, &[]));
        sheet.extend(record(130, &[]));
        // The count is a claim that no reader should believe.
        let count = self.claimed_strings.unwrap_or(u32::MAX).to_le_bytes();
        let mut strings = record(159, &[count, count].concat());
        strings.extend_from_slice(&self.strings);
        strings.extend(record(160, &[]));
        ZipBuilder::new()
            .entry("[Content_Types].xml", "<Types/>")
            .entry("_rels/.rels", relations(&[("rId1", "officeDocument", "xl/workbook.bin")]))
            .entry("xl/workbook.bin", self.workbook())
            .entry(
                "xl/_rels/workbook.bin.rels",
                relations(&[
                    ("rId1", "worksheet", "worksheets/sheet1.bin"),
                    ("rId2", "styles", "styles.bin"),
                    ("rId3", "sharedStrings", "sharedStrings.bin"),
                ]),
            )
            .entry("xl/worksheets/sheet1.bin", sheet)
            .entry("xl/styles.bin", styles())
            .entry("xl/sharedStrings.bin", strings)
            .build()
    }

    fn workbook(&self) -> Vec<u8> {
        let mut bundle = 0_u32.to_le_bytes().to_vec();
        bundle.extend_from_slice(&1_u32.to_le_bytes());
        bundle.extend(wide("rId1"));
        bundle.extend(wide("Sheet1"));
        let mut properties = u32::from(self.uses_1904).to_le_bytes().to_vec();
        properties.extend_from_slice(&[0; 8]);
        let mut out = record(131, &[]);
        out.extend(record(153, &properties));
        out.extend(record(143, &[]));
        out.extend(record(156, &bundle));
        out.extend(record(144, &[]));
        out.extend(record(132, &[]));
        out
    }
}

fn styles() -> Vec<u8> {
    let mut custom = 164_u16.to_le_bytes().to_vec();
    custom.extend(wide("[h]:mm"));
    let mut out = record(278, &[]);
    out.extend(record(615, &1_u32.to_le_bytes()));
    out.extend(record(44, &custom));
    out.extend(record(616, &[]));
    out.extend(record(617, &3_u32.to_le_bytes()));
    for id in [0_u16, 14, 164] {
        let mut body = vec![0; 16];
        body[2..4].copy_from_slice(&id.to_le_bytes());
        out.extend(record(47, &body));
    }
    out.extend(record(618, &[]));
    out.extend(record(279, &[]));
    out
}

/// A text with its length in characters before it.
fn wide(text: &str) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut out = (units.len() as u32).to_le_bytes().to_vec();
    out.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    out
}
