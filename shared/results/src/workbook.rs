//! Failed rows as a workbook: the person's own columns and formats, then what was wrong, and on each cell that is to blame
//! a note of what it should be.
//!
//! The cells go to a temporary file while they come, so memory does not grow with the rows; the notes are kept in memory,
//! which is why there is a most of them.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use filas_domain::clock::Timestamp;
use filas_domain::report::ADDED_COLUMNS;
use rust_xlsxwriter::{Color, DocProperties, ExcelDateTime, Format, FormatAlign, Note, Workbook, Worksheet, XlsxError};

use crate::cells::{Cell, LONGEST_TEXT, TEXT_FORMAT, cell};
use crate::lines::lines_of;
use crate::table::{Column, FailedRow, Table};

/// Rows of a sheet, the names included.
const SHEET_ROWS: u32 = 1_048_576;

/// Cells that get a note. A spreadsheet program draws each as a shape of its own and gets slow with more; the reason
/// stands in every row anyway.
const NOTES: usize = 20_000;

/// The most characters of a note.
const NOTE_CHARACTERS: usize = 1_000;

/// The most bytes of a sheet before it is compressed: what the function's temporary space holds.
const SHEET_BYTES: u64 = 2_500 * 1024 * 1024;

/// About what a cell takes besides its text.
const CELL_BYTES: u64 = 48;

/// What the workbook says of itself.
#[derive(Clone)]
pub struct About {
    sheet: String,
    title: String,
    created: ExcelDateTime,
}

impl About {
    /// Of the failed rows of a file that was read by this name and, where one was asked for, this sheet, and that ended at
    /// this moment. It is not the present one: the same workbook twice is the same bytes twice.
    ///
    /// # Errors
    /// When a workbook has no such moment.
    pub fn new(filename: Option<&str>, sheet: Option<&str>, ended: Timestamp) -> Result<Self> {
        // A sheet that was asked for by name is found under that name when the workbook is uploaded again.
        let named = sheet.filter(|name| name.parse::<u32>().is_err());
        Ok(Self {
            sheet: named.unwrap_or("Failed rows").to_owned(),
            title: format!("Failed rows of {}", filename.unwrap_or("the upload")),
            created: ExcelDateTime::from_timestamp(i64::try_from(ended.as_secs())?)?,
        })
    }
}

/// The formats of one column: as it is, and for text that must stay text; each also for a cell that is to blame.
struct Formats {
    column: Option<Format>,
    text: Format,
    marked: Format,
    marked_text: Format,
}

/// A sheet under way.
struct Sheet<'a> {
    sheet: &'a mut Worksheet,
    table: &'a Table,
    columns: &'a [Column],
    formats: Vec<Formats>,
    wrapped: Format,
    next_row: u32,
    notes: usize,
    bytes: u64,
}

/// Writes the rows of all chunks of lines, as many as fit into a workbook and come before `until`, and says how many.
///
/// # Errors
/// When a line is no failed outcome, or the file cannot be written.
pub fn write(
    path: &Path,
    table: &Table,
    about: &About,
    mut chunks: impl FnMut() -> Result<Option<Vec<u8>>>,
    until: Option<Instant>,
) -> Result<u64> {
    let mut workbook = Workbook::new();
    let properties = DocProperties::new().set_title(&about.title).set_author("Filas");
    workbook.set_properties(&properties.set_creation_datetime(&about.created));
    let columns = table.columns.as_deref().unwrap_or_default();
    let mut sheet = Sheet::begin(workbook.add_worksheet_with_constant_memory()?, table, columns)?;
    // A name that a sheet cannot have is one that it did not have.
    if sheet.sheet.set_name(&about.sheet).is_err() {
        sheet.sheet.set_name("Failed rows")?;
    }
    let first_row = sheet.next_row;
    'all: while let Some(chunk) = chunks()? {
        for line in lines_of(&chunk) {
            if sheet.is_full() || until.is_some_and(|until| Instant::now() > until) {
                break 'all;
            }
            sheet.row(&FailedRow::read(line)?)?;
        }
    }
    let rows = u64::from(sheet.next_row - first_row);
    workbook.save(path).context("save the workbook")?;
    Ok(rows)
}

impl<'a> Sheet<'a> {
    /// The sheet with its names, which stand where the pipeline looks for them.
    fn begin(sheet: &'a mut Worksheet, table: &'a Table, columns: &'a [Column]) -> Result<Self> {
        let header_row = table.header_row - 1;
        let (own, added) =
            (Format::new().set_bold(), Format::new().set_bold().set_background_color(Color::RGB(0x00DD_E7F3)));
        let mut formats = Vec::with_capacity(columns.len());
        for (position, column) in (0..).zip(columns) {
            let of_column = column.format.as_deref().map(|format| Format::new().set_num_format(format));
            if let Some(format) = &of_column {
                sheet.set_column_format(position, format)?;
            }
            formats.push(Formats {
                column: of_column,
                text: Format::new().set_num_format(TEXT_FORMAT),
                marked: marked(column.format.as_deref()),
                marked_text: marked(Some(TEXT_FORMAT)),
            });
            sheet.set_column_width(position, width(&column.name))?;
            sheet.write_string_with_format(header_row, position, cut(&column.name).0, &own)?;
        }
        let after = u16::try_from(columns.len())?;
        for (position, name) in (after..).zip(ADDED_COLUMNS) {
            sheet.set_column_width(position, if position == after + 3 { 60.0 } else { width(name) })?;
            sheet.write_string_with_format(header_row, position, name, &added)?;
        }
        sheet.set_freeze_panes(table.header_row, 0)?;
        let wrapped = Format::new().set_text_wrap().set_align(FormatAlign::Top);
        Ok(Self { sheet, table, columns, formats, wrapped, next_row: table.header_row, notes: 0, bytes: 0 })
    }

