//! `sharedStrings.xml`, read item by item, and the rich text that items and inline strings are made of.

use super::raw_text;
use super::shared_strings::SharedStrings;
use super::xml_part;
use crate::archive::Archive;
use crate::error::ReadError;
use crate::limits::check;
use crate::xml::{BadText, Event, append_text, trim_xml_space};

const ITEM: &[u8] = b"<si><t";
const ITEM_END: &[u8] = b"</t></si>";

/// Reads the part. Runs of rich text are joined, phonetic runs left out; the counts it states are ignored.
pub(super) fn read(archive: &Archive<'_>, name: &str) -> Result<SharedStrings, ReadError> {
    let budget = archive.budget();
    let mut xml = xml_part(archive, name)?;
    let mut strings = SharedStrings::new(budget);
    let mut item = RichText::default();
    loop {
        if xml.depth() == 1 {
            let taken = take_plain_items(xml.window(), &mut strings)?;
            xml.consume(taken);
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
                strings.push(&item.text)?;
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
        check("cell_bytes", budget.limits.cell_bytes, item.text.len() as u64)?;
    }
}

/// Takes the items of one plain text at the front of `bytes`, which nearly all are; answers how many bytes they take.
fn take_plain_items(bytes: &[u8], strings: &mut SharedStrings) -> Result<usize, ReadError> {
    let mut rest = bytes;
    while let Some((raw, shape, after)) = plain_item(rest) {
        strings.push_raw(raw, shape)?;
        rest = after;
    }
    Ok(bytes.len() - rest.len())
}

#[inline]
fn plain_item(bytes: &[u8]) -> Option<(&[u8], raw_text::Shape, &[u8])> {
    let (text, keeps_space) = text_element(bytes.strip_prefix(ITEM)?)?;
    let (length, shape) = raw_text::scan(text)?;
    let after = text[length..].strip_prefix(ITEM_END)?;
    let raw = &text[..length];
    Some((if keeps_space { raw } else { trim_xml_space(raw) }, shape, after))
}

/// What follows `<t`: where its text begins, and whether white space around it is kept.
#[inline]
pub(super) fn text_element(bytes: &[u8]) -> Option<(&[u8], bool)> {
    match bytes.strip_prefix(b">") {
        Some(text) => Some((text, false)),
        None => bytes.strip_prefix(b" xml:space=\"preserve\">").map(|text| (text, true)),
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
    pub(super) fn text(&mut self, raw: &[u8]) -> Result<(), BadText> {
        if !self.in_text {
            return Ok(());
        }
        let raw = if self.keeps_space { raw } else { trim_xml_space(raw) };
        append_text(&mut self.text, raw, true)
    }

    pub(super) fn literal(&mut self, raw: &[u8]) -> Result<(), BadText> {
        if self.in_text {
            self.text.extend_from_slice(raw);
        }
        Ok(())
    }
}
