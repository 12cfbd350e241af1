//! The shapes that nearly all cells of nearly all sheets have, read straight from the bytes.
//!
//! Nothing here is an error: whatever does not have exactly one of these shapes, or is not in memory as a whole, is
//! left to the way of events, which understands all of XML and says what is wrong.

use memchr::memchr;

use super::raw_text::{self, Shape};
use super::strings_part::text_element;
use super::value::{CellType, parse_row};
use crate::xml::{Tag, end_of_tag, trim_xml_space};

/// Numbers and the like are short; a longer value is looked at with more care.
const MOST_TYPED: usize = 40;

/// A whole cell.
pub(super) struct PlainCell<'b> {
    /// 0-based.
    pub(super) column: u32,
    pub(super) style: u32,
    pub(super) kind: CellType,
    pub(super) content: Content<'b>,
}

/// What stands in a cell.
pub(super) enum Content<'b> {
    Nothing,
    /// A value without free text, by the type of the cell.
    Typed(&'b [u8]),
    /// Free text as it stands in the XML.
    Text(&'b [u8], Shape),
}

/// The number of a row, and its digits with the quote that ends a reference, as one word to compare with.
pub(super) struct RowText {
    pub(super) number: u32,
    word: u64,
    mask: u64,
    length: usize,
}

impl RowText {
    pub(super) fn new(number: u32) -> Self {
        let mut digits = itoa::Buffer::new();
        let text = digits.format(number).as_bytes();
        let mut word = [0; 8];
        let length = text.len() + 1;
        match word.get_mut(..text.len()) {
            Some(start) if length <= 8 => {
                start.copy_from_slice(text);
                word[text.len()] = b'"';
                Self { number, word: u64::from_le_bytes(word), mask: u64::MAX >> (64 - 8 * length), length }
            }
            // No reference has a number as long as this; a word that is never found sends them the other way.
            _ => Self { number, word: 1, mask: 0, length: 0 },
        }
    }

    /// What follows the digits of this row and the quote.
    #[inline]
    fn strip<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let word = u64::from_le_bytes(*bytes.first_chunk()?);
        if word & self.mask == self.word { bytes.get(self.length..) } else { None }
    }
}

/// The cell at the front of `bytes`, and what follows it. `next_column` is where it stands if it does not say so.
#[inline]
pub(super) fn cell<'b>(bytes: &'b [u8], row: &RowText, next_column: u32) -> Option<(PlainCell<'b>, &'b [u8])> {
    let mut rest = bytes.strip_prefix(b"<c")?;
    let mut cell = PlainCell { column: next_column, style: 0, kind: CellType::Number, content: Content::Nothing };
    loop {
        rest = match rest {
            [b' ', b'r', b'=', b'"', value @ ..] => {
                let (column, after) = reference(value, row)?;
                cell.column = column;
                after
            }
            [b' ', b's', b'=', b'"', value @ ..] => {
                let (style, after) = digits(value)?;
                cell.style = style;
                after
            }
            [b' ', b't', b'=', b'"', value @ ..] => {
                let (kind, after) = kind(value)?;
                cell.kind = kind;
                after
            }
            [b'>', after @ ..] => {
                rest = after;
                break;
            }
            [b'/', b'>', after @ ..] => return Some((cell, after)),
            _ => return None,
        };
    }
    if let Some(after) = rest.strip_prefix(b"<f") {
        rest = after_formula(after)?;
    }
    if let Some(value) = rest.strip_prefix(b"<v>") {
        let length;
        (cell.content, length) = value_content(value, cell.kind)?;
        return Some((cell, value[length..].strip_prefix(b"</v></c>")?));
    }
    if cell.kind == CellType::Inline
        && let Some(element) = rest.strip_prefix(b"<is><t")
    {
        let (text, keeps_space) = text_element(element)?;
        let (length, shape) = raw_text::scan(text)?;
        let raw = &text[..length];
        cell.content = Content::Text(if keeps_space { raw } else { trim_xml_space(raw) }, shape);
        return Some((cell, text[length..].strip_prefix(b"</t></is></c>")?));
    }
    Some((cell, rest.strip_prefix(b"</c>")?))
}

/// The end of a row and the start of the next: its number if it has one, and what follows.
#[inline]
pub(super) fn next_row(bytes: &[u8]) -> Option<(Option<u32>, &[u8])> {
    let mut start = bytes.strip_prefix(b"</row>")?;
    while let [b'\n' | b'\r' | b' ' | b'\t', after @ ..] = start {
        start = after;
    }
    let name_end = start.strip_prefix(b"<row")?.first()?;
    if !matches!(name_end, b' ' | b'>') {
        return None;
    }
    let end = end_of_tag(start)?;
    if start[end - 1] == b'/' {
        return None;
    }
    let number = match Tag::new(&start[1..end]).attribute(b"r") {
        Some(text) => Some(parse_row(text)?),
        None => None,
    };
    Some((number, &start[end + 1..]))
}

/// The column of a reference of at most three letters, and what follows its closing quote.
#[inline]
fn reference<'b>(bytes: &'b [u8], row: &RowText) -> Option<(u32, &'b [u8])> {
    let mut column = 0;
    let mut rest = bytes;
    for _ in 0..3 {
        let [letter @ b'A'..=b'Z', after @ ..] = rest else { break };
        column = column * 26 + u32::from(letter - b'A') + 1;
        rest = after;
    }
    Some((u32::checked_sub(column, 1)?, row.strip(rest)?))
}

/// A whole number of at most eight digits, and what follows its closing quote.
#[inline]
fn digits(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        match byte {
            b'0'..=b'9' => number = number * 10 + u32::from(byte - b'0'),
            b'"' if at > 0 => return Some((number, &bytes[at + 1..])),
            _ => return None,
        }
    }
    None
}

