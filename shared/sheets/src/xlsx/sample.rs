//! The number formats of a sheet's columns, by a look at its first rows. Only what a person sees depends on it: a file of
//! failed rows has the dates and numbers as they were formatted.

use std::collections::{BTreeMap, HashMap};

use super::{package, workbook_part, xml_part};
use crate::archive::Archive;
use crate::error::{FileProblem, ReadError};
use crate::limits::check;
use crate::options::SheetChoice;
use crate::workbook::choose;
use crate::xml::Event;

/// Rows below the header that are looked at.
const ROWS: u32 = 1000;

/// How often each style is used, by 0-based column.
type UsedStyles = BTreeMap<u32, HashMap<u32, u32>>;

/// How many elements are open around a cell: `worksheet / sheetData / row / c`.
const CELL_DEPTH: usize = 3;

/// The most characters of a format that is passed on; a spreadsheet has at most 255.
const LONGEST_FORMAT: usize = 255;

/// The format that most cells of a column have below the header, by the column's position among the named ones; the
/// general one is left out.
pub(crate) fn column_formats(
    archive: &Archive<'_>,
    choice: Option<&SheetChoice>,
    header_row: u32,
) -> Result<Vec<(u32, String)>, ReadError> {
    let limits = &archive.budget().limits;
    let main = package::main_part(archive)?.ok_or_else(|| FileProblem::corrupt("it holds no workbook"))?;
    let relations = package::relations_of(archive, &main)?;
    let workbook = workbook_part::read(archive, &main, &relations)?;
    let sheet = choose(&workbook.sheets, choice, limits)?;
    let Some(styles) = package::part_of_kind(archive, &relations, "styles") else { return Ok(Vec::new()) };
    let formats = cell_formats(archive, styles)?;
    let (first, used) = used_styles(archive, &sheet.part, header_row)?;
    let mut found = Vec::new();
    for (column, styles) in used {
        let Some(position) = column.checked_sub(first) else { continue };
        let mut cells: BTreeMap<&str, u32> = BTreeMap::new();
        for (style, count) in styles {
            *cells.entry(formats.get(style as usize).map_or("", String::as_str)).or_default() += count;
        }
        // Of formats that are as frequent the first by name, so that it is always the same.
        let most = cells.into_iter().rev().max_by_key(|(_, count)| *count).map(|(format, _)| format);
        found.extend(most.filter(|format| !format.is_empty()).map(|format| (position, format.to_owned())));
    }
    Ok(found)
}

/// The column of the first name, and how often each style is used in each column in the rows below the names.
fn used_styles(archive: &Archive<'_>, part: &str, header_row: u32) -> Result<(u32, UsedStyles), ReadError> {
    let mut xml = xml_part(archive, part)?;
    let mut used = UsedStyles::new();
    let (mut row, mut column, mut first) = (0, 0, None);
    loop {
        let depth = xml.depth();
        match xml.next()? {
            Event::Eof | Event::End(b"sheetData") => return Ok((first.unwrap_or(0), used)),
            Event::Start(tag) if depth == CELL_DEPTH - 1 && tag.name == b"row" => {
                row = tag.number_attribute(b"r").unwrap_or(row + 1);
                column = 0;
                if row > header_row.saturating_add(ROWS) {
                    return Ok((first.unwrap_or(0), used));
                }
            }
            Event::Start(tag) if depth == CELL_DEPTH && tag.name == b"c" => {
                let here = tag.attribute(b"r").and_then(column_of).unwrap_or(column);
                column = here + 1;
                if row > header_row {
                    let style = tag.number_attribute(b"s").unwrap_or(0);
                    *used.entry(here).or_default().entry(style).or_default() += 1;
                    check("columns", archive.budget().limits.columns, used.len() as u64)?;
                }
            }
            // A cell of the header that holds something is a name.
            Event::Start(tag) if row == header_row && matches!(tag.name, b"v" | b"is") => {
                first.get_or_insert(column.saturating_sub(1));
            }
            _ => {}
        }
    }
}

/// The 0-based column of a reference such as `AB12`.
fn column_of(reference: &[u8]) -> Option<u32> {
    let letters = reference.iter().take_while(|byte| byte.is_ascii_alphabetic()).take(4);
    let number = letters.fold(0_u32, |sum, letter| sum * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1);
    number.checked_sub(1)
}

/// The number format of each cell format, by its index in `cellXfs`; empty for the general one.
fn cell_formats(archive: &Archive<'_>, part: &str) -> Result<Vec<String>, ReadError> {
    let most = archive.budget().limits.cell_formats;
    let mut xml = xml_part(archive, part)?;
    let mut codes: HashMap<u32, String> = HashMap::new();
    let mut formats = Vec::new();
    let mut in_cell_formats = false;
    loop {
        match xml.next()? {
            Event::Eof => return Ok(formats),
            Event::Start(tag) if tag.name == b"cellXfs" => in_cell_formats = true,
            Event::End(b"cellXfs") => in_cell_formats = false,
            Event::Start(tag) if tag.name == b"numFmt" => {
                let code = tag.text_attribute(b"formatCode").filter(|code| code.chars().count() <= LONGEST_FORMAT);
                if let (Some(id), Some(code)) = (tag.number_attribute(b"numFmtId"), code) {
                    codes.insert(id, if code.eq_ignore_ascii_case("general") { String::new() } else { code });
                }
            }
            Event::Start(tag) if tag.name == b"xf" && in_cell_formats => {
                let id = tag.number_attribute(b"numFmtId").unwrap_or(0);
                formats.push(codes.get(&id).cloned().unwrap_or_else(|| builtin(id).to_owned()));
            }
            _ => {}
        }
        check("cell_formats", most, formats.len().max(codes.len()) as u64)?;
    }
}

/// The formats that have no code of their own in the file (ECMA-376 18.8.30).
fn builtin(id: u32) -> &'static str {
    match id {
        1 => "0",
        2 => "0.00",
        3 => "#,##0",
        4 => "#,##0.00",
        9 => "0%",
        10 => "0.00%",
        11 => "0.00E+00",
        12 => "# ?/?",
        13 => "# ??/??",
        14 => "mm-dd-yy",
        15 => "d-mmm-yy",
        16 => "d-mmm",
        17 => "mmm-yy",
        18 => "h:mm AM/PM",
        19 => "h:mm:ss AM/PM",
        20 => "h:mm",
        21 => "h:mm:ss",
        22 => "m/d/yy h:mm",
        37 | 38 => "#,##0;(#,##0)",
        39 | 40 => "#,##0.00;(#,##0.00)",
        45 => "mm:ss",
        46 => "[h]:mm:ss",
        47 => "mm:ss.0",
        48 => "##0.0E+0",
        49 => "@",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::column_of;

    #[test]
    fn references_name_their_column() {
        for (reference, column) in
            [("A1", Some(0)), ("Z9", Some(25)), ("AA10", Some(26)), ("XFD1", Some(16383)), ("1", None)]
        {
            assert_eq!(column_of(reference.as_bytes()), column, "{reference}");
        }
    }
}
