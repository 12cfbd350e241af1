//! One worksheet part: from its tags to cells, in one pass and without an allocation per cell.

use super::plain::{self, Content, PlainCell, RowText};
use super::raw_text;
use super::strings_part::RichText;
use super::value::{CellType, Context, bad_cell, cell_type, parse_index, parse_row, text_of, typed_value};
use super::xml_part;
use crate::archive::Archive;
use crate::error::{FileProblem, ReadError};
use crate::limits::check;
use crate::rows::{CellSink, SheetCells, write_text};
use crate::xml::{BadText, Event, Tag, append_text};

/// How many elements are open around each kind: `worksheet / sheetData / row / c / v`. Extensions nest others of the
/// same names deeper.
const ROW_DEPTH: usize = 2;
const CELL_DEPTH: usize = 3;
const VALUE_DEPTH: usize = 4;

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

/// A worksheet part, and what is known of its workbook.
pub(super) struct Sheet<'w, 'a> {
    pub(super) archive: &'w Archive<'a>,
    pub(super) part: &'w str,
    pub(super) context: Context<'w>,
}

struct SheetReader<'w, 'r, C> {
    context: &'w Context<'w>,
    rows: &'r mut C,
    place: Place,
    row: RowText,
    /// 0-based column of the cell, and where the next one stands that does not say so itself.
    column: u32,
    next_column: u32,
    kind: CellType,
    style: u32,
    value: Vec<u8>,
    has_value: bool,
    inline: RichText,
}

impl SheetCells for Sheet<'_, '_> {
    fn read_into(&self, rows: &mut impl CellSink) -> Result<(), ReadError> {
        let mut xml = xml_part(self.archive, self.part)?;
        let mut sheet = SheetReader {
            context: &self.context,
            rows,
            place: Place::Outside,
            row: RowText::new(0),
            column: 0,
            next_column: 0,
            kind: CellType::Number,
            style: 0,
            value: Vec::new(),
            has_value: false,
            inline: RichText::default(),
        };
        loop {
            if sheet.place == Place::Row {
                let taken = sheet.plain_run(xml.window()).map_err(|error| error.in_row(sheet.row.number))?;
                xml.consume(taken);
            }
            let depth = xml.depth();
            let event = match xml.next() {
                Ok(event) => event,
                Err(error) => return Err(if xml.source_failed() { error } else { sheet.locate(error) }),
            };
            let text_is_good = match event {
                Event::Eof => return Ok(()),
                Event::Start(tag) => sheet.start(&tag, depth).map(|()| Ok(())),
                Event::End(name) => sheet.end(name).map(|()| Ok(())),
                Event::Text(raw) => Ok(sheet.text(raw)),
                Event::Literal(raw) => Ok(sheet.literal(raw)),
            };
            text_is_good
                .and_then(|good| good.map_err(|_| bad_cell("holds text that is not valid")))
                .map_err(|error| sheet.locate(error))?;
        }
    }
}

impl<C: CellSink> SheetReader<'_, '_, C> {
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
        let number = match tag.attribute(b"r") {
            Some(text) => Some(parse_row(text).ok_or_else(|| FileProblem::corrupt("a row has no valid number"))?),
            None => None,
        };
        self.begin_row(number)
    }

    /// A row without a number follows the one before it.
    fn begin_row(&mut self, number: Option<u32>) -> Result<(), ReadError> {
        self.next_column = 0;
        self.row = RowText::new(number.unwrap_or(self.row.number.saturating_add(1)));
        self.rows.begin_row(self.row.number)
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
        check("columns", self.context.limits.columns, u64::from(self.next_column))
    }

    /// The column of a reference such as `AB12`; its row has to be the one it stands in.
    #[inline]
    fn parse_reference(&self, reference: &[u8]) -> Result<u32, ReadError> {
        let letters = reference.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        // Seven letters fit in 33 bits; no sheet has more than three.
        let is_sane = (1..=6).contains(&letters);
        if !is_sane || parse_row(&reference[letters..]) != Some(self.row.number) {
            return Err(bad_cell("has a reference that does not fit its row"));
        }
        let column = reference[..letters]
            .iter()
            .fold(0_u64, |sum, letter| sum * 26 + u64::from(letter.to_ascii_uppercase() - b'A' + 1));
        check("columns", self.context.limits.columns.min(1 << 20), column)?;
        Ok(column as u32 - 1)
    }

    /// Takes plain cells and plain rows as long as they come; answers how many bytes they take.
    fn plain_run(&mut self, bytes: &[u8]) -> Result<usize, ReadError> {
        let mut rest = bytes;
        loop {
            if let Some((cell, after)) = plain::cell(rest, &self.row, self.next_column) {
                // A column too far to the right is left to the way of events, which says so.
                if u64::from(cell.column) >= self.context.limits.columns {
                    break;
                }
                self.next_column = cell.column + 1;
                self.plain_cell(&cell).map_err(|error| error.in_column(cell.column))?;
                rest = after;
            } else if let Some((number, after)) = plain::next_row(rest) {
                self.rows.end_row()?;
                self.begin_row(number)?;
                rest = after;
            } else if let [b'\n' | b'\r' | b' ' | b'\t', after @ ..] = rest {
                rest = after;
            } else {
                break;
            }
        }
        Ok(bytes.len() - rest.len())
    }

    #[inline]
    fn plain_cell(&mut self, cell: &PlainCell<'_>) -> Result<(), ReadError> {
        match cell.content {
            Content::Nothing => Ok(()),
            Content::Typed(value) => typed_value(self.rows, self.context, cell.column, cell.kind, cell.style, value),
            Content::Text(raw, shape) => {
                check("cell_bytes", self.context.limits.cell_bytes, raw.len() as u64)?;
                self.rows.cell(cell.column, |out| {
                    let written = raw_text::append_json(out, raw, shape);
                    written.map_err(|_| bad_cell("holds text that is not valid"))?;
                    Ok(raw.is_empty())
                })
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
            Place::Row => error.in_row(self.row.number),
            Place::Cell | Place::Value | Place::Inline => error.in_row(self.row.number).in_column(self.column),
        }
    }
}
