//! The parts beside the sheets: workbook, styles, shared strings.

use std::collections::HashMap;

use super::records::{Body, Records};
use crate::archive::Archive;
use crate::error::ReadError;
use crate::limits::check;
use crate::moment::DateSystem;
use crate::number_format::classify_code;
use crate::workbook::SheetEntry;
use crate::xlsx::package::Relation;
use crate::xlsx::shared_strings::SharedStrings;
use crate::xlsx::styles::Styles;

const WORKBOOK_PROPERTIES: u32 = 153;
const BUNDLE_SHEET: u32 = 156;
const FORMAT: u32 = 44;
const CELL_FORMAT: u32 = 47;
const BEGIN_CELL_FORMATS: u32 = 617;
const END_CELL_FORMATS: u32 = 618;
const STRING_ITEM: u32 = 19;

/// The worksheets in their order, and the date system.
pub(super) fn read_workbook(
    archive: &Archive<'_>,
    part: &str,
    relations: &[Relation],
) -> Result<(Vec<SheetEntry>, DateSystem), ReadError> {
    let mut records = Records::open(archive, part)?;
    let (mut sheets, mut system) = (Vec::new(), DateSystem::From1900);
    while let Some((kind, body)) = records.next()? {
        match kind {
            WORKBOOK_PROPERTIES if body.long(0)? & 1 != 0 => system = DateSystem::From1904,
            BUNDLE_SHEET => sheets.extend(sheet_entry(body, relations)?),
            _ => {}
        }
        check("sheets", archive.budget().limits.sheets, sheets.len() as u64)?;
    }
    Ok((sheets, system))
}

fn sheet_entry(body: Body<'_>, relations: &[Relation]) -> Result<Option<SheetEntry>, ReadError> {
    let state = body.long(0)?;
    let (id, end) = body.text(8)?;
    let (name, _) = body.text(end)?;
    let relation = relations.iter().find(|relation| relation.id == id && relation.kind == "worksheet");
    Ok(relation.map(|relation| SheetEntry { name, part: relation.part.clone(), is_hidden: state != 0 }))
}

pub(super) fn read_styles(archive: &Archive<'_>, part: &str) -> Result<Styles, ReadError> {
    let most = archive.budget().limits.cell_formats;
    let mut records = Records::open(archive, part)?;
    let (mut codes, mut format_ids, mut in_cell_formats) = (HashMap::new(), Vec::new(), false);
    while let Some((kind, body)) = records.next()? {
        match kind {
            FORMAT => {
                let (code, _) = body.text(2)?;
                codes.insert(u32::from(body.word(0)?), classify_code(&code));
            }
            BEGIN_CELL_FORMATS => in_cell_formats = true,
            END_CELL_FORMATS => in_cell_formats = false,
            CELL_FORMAT if in_cell_formats => format_ids.push(u32::from(body.word(2)?)),
            _ => {}
        }
        check("cell_formats", most, format_ids.len().max(codes.len()) as u64)?;
    }
    Ok(Styles::from_ids(&format_ids, &codes))
}

pub(super) fn read_shared_strings(archive: &Archive<'_>, part: &str) -> Result<SharedStrings, ReadError> {
    let mut records = Records::open(archive, part)?;
    let mut strings = SharedStrings::new(archive.budget());
    while let Some((kind, body)) = records.next()? {
        if kind == STRING_ITEM {
            let (text, _) = body.text(1)?;
            strings.push(text.as_bytes())?;
        }
    }
    Ok(strings)
}
