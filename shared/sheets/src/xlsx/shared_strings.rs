//! Shared strings as the JSON that a record needs, so that a cell costs one copy; beyond a bound they go to disk.

use std::cell::RefCell;

use super::raw_text;
use crate::error::{FileProblem, ReadError};
use crate::json;
use crate::limits::{Budget, check};
use crate::spill::Spill;

const ENTRY_BYTES: usize = 16;
/// JSON of up to this length stands in the entry itself: most texts of most workbooks do.
const SHORT_BYTES: usize = ENTRY_BYTES - 1;
const LONG: u8 = u8::MAX;

/// A text, quoted and escaped. The first byte is its length, and the text follows; or it is [`LONG`], and the length
/// (4 bytes from 4) and the place (8 bytes from 8) of the text follow. One entry is one line of the processor's cache.
type Entry = [u8; ENTRY_BYTES];

/// All shared strings of a workbook.
#[derive(Debug)]
pub(crate) struct SharedStrings {
    budget: Budget,
    entries: Vec<Entry>,
    /// Texts longer than an entry, one after another.
    arena: Vec<u8>,
    /// JSON of all texts, wherever they are.
    bytes: u64,
    scratch: Vec<u8>,
    spilled: Option<RefCell<Spilled>>,
}

/// The strings that came when the memory for them was full: entries in one file, long texts in the other.
#[derive(Debug)]
struct Spilled {
    entries: Spill,
    count: usize,
    texts: Spill,
    entry: Vec<u8>,
}

impl SharedStrings {
    pub(crate) fn new(budget: &Budget) -> Self {
        let budget = budget.clone();
        Self { budget, entries: Vec::new(), arena: Vec::new(), bytes: 0, scratch: Vec::new(), spilled: None }
    }

    /// Appends the JSON of a string with its quotes; answers whether it is the empty text.
    #[inline]
    pub(crate) fn append(&self, index: usize, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        let Some(entry) = self.entries.get(index) else { return self.append_spilled(index, out) };
        let length = usize::from(entry[0]);
        if length > SHORT_BYTES {
            let (length, place) = long_text(entry);
            let text = usize::try_from(place).ok().and_then(|place| self.arena.get(place..)?.get(..length));
            out.extend_from_slice(text.unwrap_or_default());
            return Ok(false);
        }
        // A copy of constant length is a few instructions, and nothing has to wait for the length to arrive.
        let end = out.len() + length;
        out.extend_from_slice(&entry[1..]);
        out.truncate(end);
        Ok(length == 2)
    }

    /// Adds a string, bounded in number, length and sum.
    pub(crate) fn push(&mut self, text: &[u8]) -> Result<(), ReadError> {
        check("cell_bytes", self.budget.limits.cell_bytes, text.len() as u64)?;
        let text = std::str::from_utf8(text).map_err(|_| bad_text())?;
        let mut json = std::mem::take(&mut self.scratch);
        json.clear();
        json::append_text(&mut json, text);
        self.add(json)
    }

    /// Adds a string as it stands in the XML.
    pub(super) fn push_raw(&mut self, raw: &[u8], shape: raw_text::Shape) -> Result<(), ReadError> {
        check("cell_bytes", self.budget.limits.cell_bytes, raw.len() as u64)?;
        let mut json = std::mem::take(&mut self.scratch);
        json.clear();
        raw_text::append_json(&mut json, raw, shape).map_err(|_| bad_text())?;
        self.add(json)
    }

    fn add(&mut self, json: Vec<u8>) -> Result<(), ReadError> {
        let limits = &self.budget.limits;
        self.bytes += json.len() as u64;
        check("shared_string_bytes", limits.shared_string_bytes, self.bytes)?;
        check("shared_strings", limits.shared_strings, self.len() as u64 + 1)?;
        let in_memory = self.entries.len() * ENTRY_BYTES + self.arena.len();
        if self.spilled.is_none() && in_memory as u64 <= limits.shared_string_memory_bytes {
            let arena = &mut self.arena;
            let entry = entry_of(&json, |text| {
                arena.extend_from_slice(text);
                Ok((arena.len() - text.len()) as u64)
            })?;
            self.entries.push(entry);
        } else {
            let budget = &self.budget;
            self.spilled.get_or_insert_with(|| RefCell::new(Spilled::new(budget))).get_mut().push(&json)?;
        }
        self.scratch = json;
        Ok(())
    }

