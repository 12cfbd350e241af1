//! Workbooks of Office Open XML, transitional and strict, read as a stream.
//!
//! `package` follows relationships, `workbook_part` lists the sheets, `styles` tells dates from numbers,
//! `strings_part` reads the shared strings and `shared_strings` keeps them. `sheet` walks over the rows: cells of the
//! usual shapes are read straight from the bytes by `plain`, all others as events of XML; `value` knows what a cell of
//! each type holds, and `raw_text` what its text needs. `sample` looks at the number formats of the first rows.

pub(crate) mod package;
mod plain;
mod raw_text;
mod sample;
pub(crate) mod shared_strings;
mod sheet;
mod strings_part;
pub(crate) mod styles;
mod value;
mod workbook_part;

use crate::archive::{Archive, PartReader};
use crate::error::{FileProblem, ReadError};
use crate::options::SheetChoice;
use crate::rows::{RowAssembler, read_in_any_order};
use crate::workbook::choose;
use crate::xml::{XmlReader, XmlSource};
use shared_strings::SharedStrings;
use styles::Styles;

pub(crate) use sample::column_formats;

/// The XML reader over a part of the container.
pub(crate) type PartXml<'a> = XmlReader<XmlSource<PartReader<'a>>>;

/// Opens a part as XML, whatever its encoding.
pub(crate) fn xml_part<'a>(archive: &Archive<'a>, name: &str) -> Result<PartXml<'a>, ReadError> {
    let source = XmlSource::new(archive.part(name)?)?;
    Ok(XmlReader::new(source, name, &archive.budget().limits))
}

/// Reads the chosen sheet into rows; answers its name.
pub(crate) fn read(
    archive: &Archive<'_>,
    choice: Option<&SheetChoice>,
    rows: &mut RowAssembler<'_>,
) -> Result<String, ReadError> {
    let limits = &archive.budget().limits;
    let main = package::main_part(archive)?.ok_or_else(|| FileProblem::corrupt("it holds no workbook"))?;
    let relations = package::relations_of(archive, &main)?;
    let workbook = workbook_part::read(archive, &main, &relations)?;
    let sheet = choose(&workbook.sheets, choice, limits)?;
    let styles = match package::part_of_kind(archive, &relations, "styles") {
        Some(part) => Styles::read(archive, part)?,
        None => Styles::default(),
    };
    let strings = match package::part_of_kind(archive, &relations, "sharedStrings") {
        Some(part) => strings_part::read(archive, part)?,
        None => SharedStrings::new(archive.budget()),
    };
    let context = value::Context { strings: &strings, styles: &styles, system: workbook.system, limits };
    let cells = sheet::Sheet { archive, part: &sheet.part, context };
    read_in_any_order(&cells, rows).map_err(|error| error.in_sheet(&sheet.name))?;
    Ok(sheet.name.clone())
}
