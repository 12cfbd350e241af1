//! `styles.xml`: which cell formats show a number as a date.

use std::collections::HashMap;

use super::xml_part;
use crate::archive::Archive;
use crate::error::ReadError;
use crate::limits::check;
use crate::number_format::{NumberClass, classify_builtin, classify_code};
use crate::xml::{Event, Tag};

/// The class of each cell format, by its index in `cellXfs`.
#[derive(Debug, Default)]
pub(crate) struct Styles {
    classes: Vec<NumberClass>,
}

impl Styles {
    /// The class of a cell's format; a number when there is no such format.
    #[inline]
    pub(crate) fn class(&self, index: u32) -> NumberClass {
        self.classes.get(index as usize).copied().unwrap_or(NumberClass::Number)
    }

    pub(crate) fn from_ids(format_ids: &[u32], codes: &HashMap<u32, NumberClass>) -> Self {
        let class = |id: &u32| codes.get(id).copied().unwrap_or_else(|| classify_builtin(*id));
        Self { classes: format_ids.iter().map(class).collect() }
    }

    pub(super) fn read(archive: &Archive<'_>, name: &str) -> Result<Self, ReadError> {
        let most = archive.budget().limits.cell_formats;
        let mut xml = xml_part(archive, name)?;
        let mut codes = HashMap::new();
        let mut format_ids = Vec::new();
        let mut in_cell_formats = false;
        loop {
            match xml.next()? {
                Event::Eof => return Ok(Self::from_ids(&format_ids, &codes)),
                Event::Start(tag) if tag.name == b"cellXfs" => in_cell_formats = true,
                Event::End(b"cellXfs") => in_cell_formats = false,
                Event::Start(tag) if tag.name == b"numFmt" => codes.extend(custom_format(&tag)),
                Event::Start(tag) if tag.name == b"xf" && in_cell_formats => {
                    format_ids.push(tag.number_attribute(b"numFmtId").unwrap_or(0));
                }
                _ => {}
            }
            check("cell_formats", most, format_ids.len().max(codes.len()) as u64)?;
        }
    }
}

fn custom_format(tag: &Tag<'_>) -> Option<(u32, NumberClass)> {
    let id = tag.number_attribute(b"numFmtId")?;
    let code = tag.text_attribute(b"formatCode")?;
    Some((id, classify_code(&code)))
}
