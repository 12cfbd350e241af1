//! `workbook.xml`: the sheets in their order, and the date system.

use super::package::Relation;
use super::xml_part;
use crate::archive::Archive;
use crate::error::{FileProblem, ReadError};
use crate::limits::check;
use crate::moment::DateSystem;
use crate::workbook::SheetEntry;
use crate::xml::{Event, Tag};

/// What the workbook part says.
pub(super) struct Workbook {
    pub(super) sheets: Vec<SheetEntry>,
    pub(super) system: DateSystem,
}

/// Reads the part; chart sheets, dialogs and macro sheets have no cells and are left out.
pub(super) fn read(archive: &Archive<'_>, name: &str, relations: &[Relation]) -> Result<Workbook, ReadError> {
    let mut xml = xml_part(archive, name)?;
    let mut workbook = Workbook { sheets: Vec::new(), system: DateSystem::From1900 };
    let mut is_root = true;
    loop {
        match xml.next()? {
            Event::Eof => return Ok(workbook),
            Event::Start(tag) => {
                if is_root && tag.name != b"workbook" {
                    return Err(FileProblem::corrupt(format!("its part {name:?} is not a workbook")).into());
                }
                is_root = false;
                match tag.name {
                    b"workbookPr" if tag.flag_attribute(b"date1904") == Some(true) => {
                        workbook.system = DateSystem::From1904;
                    }
                    b"sheet" => workbook.sheets.extend(sheet_entry(&tag, relations)),
                    _ => {}
                }
            }
            _ => {}
        }
        check("sheets", archive.budget().limits.sheets, workbook.sheets.len() as u64)?;
    }
}

fn sheet_entry(tag: &Tag<'_>, relations: &[Relation]) -> Option<SheetEntry> {
    // The prefix of `r:id` is the writer's choice; a plain `id` would be something else.
    let id = tag.attributes().find(|(name, _)| name.ends_with(b":id")).map(|(_, value)| value)?;
    let relation = relations.iter().find(|relation| relation.id.as_bytes() == id)?;
    if relation.kind != "worksheet" {
        return None;
    }
    Some(SheetEntry {
        name: tag.text_attribute(b"name")?,
        part: relation.part.clone(),
        is_hidden: tag.attribute(b"state").is_some_and(|state| state != b"visible"),
    })
}
