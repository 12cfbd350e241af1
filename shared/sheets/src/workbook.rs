//! What the spreadsheet formats share: the list of sheets, the choice among them, and how a number cell is written.

use crate::detect::Format;
use crate::error::{FileProblem, ReadError};
use crate::json;
use crate::limits::{Limits, check};
use crate::moment::{DateSystem, append_iso};
use crate::number_format::NumberClass;
use crate::options::SheetChoice;

/// A sheet as the workbook lists it.
#[derive(Debug, Clone)]
pub(crate) struct SheetEntry {
    pub(crate) name: String,
    /// Where its cells are: the name of a part, or empty where the format needs none.
    pub(crate) part: String,
    pub(crate) is_hidden: bool,
}

/// The chosen sheet, or the first visible one.
pub(crate) fn choose<'s>(
    sheets: &'s [SheetEntry],
    choice: Option<&SheetChoice>,
    limits: &Limits,
) -> Result<&'s SheetEntry, ReadError> {
    check("sheets", limits.sheets, sheets.len() as u64)?;
    let Some(choice) = choice else {
        let first = sheets.iter().find(|sheet| !sheet.is_hidden).or(sheets.first());
        return first.ok_or_else(|| FileProblem::empty("the workbook has no sheet with cells").into());
    };
    let position = choice.position(sheets.iter().map(|sheet| sheet.name.as_str()));
    match position.and_then(|position| sheets.get(position)) {
        Some(sheet) => Ok(sheet),
        None => Err(not_found(sheets, choice)),
    }
}

fn not_found(sheets: &[SheetEntry], choice: &SheetChoice) -> ReadError {
    const SHOWN: usize = 20;
    let mut names: Vec<String> = sheets.iter().take(SHOWN).map(|sheet| format!("{:?}", sheet.name)).collect();
    if sheets.len() > SHOWN {
        names.push(format!("{} more", sheets.len() - SHOWN));
    }
    let message = format!("there is no sheet {:?}; the workbook has {}", choice.as_str(), names.join(", "));
    FileProblem::new("SHEET_NOT_FOUND", message).into()
}

/// A sheet was asked for in a format that has none.
pub(crate) fn no_sheets(format: Format) -> ReadError {
    let message = format!("a {format} file has no sheets; leave the choice of a sheet out");
    FileProblem::new("SHEET_NOT_FOUND", message).into()
}

/// Writes a number as its class says: a number, or ISO text in quotes. A class that does not fit is a number.
pub(crate) fn write_number(
    out: &mut Vec<u8>,
    number: f64,
    class: NumberClass,
    system: DateSystem,
) -> Result<bool, ReadError> {
    if !number.is_finite() {
        return Err(FileProblem::corrupt("a cell holds a number that is none").into());
    }
    if class != NumberClass::Number {
        let start = out.len();
        out.push(b'"');
        if append_iso(out, number, class, system) {
            out.push(b'"');
            return Ok(false);
        }
        out.truncate(start);
    }
    json::append_number(out, number);
    Ok(false)
}
