//! Binary workbooks ([MS-XLSB]), read as a stream of records.
//!
//! Not by calamine: it panics on mutated files, keeps the shared strings one by one, and does not say by which number
//! format a number is a date. The records are few, and the package around them is that of xlsx.

mod parts;
mod records;
mod sheet;

use crate::archive::Archive;
use crate::error::{FileProblem, ReadError};
use crate::options::SheetChoice;
use crate::rows::{RowAssembler, read_in_any_order};
use crate::workbook::choose;
use crate::xlsx::package;
use crate::xlsx::shared_strings::SharedStrings;
use crate::xlsx::styles::Styles;

/// Reads the chosen sheet into rows; answers its name.
pub(crate) fn read(
    archive: &Archive<'_>,
    choice: Option<&SheetChoice>,
    rows: &mut RowAssembler<'_>,
) -> Result<String, ReadError> {
    let main = package::main_part(archive)?.ok_or_else(|| FileProblem::corrupt("it holds no workbook"))?;
    let relations = package::relations_of(archive, &main)?;
    let (sheets, system) = parts::read_workbook(archive, &main, &relations)?;
    let sheet = choose(&sheets, choice, &archive.budget().limits)?;
    let styles = match package::part_of_kind(archive, &relations, "styles") {
        Some(part) => parts::read_styles(archive, part)?,
        None => Styles::default(),
    };
    let strings = match package::part_of_kind(archive, &relations, "sharedStrings") {
        Some(part) => parts::read_shared_strings(archive, part)?,
        None => SharedStrings::new(archive.budget()),
    };
    let cells = sheet::Sheet { archive, part: &sheet.part, strings: &strings, styles: &styles, system };
    read_in_any_order(&cells, rows).map_err(|error| error.in_sheet(&sheet.name))?;
    Ok(sheet.name.clone())
}
