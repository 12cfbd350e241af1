//! Shared strings in one arena, as the JSON that a record needs, so that a cell costs one copy.

use super::xml_part;
use crate::archive::Archive;
use crate::error::{FileProblem, ReadError};
use crate::json;
use crate::limits::{Limits, check};
use crate::xml::{Event, append_text, trim_xml_space};

/// All shared strings, quoted and escaped, one after another.
#[derive(Debug, Default)]
pub(crate) struct SharedStrings {
    arena: Vec<u8>,
    ends: Vec<u32>,
}

impl SharedStrings {
    /// The JSON of a string, with its quotes.
    #[inline]
    pub(crate) fn json(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        self.arena.get(start..end)
    }

    /// Adds a string, bounded in number, length and sum.
    pub(crate) fn push(&mut self, text: &[u8], limits: &Limits) -> Result<(), ReadError> {
        check("cell_bytes", limits.cell_bytes, text.len() as u64)?;
        let Ok(text) = std::str::from_utf8(text) else {
            return Err(FileProblem::corrupt("a shared string is not valid text").into());
        };
        json::append_text(&mut self.arena, text);
        // The positions are 32 bits wide, whatever the limit says.
        let most = limits.shared_string_bytes.min(u64::from(u32::MAX));
        check("shared_string_bytes", most, self.arena.len() as u64)?;
        self.ends.push(self.arena.len() as u32);
        check("shared_strings", limits.shared_strings, self.ends.len() as u64)
    }
}

/// Reads `sharedStrings.xml`. Runs of rich text are joined, phonetic runs left out; the counts it states are ignored.
pub(super) fn read(archive: &Archive<'_>, name: &str) -> Result<SharedStrings, ReadError> {
    let limits = &archive.budget().limits;
    let mut xml = xml_part(archive, name)?;
    let mut strings = SharedStrings::default();
    let mut item = RichText::default();
    loop {
        // Nearly all items are of this shape, and nearly all texts need no decoding.
        if let Some(raw) = xml.take_text(b"<si><t>", b"</t></si>") {
            item.clear();
            let decoded = append_text(&mut item.text, trim_xml_space(raw), true);
            decoded.map_err(|_| xml.corrupt("holds text that is not valid"))?;
            strings.push(&item.text, limits)?;
            continue;
        }
        let outcome = match xml.next()? {
            Event::Eof => return Ok(strings),
            Event::Start(tag) if tag.name == b"si" => {
                item.clear();
                Ok(())
            }
            Event::Start(tag) => {
                item.start(tag.name, tag.local_attribute(b"space") == Some(b"preserve"));
                Ok(())
            }
            Event::End(b"si") => {
                strings.push(&item.text, limits)?;
                Ok(())
            }
            Event::End(name) => {
                item.end(name);
                Ok(())
            }
            Event::Text(raw) => item.text(raw),
            Event::Literal(raw) => item.literal(raw),
        };
        outcome.map_err(|_| xml.corrupt("holds text that is not valid"))?;
        check("cell_bytes", limits.cell_bytes, item.text.len() as u64)?;
    }
}

/// The text of an `si` or `is` element: its `t` elements, but for those in phonetic runs.
#[derive(Debug, Default)]
pub(super) struct RichText {
    pub(super) text: Vec<u8>,
    /// A `t` was met: an empty text is then a text, not nothing.
    pub(super) has_text: bool,
    in_text: bool,
    keeps_space: bool,
    phonetic: u32,
}

impl RichText {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.has_text = false;
        self.in_text = false;
        self.phonetic = 0;
    }

    #[inline]
    pub(super) fn start(&mut self, name: &[u8], keeps_space: bool) {
        match name {
            b"t" if self.phonetic == 0 => {
                self.in_text = true;
                self.has_text = true;
                self.keeps_space = keeps_space;
            }
            b"rPh" => self.phonetic += 1,
            _ => {}
        }
    }

    #[inline]
    pub(super) fn end(&mut self, name: &[u8]) {
        match name {
            b"t" => self.in_text = false,
            b"rPh" => self.phonetic = self.phonetic.saturating_sub(1),
            _ => {}
        }
    }

    #[inline]
    pub(super) fn text(&mut self, raw: &[u8]) -> Result<(), crate::xml::BadText> {
        if !self.in_text {
            return Ok(());
        }
        let raw = if self.keeps_space { raw } else { trim_xml_space(raw) };
        append_text(&mut self.text, raw, true)
    }

    pub(super) fn literal(&mut self, raw: &[u8]) -> Result<(), crate::xml::BadText> {
        if self.in_text {
            self.text.extend_from_slice(raw);
        }
        Ok(())
    }
}