    fn len(&self) -> usize {
        self.entries.len() + self.spilled.as_ref().map_or(0, |spilled| spilled.borrow().count)
    }

    #[cold]
    fn append_spilled(&self, index: usize, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        let within = index - self.entries.len();
        match &self.spilled {
            Some(spilled) if within < spilled.borrow().count => spilled.borrow_mut().append(within, out),
            _ => Err(FileProblem::corrupt("a cell points to a shared string that does not exist").into()),
        }
    }
}

impl Spilled {
    fn new(budget: &Budget) -> Self {
        Self { entries: Spill::new(budget), count: 0, texts: Spill::new(budget), entry: Vec::new() }
    }

    fn push(&mut self, json: &[u8]) -> Result<(), ReadError> {
        let texts = &mut self.texts;
        let entry = entry_of(json, |text| texts.append(text))?;
        self.entries.append(&entry)?;
        self.count += 1;
        Ok(())
    }

    fn append(&mut self, index: usize, out: &mut Vec<u8>) -> Result<bool, ReadError> {
        self.entry.clear();
        self.entries.read((index * ENTRY_BYTES) as u64, ENTRY_BYTES, &mut self.entry)?;
        let Ok(entry) = Entry::try_from(self.entry.as_slice()) else {
            let cut = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            return Err(ReadError::machine("read a temporary file", cut));
        };
        match usize::from(entry[0]) {
            length @ ..=SHORT_BYTES => {
                out.extend_from_slice(&entry[1..=length]);
                Ok(length == 2)
            }
            _ => {
                let (length, place) = long_text(&entry);
                self.texts.read(place, length, out)?;
                Ok(false)
            }
        }
    }
}

/// The entry of a text; `keep` puts a long one somewhere and says where.
fn entry_of(json: &[u8], keep: impl FnOnce(&[u8]) -> Result<u64, ReadError>) -> Result<Entry, ReadError> {
    let mut entry = [0; ENTRY_BYTES];
    if json.len() <= SHORT_BYTES {
        entry[0] = json.len() as u8;
        entry[1..=json.len()].copy_from_slice(json);
        return Ok(entry);
    }
    entry[0] = LONG;
    // One text is bounded by the limit on cells, and its JSON to six times that.
    entry[4..8].copy_from_slice(&u32::try_from(json.len()).unwrap_or(u32::MAX).to_le_bytes());
    entry[8..].copy_from_slice(&keep(json)?.to_le_bytes());
    Ok(entry)
}

fn long_text(entry: &Entry) -> (usize, u64) {
    let [_, _, _, _, a, b, c, d, place @ ..] = *entry;
    (u32::from_le_bytes([a, b, c, d]) as usize, u64::from_le_bytes(place))
}

#[cold]
fn bad_text() -> ReadError {
    FileProblem::corrupt("a shared string is not valid text").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    #[test]
    fn strings_come_back_from_memory_and_from_disk_alike() {
        for memory in [0, 40, 1000, 1 << 20] {
            let limits = Limits { shared_string_memory_bytes: memory, ..Limits::default() };
            let mut strings = SharedStrings::new(&Budget::new(limits, None));
            let texts: Vec<String> =
                (0..2000_usize).map(|n| format!("{n}\"").repeat(n % 9)).chain(["x".repeat(100_000)]).collect();
            for text in &texts {
                strings.push(text.as_bytes()).unwrap();
            }
            for index in (0..texts.len()).chain((0..texts.len()).rev().step_by(7)) {
                let mut out = Vec::new();
                let is_blank = strings.append(index, &mut out).unwrap();
                assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), texts[index], "{memory} {index}");
                assert_eq!(is_blank, texts[index].is_empty());
            }
            assert_eq!(strings.append(texts.len(), &mut Vec::new()).unwrap_err().code(), "FILE_CORRUPT");
        }
    }
}
