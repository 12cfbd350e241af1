//! OpenDocument spreadsheets, by the same XML reader as xlsx (OpenDocument 1.3 part 3, 9 and 19.385).
//!
//! Not by calamine: it has only a whole-sheet interface for this format, and repeats cells as often as the file says.

use crate::archive::Archive;
use crate::error::{FileProblem, ReadError};
use crate::limits::check;
use crate::options::SheetChoice;
use crate::rows::{CellSink, RowAssembler, write_bool, write_error, write_text};
use crate::workbook::{SheetEntry, choose, write_number};
use crate::xlsx::{PartXml, xml_part};
use crate::xml::{Event, Tag};
use crate::{moment::DateSystem, number_format::NumberClass};

mod cell;

use cell::{OdsCell, ValueType};

const CONTENT: &str = "content.xml";

/// Reads the chosen table into rows; answers its name.
pub(crate) fn read(
    archive: &Archive<'_>,
    choice: Option<&SheetChoice>,
    rows: &mut RowAssembler<'_>,
) -> Result<String, ReadError> {
    refuse_encrypted(archive)?;
    let sheets = list_tables(archive)?;
    let chosen = choose(&sheets, choice, &archive.budget().limits)?;
    let position = sheets.iter().position(|sheet| std::ptr::eq(sheet, chosen)).unwrap_or(0);
    let mut xml = xml_part(archive, CONTENT)?;
    let mut table = TableReader::new(archive, rows);
    find_table(&mut xml, position)?;
    table.read(&mut xml).map_err(|error| table.locate(error).in_sheet(&chosen.name))?;
    Ok(chosen.name.clone())
}

fn refuse_encrypted(archive: &Archive<'_>) -> Result<(), ReadError> {
    const MANIFEST: &str = "META-INF/manifest.xml";
    if !archive.contains(MANIFEST) {
        return Ok(());
    }
    let mut xml = xml_part(archive, MANIFEST)?;
    loop {
        match xml.next()? {
            Event::Eof => return Ok(()),
            Event::Start(tag) if tag.name == b"encryption-data" => return Err(FileProblem::encrypted().into()),
            _ => {}
        }
    }
}

/// The tables of the document. Reading them costs a pass over the whole part, which is the price of knowing the
/// names before the rows, and of knowing that the part is whole.
fn list_tables(archive: &Archive<'_>) -> Result<Vec<SheetEntry>, ReadError> {
    let mut xml = xml_part(archive, CONTENT)?;
    let mut sheets = Vec::new();
    let mut hidden_styles: Vec<Vec<u8>> = Vec::new();
    let mut style: Option<Vec<u8>> = None;
    loop {
        let depth = xml.depth();
        match xml.next()? {
            Event::Eof => return Ok(sheets),
            Event::Start(tag) if tag.name == b"style" => style = tag.local_attribute(b"name").map(<[u8]>::to_vec),
            Event::Start(tag)
                if tag.name == b"table-properties" && tag.local_attribute(b"display") == Some(b"false") =>
            {
                hidden_styles.extend(style.take());
            }
            Event::Start(tag) if is_table(&tag, depth) => sheets.push(table_entry(&tag, &hidden_styles)),
            _ => {}
        }
        let count = sheets.len().max(hidden_styles.len()) as u64;
        check("sheets", archive.budget().limits.sheets, count)?;
    }
}

/// A sheet is a table directly in `office:document-content / office:body / office:spreadsheet`; others are nested.
fn is_table(tag: &Tag<'_>, depth: usize) -> bool {
    tag.name == b"table" && depth == 3
}

fn table_entry(tag: &Tag<'_>, hidden_styles: &[Vec<u8>]) -> SheetEntry {
    let style = tag.local_attribute(b"style-name");
    SheetEntry {
        name: tag.local_text_attribute(b"name").unwrap_or_default(),
        part: String::new(),
        is_hidden: style.is_some_and(|style| hidden_styles.iter().any(|hidden| hidden == style)),
    }
}

fn find_table(xml: &mut PartXml<'_>, position: usize) -> Result<(), ReadError> {
    let mut seen = 0;
    loop {
        let depth = xml.depth();
        match xml.next()? {
            Event::Eof => return Err(FileProblem::corrupt("a sheet vanished").into()),
            Event::Start(tag) if is_table(&tag, depth) => {
                if seen == position {
                    return Ok(());
                }
                seen += 1;
            }
            _ => {}
        }
    }
}

struct TableReader<'a, 'r, 's> {
    archive: &'a Archive<'a>,
    rows: &'r mut RowAssembler<'s>,
    /// Row number from 1 of the row being read; 0 before the first.
    row: u32,
    next_row: u64,
    row_repeat: u64,
    column: u64,
    cell: OdsCell,
    /// The cells of the current row, so that a repeated row can be given again.
    cells: Vec<(u32, u32, Vec<u8>, bool)>,
}