    fn is_full(&self) -> bool {
        self.next_row >= SHEET_ROWS || self.bytes > SHEET_BYTES
    }

    fn row(&mut self, row: &FailedRow) -> Result<()> {
        let blamed = self.table.blamed(row);
        let mut reason = row.message.clone();
        for (at, (position, column)) in (0_u16..).zip(self.columns).enumerate() {
            let is_blamed = blamed.iter().any(|(blamed, _)| *blamed == at);
            let value = row.record.get(&column.name).unwrap_or(&serde_json::Value::Null);
            let cell = cell(value, column, self.table.source);
            if let Cell::Text(text, _) = &cell
                && cut(text).1
            {
                reason.push_str(&format!("; {}: cut, a workbook has no longer cells; take the csv file", column.name));
            }
            self.cell(position, &cell, is_blamed)?;
        }
        for (at, text) in blamed {
            if self.notes < NOTES {
                self.notes += 1;
                let text: String = text.chars().take(NOTE_CHARACTERS).collect();
                let note = Note::new(text).add_author_prefix(false).set_author("Filas").set_width(260).set_height(90);
                self.sheet.insert_note(self.next_row, u16::try_from(at)?, &note)?;
            }
        }
        let after = u16::try_from(self.columns.len())?;
        self.sheet.write_number(self.next_row, after, row.row)?;
        self.sheet.write_string(self.next_row, after + 1, row.stage.as_str())?;
        self.sheet.write_string(self.next_row, after + 2, cut(&row.code).0)?;
        self.sheet.write_string_with_format(self.next_row, after + 3, cut(&reason).0, &self.wrapped)?;
        self.bytes += 4 * CELL_BYTES + reason.len() as u64;
        self.next_row += 1;
        Ok(())
    }

    fn cell(&mut self, column: u16, cell: &Cell, is_blamed: bool) -> Result<(), XlsxError> {
        let formats = &self.formats[usize::from(column)];
        let own = if is_blamed { Some(&formats.marked) } else { formats.column.as_ref() };
        let special = |format: Option<&str>| match is_blamed {
            true => marked(format),
            false => format.map_or_else(Format::new, |format| Format::new().set_num_format(format)),
        };
        let (row, sheet) = (self.next_row, &mut *self.sheet);
        self.bytes += CELL_BYTES;
        let is_own = |format: Option<&str>| format == self.columns[usize::from(column)].format.as_deref();
        match (cell, own) {
            (Cell::Empty, Some(format)) if is_blamed => sheet.write_blank(row, column, format)?,
            (Cell::Empty, _) => return Ok(()),
            (Cell::Bool(truth), Some(format)) => sheet.write_boolean_with_format(row, column, *truth, format)?,
            (Cell::Bool(truth), None) => sheet.write_boolean(row, column, *truth)?,
            (Cell::Number(number, format), Some(own)) if is_own(format.as_deref()) => {
                sheet.write_number_with_format(row, column, *number, own)?
            }
            (Cell::Number(number, None), None) => sheet.write_number(row, column, *number)?,
            (Cell::Number(number, format), _) => {
                sheet.write_number_with_format(row, column, *number, &special(format.as_deref()))?
            }
            (Cell::Text(text, format), own) => {
                let text = cut(text).0;
                self.bytes += text.len() as u64;
                match (format, own) {
                    (Some(_), _) => {
                        let format = if is_blamed { &formats.marked_text } else { &formats.text };
                        sheet.write_string_with_format(row, column, text, format)?
                    }
                    (None, Some(own)) => sheet.write_string_with_format(row, column, text, own)?,
                    (None, None) => sheet.write_string(row, column, text)?,
                }
            }
        };
        Ok(())
    }
}

/// A cell that is to blame.
fn marked(format: Option<&str>) -> Format {
    let marked = Format::new().set_background_color(Color::RGB(0x00FF_D9D9));
    format.map_or(marked.clone(), |format| marked.set_num_format(format))
}

fn width(name: &str) -> f64 {
    let characters = u32::try_from(name.chars().count()).unwrap_or(u32::MAX);
    f64::from(characters.clamp(8, 38) + 2)
}

/// As much of a text as a cell holds, and whether that is not all. A workbook counts in UTF-16.
fn cut(text: &str) -> (&str, bool) {
    if text.len() <= LONGEST_TEXT {
        return (text, false);
    }
    let mut units = 0;
    for (at, letter) in text.char_indices() {
        units += letter.len_utf16();
        if units > LONGEST_TEXT {
            return (&text[..at], true);
        }
    }
    (text, false)
}
