//! One worksheet part: from its tags to cells, in one pass and without an allocation per cell.

use super::shared_strings::{RichText, SharedStrings};
use super::styles::Styles;
use super::xml_part;
use crate::archive::Archive;
use crate::error::{FileProblem, ReadError};
use crate::json;
use crate::limits::{Limits, check};
use crate::moment::DateSystem;
use crate::number_format::NumberClass;
use crate::rows::{RowAssembler, write_bool, write_error, write_text};
use crate::workbook::write_number;
use crate::xml::{BadText, Event, Tag, append_text, trim_xml_space};

/// How many elements are open around each kind: `worksheet / sheetData / row / c / v`. Extensions nest others of the
/// same names deeper.
const ROW_DEPTH: usize = 2;
const CELL_DEPTH: usize = 3;
const VALUE_DEPTH: usize = 4;

/// What a sheet needs of its workbook.
pub(super) struct Context<'w> {
    pub(super) strings: &'w SharedStrings,
    pub(super) styles: &'w Styles,
    pub(super) system: DateSystem,
    pub(super) limits: &'w Limits,
}

/// The `t` attribute of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CellType {
    Number,
    Shared,
    Inline,
    Formula,
    Bool,
    Error,
    Date,
}

/// Where in the sheet the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Data,
    Row,
    Cell,
    Value,
    Inline,
}

struct SheetReader<'w, 'r, 's> {
    context: &'w Context<'w>,
    rows: &'r mut RowAssembler<'s>,
    place: Place,
    row: u32,
    /// 0-based column of the cell, and where the next one stands that does not say so itself.
    column: u32,
    next_column: u32,
    kind: CellType,
    style: u32,
    value: Vec<u8>,
    has_value: bool,
    inline: RichText,
}

/// Reads a sheet part and hands its cells over.
pub(super) fn read(
    archive: &Archive<'_>,
    part: &str,
    context: &Context<'_>,
    rows: &mut RowAssembler<'_>,
) -> Result<(), ReadError> {
    let mut xml = xml_part(archive, part)?;
    let mut sheet = SheetReader {
        context,
        rows,
        place: Place::Outside,
        row: 0,
        column: 0,
        next_column: 0,
        kind: CellType::Number,
        style: 0,
        value: Vec::new(),
        has_value: false,
        inline: RichText::default(),
    };
    loop {
        if sheet.place == Place::Row
            && let Some((tag, value)) = xml.take_plain(b"<c ", b"</c>")
        {
            sheet.plain_cell(&tag, value).map_err(|error| error.in_row(sheet.row).in_column(sheet.column))?;
            continue;
        }
        let depth = xml.depth();
        let text_is_good = match xml.next()? {
            Event::Eof => return Ok(()),
            Event::Start(tag) => sheet.start(&tag, depth).map(|()| Ok(())),
            Event::End(name) => sheet.end(name).map(|()| Ok(())),
            Event::Text(raw) => Ok(sheet.text(raw)),
            Event::Literal(raw) => Ok(sheet.literal(raw)),
        };
        text_is_good
            .and_then(|good| good.map_err(|_| FileProblem::corrupt("a cell holds text that is not valid").into()))
            .map_err(|error| sheet.locate(error))?;
    }
}

