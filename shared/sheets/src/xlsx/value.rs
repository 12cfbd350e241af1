//! What a cell holds, by its type and its format, as JSON.

use super::shared_strings::SharedStrings;
use super::styles::Styles;
use crate::error::{FileProblem, ReadError};
use crate::json;
use crate::limits::Limits;
use crate::moment::DateSystem;
use crate::number_format::NumberClass;
use crate::rows::{CellSink, write_bool, write_error, write_text};
use crate::workbook::write_number;
use crate::xml::trim_xml_space;

/// What a sheet needs of its workbook.
pub(super) struct Context<'w> {
    pub(super) strings: &'w SharedStrings,
    pub(super) styles: &'w Styles,
    pub(super) system: DateSystem,
    pub(super) limits: &'w Limits,
}

/// The `t` attribute of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellType {
    Number,
    Shared,
    Inline,
    Formula,
    Bool,
    Error,
    Date,
}

/// Hands over the value of every kind of cell whose `v` is not free text.
#[inline]
pub(super) fn typed_value(
    rows: &mut impl CellSink,
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
            let index = parse_index(value).ok_or_else(|| bad_cell("points to a shared string that does not exist"))?;
            rows.cell(column, |out| context.strings.append(index as usize, out))
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

pub(super) fn cell_type(value: &[u8]) -> Option<CellType> {
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
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, ReadError> {
    std::str::from_utf8(bytes).map_err(|_| bad_cell("holds text that is not valid"))
}

#[cold]
pub(super) fn bad_cell(detail: &str) -> ReadError {
    FileProblem::corrupt(format!("a cell {detail}")).into()
}

/// A row number from 1, of at most seven digits.
#[inline]
pub(super) fn parse_row(text: &[u8]) -> Option<u32> {
    parse_index(text).filter(|row| *row > 0)
}

/// A whole number of at most nine digits.
#[inline]
pub(super) fn parse_index(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0_u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}
