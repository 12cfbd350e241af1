//! A JSON array of objects, element by element: only one element is in memory.

use super::output::{Output, too_long};
use super::record::append_compact;
use crate::error::{FileProblem, ReadError};
use crate::limits::{Budget, check};
use crate::rows::Assembled;
use crate::source::ByteSource;

const CHUNK_BYTES: usize = 64 << 10;

/// Where between the brackets the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeArray,
    /// After `[`: an element or the end.
    First,
    /// After a comma: an element.
    BeforeElement,
    InElement,
    AfterArray,
}

struct ArrayReader<'b, 's> {
    budget: &'b Budget,
    output: Output<'s>,
    place: Place,
    position: u32,
    element: Vec<u8>,
    depth: u64,
    in_string: bool,
    is_escaped: bool,
    record: Vec<u8>,
}

/// Reads a JSON array. An element that is no object is a bad row; an array that breaks off is an error of the file.
pub(super) fn read(mut source: impl ByteSource, budget: &Budget, output: Output<'_>) -> Result<Assembled, ReadError> {
    let mut reader = ArrayReader {
        budget,
        output,
        place: Place::BeforeArray,
        position: 0,
        element: Vec::new(),
        depth: 0,
        in_string: false,
        is_escaped: false,
        record: Vec::new(),
    };
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = source.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        for byte in &chunk[..count] {
            reader.byte(*byte)?;
        }
    }
    match reader.place {
        Place::AfterArray => reader.output.finish(),
        Place::BeforeArray => Err(FileProblem::empty("the file holds only blanks").into()),
        _ => Err(reader.broken("the array ends before its closing bracket")),
    }
}

impl ArrayReader<'_, '_> {
    #[inline]
    fn byte(&mut self, byte: u8) -> Result<(), ReadError> {
        if self.place == Place::InElement {
            return self.in_element(byte);
        }
        if byte.is_ascii_whitespace() {
            return Ok(());
        }
        match (self.place, byte) {
            (Place::BeforeArray, b'[') => self.place = Place::First,
            (Place::BeforeArray, _) => return Err(not_an_array()),
            (Place::First, b']') => self.place = Place::AfterArray,
            (Place::First | Place::BeforeElement, b',' | b']' | b'}' | b':') => {
                return Err(self.broken("an element is missing"));
            }
            (Place::First | Place::BeforeElement, _) => {
                self.place = Place::InElement;
                self.position += 1;
                self.element.clear();
                return self.in_element(byte);
            }
            (Place::AfterArray, _) => return Err(self.broken("something follows the array")),
            (Place::InElement, _) => {}
        }
        Ok(())
    }

    #[inline]
    fn in_element(&mut self, byte: u8) -> Result<(), ReadError> {
        if self.in_string {
            self.in_string = self.is_escaped || byte != b'"';
            self.is_escaped = !self.is_escaped && byte == b'\\';
            return self.keep(byte);
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                self.depth += 1;
                check("nesting", self.budget.limits.nesting, self.depth).map_err(|e| e.in_row(self.position))?;
            }
            // At depth 0 a comma or a bracket belongs to the array, not to the element.
            b',' | b']' if self.depth == 0 => {
                self.end_element()?;
                self.place = if byte == b',' { Place::BeforeElement } else { Place::AfterArray };
                return Ok(());
            }
            b'}' | b']' => {
                let Some(depth) = self.depth.checked_sub(1) else {
                    return Err(self.broken("a bracket is closed that was not open"));
                };
                self.depth = depth;
            }
            _ => {}
        }
        self.keep(byte)
    }

    fn keep(&mut self, byte: u8) -> Result<(), ReadError> {
        let most = self.budget.limits.record_bytes;
        if self.element.len() as u64 >= most {
            return Err(too_long(most, self.element.len() + 1, self.position));
        }
        self.element.push(byte);
        Ok(())
    }

    fn end_element(&mut self) -> Result<(), ReadError> {
        self.record.clear();
        let mut names = Vec::new();
        let wants_names = !self.output.has_columns();
        let element = std::mem::take(&mut self.element);
        let compact = append_compact(&mut self.record, &element, wants_names.then_some(&mut names));
        // A whole JSON value that is no record is a bad row; what is no JSON at all breaks the array.
        let is_value = compact.is_ok() || serde_json::from_slice::<serde::de::IgnoredAny>(&element).is_ok();
        self.element = element;
        match compact {
            Ok(cells) => {
                if wants_names {
                    self.output.columns(names)?;
                }
                self.output.row(self.position, &self.record, cells)
            }
            Err(message) if is_value => self.output.bad_row(self.position, "INVALID_RECORD", &message),
            Err(message) => Err(self.broken(&message)),
        }
    }

    fn broken(&self, detail: &str) -> ReadError {
        let message =
            format!("the JSON array is broken at element {}: {detail}; repair it and upload again", self.position);
        ReadError::from(FileProblem::new("FILE_CORRUPT", message)).in_row(self.position)
    }
}

fn not_an_array() -> ReadError {
    let message = "the file is not a JSON array; for one object a line, give it the ending .ndjson";
    FileProblem::new("FILE_CORRUPT", message).into()
}