impl SheetReader<'_, '_, '_> {
    #[inline]
    fn start(&mut self, tag: &Tag<'_>, depth: usize) -> Result<(), ReadError> {
        match (self.place, tag.name) {
            (Place::Row, b"c") if depth == CELL_DEPTH => self.start_cell(tag),
            (Place::Cell, b"v") if depth == VALUE_DEPTH => {
                self.place = Place::Value;
                self.has_value = true;
                Ok(())
            }
            (Place::Cell, b"is") if depth == VALUE_DEPTH => {
                self.place = Place::Inline;
                self.inline.clear();
                Ok(())
            }
            (Place::Inline, name) => {
                self.inline.start(name, tag.local_attribute(b"space") == Some(b"preserve"));
                Ok(())
            }
            (Place::Data, b"row") if depth == ROW_DEPTH => self.start_row(tag),
            (Place::Outside, b"sheetData") if depth == 1 => {
                self.place = Place::Data;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    #[inline]
    fn end(&mut self, name: &[u8]) -> Result<(), ReadError> {
        match (self.place, name) {
            (Place::Value, b"v") | (Place::Inline, b"is") => self.place = Place::Cell,
            (Place::Inline, name) => self.inline.end(name),
            (Place::Cell, b"c") => {
                self.end_cell()?;
                self.place = Place::Row;
            }
            (Place::Row, b"row") => {
                self.place = Place::Data;
                return self.rows.end_row();
            }
            (Place::Data, b"sheetData") => self.place = Place::Outside,
            _ => {}
        }
        Ok(())
    }

    #[inline]
    fn text(&mut self, raw: &[u8]) -> Result<(), BadText> {
        match self.place {
            Place::Value if matches!(self.kind, CellType::Formula | CellType::Inline) => {
                append_text(&mut self.value, raw, true)
            }
            Place::Value => {
                self.value.extend_from_slice(raw);
                Ok(())
            }
            Place::Inline => self.inline.text(raw),
            _ => Ok(()),
        }
    }

    fn literal(&mut self, raw: &[u8]) -> Result<(), BadText> {
        match self.place {
            Place::Value => {
                self.value.extend_from_slice(raw);
                Ok(())
            }
            Place::Inline => self.inline.literal(raw),
            _ => Ok(()),
        }
    }

    fn start_row(&mut self, tag: &Tag<'_>) -> Result<(), ReadError> {
        self.place = Place::Row;
        self.next_column = 0;
        self.row = match tag.attribute(b"r") {
            Some(text) => parse_row(text).ok_or_else(|| FileProblem::corrupt("a row has no valid number"))?,
            None => self.row.saturating_add(1),
        };
        self.rows.begin_row(self.row)
    }

    #[inline]
    fn start_cell(&mut self, tag: &Tag<'_>) -> Result<(), ReadError> {
        self.place = Place::Cell;
        self.column = self.next_column;
        self.kind = CellType::Number;
        self.style = 0;
        self.value.clear();
        self.has_value = false;
        self.inline.clear();
        for (name, value) in tag.attributes() {
            match name {
                b"r" => self.column = self.parse_reference(value)?,
                b"s" => self.style = parse_index(value).ok_or_else(|| bad_cell("has no valid format"))?,
                b"t" => self.kind = cell_type(value).ok_or_else(|| bad_cell("has an unknown type"))?,
                _ => {}
            }
        }
        self.next_column = self.column + 1;
        Ok(())
    }

    /// The column of a reference such as `AB12`; its row has to be the one it stands in.
    #[inline]
    fn parse_reference(&self, reference: &[u8]) -> Result<u32, ReadError> {
        let letters = reference.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        // Seven letters fit in 33 bits; no sheet has more than three.
        let is_sane = (1..=6).contains(&letters);
        if !is_sane || parse_row(&reference[letters..]) != Some(self.row) {
            return Err(bad_cell("has a reference that does not fit its row"));
        }
        let column = reference[..letters]
            .iter()
            .fold(0_u64, |sum, letter| sum * 26 + u64::from(letter.to_ascii_uppercase() - b'A' + 1));
        check("columns", self.context.limits.columns.min(1 << 20), column)?;
        Ok(column as u32 - 1)
    }

    /// A whole cell at once; its value is still raw.
    #[inline]
    fn plain_cell(&mut self, tag: &Tag<'_>, value: Option<&[u8]>) -> Result<(), ReadError> {
        self.start_cell(tag)?;
        self.place = Place::Row;
        let Some(value) = value else { return Ok(()) };
        match self.kind {
            CellType::Formula | CellType::Inline => {
                self.place = Place::Value;
                self.has_value = true;
                let text_is_good = self.text(value).is_ok();
                self.place = Place::Row;
                if !text_is_good {
                    return Err(bad_cell("holds text that is not valid"));
                }
                self.end_cell()
            }
            _ => {
                check("cell_bytes", self.context.limits.cell_bytes, value.len() as u64)?;
                typed_value(self.rows, self.context, self.column, self.kind, self.style, value)
            }
        }
    }

    #[inline]
    fn end_cell(&mut self) -> Result<(), ReadError> {
        check("cell_bytes", self.context.limits.cell_bytes, self.value.len().max(self.inline.text.len()) as u64)?;
        if self.kind == CellType::Inline {
            // Some writers put the text of an inline string into `v`.
            let (text, exists) = match self.inline.has_text {
                true => (&self.inline.text, true),
                false => (&self.value, self.has_value),
            };
            if !exists {
                return Ok(());
            }
            let text = text_of(text)?;
            return self.rows.cell(self.column, |out| Ok(write_text(out, text)));
        }
        if !self.has_value {
            return Ok(());
        }
        if self.kind == CellType::Formula {
            let text = text_of(&self.value)?;
            return self.rows.cell(self.column, |out| Ok(write_text(out, text)));
        }
        let (context, value) = (self.context, self.value.as_slice());
        typed_value(self.rows, context, self.column, self.kind, self.style, value)
    }

    #[cold]
    fn locate(&self, error: ReadError) -> ReadError {
        match self.place {
            Place::Outside | Place::Data => error,
            Place::Row => error.in_row(self.row),
            Place::Cell | Place::Value | Place::Inline => error.in_row(self.row).in_column(self.column),
        }
    }
}

/// Hands over the value of every kind of cell whose `v` is not free text.
#[inline]
fn typed_value(
    rows: &mut RowAssembler<'_>,
    context: &Context<'_>,
    column: u32,
    kind: CellType,
    style: u32,
    value: &[u8],
) -> Result<(), ReadError> {
    let value = trim_xml_space(value);
    if value.is_empty() {
        return Ok(());
    }
    match kind {
        CellType::Shared => {
            let json = parse_index(value).and_then(|index| context.strings.json(index as usize));
            let json = json.ok_or_else(|| bad_cell("points to a shared string that does not exist"))?;
            rows.cell(column, |out| {
                out.extend_from_slice(json);
                Ok(json.len() == 2)
            })
        }
        CellType::Bool => {
            let value = match value {
                b"1" | b"true" => true,
                b"0" | b"false" => false,
                _ => return Err(bad_cell("holds a truth value that is none")),
            };
            rows.cell(column, |out| Ok(write_bool(out, value)))
        }
        CellType::Error => {
            let code = text_of(value)?;
            rows.cell(column, |out| Ok(write_error(out, code)))
        }
        CellType::Date => {
            let text = iso_text(text_of(value)?, context.styles.class(style));
            rows.cell(column, |out| Ok(write_text(out, text)))
        }
        // Texts were handed over before; what is left is a number.
        CellType::Number | CellType::Formula | CellType::Inline => {
            let class = context.styles.class(style);
            rows.cell(column, |out| write_number_text(out, value, class, context.system))
        }
    }
}

#[inline]
fn write_number_text(
    out: &mut Vec<u8>,
    text: &[u8],
    class: NumberClass,
    system: DateSystem,
) -> Result<bool, ReadError> {
    if class == NumberClass::Number && json::append_plain_decimal(out, text) {
        return Ok(false);
    }
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    let number = number.ok_or_else(|| bad_cell("holds a number that is none"))?;
    write_number(out, number, class, system)
}

/// ISO text of strict files: without a time of zero when the format shows none, and without empty milliseconds.
fn iso_text(text: &str, class: NumberClass) -> &str {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let text = text.strip_suffix(".000").unwrap_or(text);
    match class {
        NumberClass::Moment { has_time: false, .. } => text.strip_suffix("T00:00:00").unwrap_or(text),
        _ => text,
    }
}

fn cell_type(value: &[u8]) -> Option<CellType> {
    Some(match value {
        b"n" => CellType::Number,
        b"s" => CellType::Shared,
        b"str" => CellType::Formula,
        b"inlineStr" => CellType::Inline,
        b"b" => CellType::Bool,
        b"e" => CellType::Error,
        b"d" => CellType::Date,
        _ => return None,
    })
}

#[inline]
fn text_of(bytes: &[u8]) -> Result<&str, ReadError> {
    std::str::from_utf8(bytes).map_err(|_| bad_cell("holds text that is not valid"))
}

#[cold]
fn bad_cell(detail: &str) -> ReadError {
    FileProblem::corrupt(format!("a cell {detail}")).into()
}

/// A row number from 1, of at most seven digits.
#[inline]
fn parse_row(text: &[u8]) -> Option<u32> {
    parse_index(text).filter(|row| *row > 0)
}

/// A whole number of at most nine digits.
#[inline]
fn parse_index(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}