impl<'a, 'r, 's> TableReader<'a, 'r, 's> {
    fn new(archive: &'a Archive<'a>, rows: &'r mut RowAssembler<'s>) -> Self {
        Self {
            archive,
            rows,
            row: 0,
            next_row: 1,
            row_repeat: 1,
            column: 0,
            cell: OdsCell::default(),
            cells: Vec::new(),
        }
    }

    /// Reads up to the end of the table.
    fn read(&mut self, xml: &mut PartXml<'_>) -> Result<(), ReadError> {
        let table_depth = xml.depth();
        let most = self.archive.budget().limits.cell_bytes;
        let mut in_cell = None;
        loop {
            let depth = xml.depth();
            match xml.next()? {
                Event::Eof => return Ok(()),
                Event::Start(tag) => match (in_cell, tag.name) {
                    (None, b"table-row") => self.start_row(&tag)?,
                    (None, b"table-cell" | b"covered-table-cell") => {
                        self.cell.start(&tag);
                        in_cell = Some(depth);
                    }
                    (None, _) => {}
                    (Some(cell_depth), _) => self.cell.start_inner(&tag, depth - cell_depth),
                },
                Event::End(name) => match in_cell {
                    Some(cell_depth) if depth == cell_depth + 1 => {
                        in_cell = None;
                        self.end_cell()?;
                    }
                    Some(_) => self.cell.end_inner(name),
                    None if name == b"table-row" => self.end_row()?,
                    None if depth == table_depth => return Ok(()),
                    None => {}
                },
                Event::Text(raw) if in_cell.is_some() => self.cell.text(raw)?,
                Event::Literal(raw) if in_cell.is_some() => self.cell.literal(raw),
                Event::Text(_) | Event::Literal(_) => {}
            }
            check("cell_bytes", most, self.cell.text.len() as u64)?;
        }
    }

    fn start_row(&mut self, tag: &Tag<'_>) -> Result<(), ReadError> {
        self.row_repeat = repeat(tag, b"number-rows-repeated");
        self.column = 0;
        self.cells.clear();
        self.row = u32::try_from(self.next_row).unwrap_or(u32::MAX);
        self.archive.budget().check_time()
    }

    fn end_cell(&mut self) -> Result<(), ReadError> {
        let limits = &self.archive.budget().limits;
        let first = self.column;
        self.column = self.column.saturating_add(self.cell.repeat);
        if self.cell.is_covered || !self.cell.has_content() {
            return Ok(());
        }
        check("columns", limits.columns, self.column).map_err(|error| error.in_row(self.row))?;
        let mut json = Vec::new();
        let is_blank = write_cell(&mut json, &self.cell)?;
        // Below the limit on columns, which fits in 32 bits.
        self.cells.push((first as u32, self.cell.repeat as u32, json, is_blank));
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), ReadError> {
        let first = self.next_row;
        self.next_row = self.next_row.saturating_add(self.row_repeat);
        // Empty rows are repeated a million times to the end of the sheet: they cost nothing.
        if self.cells.is_empty() {
            return Ok(());
        }
        let most = self.archive.budget().limits.rows;
        for row in first..self.next_row {
            check("rows", most, row)?;
            self.row = row as u32;
            self.rows.begin_row(self.row)?;
            for (column, repeat, json, is_blank) in &self.cells {
                for offset in 0..*repeat {
                    self.rows.cell(column + offset, |out| {
                        out.extend_from_slice(json);
                        Ok(*is_blank)
                    })?;
                }
            }
            self.rows.end_row()?;
        }
        Ok(())
    }

    fn locate(&self, error: ReadError) -> ReadError {
        error.in_row(self.row)
    }
}

/// How often a row or a cell stands for itself; once if not said.
fn repeat(tag: &Tag<'_>, name: &[u8]) -> u64 {
    let text = tag.local_attribute(name).and_then(|value| std::str::from_utf8(value).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(1).max(1)
}

fn write_cell(out: &mut Vec<u8>, cell: &OdsCell) -> Result<bool, ReadError> {
    let value = cell.value.as_str();
    match cell.kind {
        ValueType::Number => {
            let number: f64 = value.trim().parse().map_err(|_| bad("a number that is none"))?;
            write_number(out, number, NumberClass::Number, DateSystem::From1900)
        }
        ValueType::Bool => Ok(write_bool(out, value == "true")),
        ValueType::Date => {
            let text = value.strip_suffix('Z').unwrap_or(value);
            Ok(write_text(out, &cell::without_empty_fraction(text)))
        }
        ValueType::Time => Ok(write_text(out, &cell::time_text(value).ok_or_else(|| bad("a time that is none"))?)),
        ValueType::Error => Ok(write_error(out, text_of(cell)?.trim())),
        ValueType::Text if !value.is_empty() => Ok(write_text(out, value)),
        ValueType::Text => Ok(write_text(out, text_of(cell)?)),
    }
}

fn text_of(cell: &OdsCell) -> Result<&str, ReadError> {
    std::str::from_utf8(&cell.text).map_err(|_| bad("text that is not valid"))
}

fn bad(what: &str) -> ReadError {
    FileProblem::corrupt(format!("a cell holds {what}")).into()
}