#[inline]
fn kind(bytes: &[u8]) -> Option<(CellType, &[u8])> {
    Some(match bytes {
        [b's', b'"', after @ ..] => (CellType::Shared, after),
        [b'n', b'"', after @ ..] => (CellType::Number, after),
        [b'b', b'"', after @ ..] => (CellType::Bool, after),
        [b'e', b'"', after @ ..] => (CellType::Error, after),
        [b's', b't', b'r', b'"', after @ ..] => (CellType::Formula, after),
        _ => (CellType::Inline, bytes.strip_prefix(b"inlineStr\"")?),
    })
}

/// What follows a formula, from behind `<f`: `<f>…</f>`, or `<f …/>` where it is shared.
fn after_formula(bytes: &[u8]) -> Option<&[u8]> {
    if !matches!(bytes.first()?, b' ' | b'>') {
        return None;
    }
    let end = memchr(b'>', bytes)?;
    if end > 0 && bytes[end - 1] == b'/' {
        return Some(&bytes[end + 1..]);
    }
    let text = &bytes[end + 1..];
    text[memchr(b'<', text)?..].strip_prefix(b"</f>")
}

/// The content of `v`, and its length.
#[inline]
fn value_content(bytes: &[u8], kind: CellType) -> Option<(Content<'_>, usize)> {
    if matches!(kind, CellType::Formula | CellType::Inline) {
        let (length, shape) = raw_text::scan(bytes)?;
        return Some((Content::Text(&bytes[..length], shape), length));
    }
    let length = bytes.iter().take(MOST_TYPED).position(|byte| *byte == b'<')?;
    Some((Content::Typed(&bytes[..length]), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        let (cell, after) = cell(text.as_bytes(), &RowText::new(12), 7)?;
        let content = match cell.content {
            Content::Nothing => "nothing".to_owned(),
            Content::Typed(raw) => format!("typed {}", String::from_utf8_lossy(raw)),
            Content::Text(raw, _) => format!("text {}", String::from_utf8_lossy(raw)),
        };
        let rest = String::from_utf8_lossy(after);
        Some(format!("{} {} {:?} {content} | {rest}", cell.column, cell.style, cell.kind))
    }

    #[test]
    fn usual_cells_are_taken_and_others_left() {
        for (text, expected) in [
            ("<c r=\"B12\"><v>5</v></c><c", Some("1 0 Number typed 5 | <c")),
            ("<c><v>5</v></c>", Some("7 0 Number typed 5 | ")),
            ("<c r=\"AB12\" s=\"3\" t=\"s\"><v>77</v></c>", Some("27 3 Shared typed 77 | ")),
            ("<c t=\"b\" s=\"1\" r=\"A12\" ><v>1</v></c>", None),
            ("<c t=\"b\" s=\"1\" r=\"A12\"><v>1</v></c>", Some("0 1 Bool typed 1 | ")),
            ("<c r=\"XFD12\" s=\"2\"/><c/>", Some("16383 2 Number nothing | <c/>")),
            ("<c r=\"A12\" s=\"2\"></c>", Some("0 2 Number nothing | ")),
            ("<c r=\"A12\" t=\"str\"><f>B1&amp;\"x>y\"</f><v>a&lt;b</v></c>", Some("0 0 Formula text a&lt;b | ")),
            ("<c r=\"A12\"><f t=\"shared\" si=\"0\"/><v>2</v></c>", Some("0 0 Number typed 2 | ")),
            ("<c r=\"A12\"><f>1+1</f></c>", Some("0 0 Number nothing | ")),
            ("<c r=\"A12\" t=\"inlineStr\"><is><t> a </t></is></c>", Some("0 0 Inline text a | ")),
            (
                "<c r=\"A12\" t=\"inlineStr\"><is><t xml:space=\"preserve\"> a </t></is></c>",
                Some("0 0 Inline text  a  | "),
            ),
            ("<c r=\"A13\"><v>5</v></c>", None),
            ("<c r=\"A123\"><v>5</v></c>", None),
            ("<c r=\"AAAA12\"><v>5</v></c>", None),
            ("<c r=\"12\"><v>5</v></c>", None),
            ("<c r=\"a12\"><v>5</v></c>", None),
            ("<c s=\"\"><v>5</v></c>", None),
            ("<c s=\"123456789\"><v>5</v></c>", None),
            ("<c t=\"x\"><v>5</v></c>", None),
            ("<c cm=\"1\"><v>5</v></c>", None),
            ("<cc><v>5</v></cc>", None),
            ("<c><f>1</g><v>5</v></c>", None),
            ("<c><fx/><v>5</v></c>", None),
            ("<c><v>5</v><extLst/></c>", None),
            ("<c><v>5</v></x>", None),
            ("<c><v>5</v", None),
            ("<c t=\"inlineStr\"><is><r><t>x</t></r></is></c>", None),
            ("<c><is><t>x</t></is></c>", None),
        ] {
            assert_eq!(shown(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_next_row_is_found() {
        for (text, expected) in [
            ("</row><row r=\"13\" spans=\"1:2\"><c", Some((Some(13), "<c"))),
            ("</row>\n  <row r=\"7\"><c", Some((Some(7), "<c"))),
            ("</row><row><c", Some((None, "<c"))),
            ("</row><row r=\"13\"/><c", None),
            ("</row><row r=\"x\"><c", None),
            ("</row><rows r=\"1\"><c", None),
            ("</row></sheetData>", None),
            ("</row><row r=\"1", None),
        ] {
            let found = next_row(text.as_bytes());
            assert_eq!(found.map(|(row, rest)| (row, std::str::from_utf8(rest).unwrap())), expected, "{text}");
        }
    }
}
