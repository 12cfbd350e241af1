//! ndjson: one JSON object a line. A line that is none is a bad row.

use memchr::memchr;

use super::output::{Output, too_long};
use super::record::append_compact;
use crate::error::{FileProblem, ReadError};
use crate::limits::Budget;
use crate::rows::Assembled;
use crate::source::ByteSource;

const CHUNK_BYTES: usize = 64 << 10;

/// Reads a file line by line; blank lines are skipped, and count.
pub(super) fn read(mut source: impl ByteSource, budget: &Budget, output: Output<'_>) -> Result<Assembled, ReadError> {
    let most = budget.limits.record_bytes;
    let mut reader = Lines { output, line: 0, record: Vec::new(), seen_value: false };
    let mut pending = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = source.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        let mut rest = &chunk[..count];
        while let Some(end) = memchr(b'\n', rest) {
            if pending.is_empty() {
                reader.line(&rest[..end])?;
            } else {
                pending.extend_from_slice(&rest[..end]);
                reader.line(&pending)?;
                pending.clear();
            }
            rest = &rest[end + 1..];
        }
        pending.extend_from_slice(rest);
        if pending.len() as u64 > most {
            return Err(too_long(most, pending.len(), reader.line + 1));
        }
    }
    if !pending.is_empty() {
        reader.line(&pending)?;
    }
    if !reader.seen_value {
        return Err(FileProblem::empty("the file holds only blanks").into());
    }
    reader.output.finish()
}

struct Lines<'s> {
    output: Output<'s>,
    line: u32,
    record: Vec<u8>,
    seen_value: bool,
}

impl Lines<'_> {
    fn line(&mut self, text: &[u8]) -> Result<(), ReadError> {
        self.line += 1;
        let text = text.trim_ascii();
        if text.is_empty() {
            return Ok(());
        }
        if !self.seen_value && text.first() == Some(&b'[') && !is_whole(text) {
            return Err(array_in_lines());
        }
        self.seen_value = true;
        self.record.clear();
        let mut names = Vec::new();
        let wants_names = !self.output.has_columns();
        match append_compact(&mut self.record, text, wants_names.then_some(&mut names)) {
            Ok(cells) => {
                if wants_names {
                    self.output.columns(names)?;
                }
                self.output.row(self.line, &self.record, cells)
            }
            Err(message) => self.output.bad_row(self.line, "INVALID_RECORD", &message),
        }
    }
}

fn is_whole(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

fn array_in_lines() -> ReadError {
    let message = "the file is named or sent as JSON lines but begins a JSON array; give it the ending .json";
    FileProblem::new("FORMAT_MISMATCH", message).into()
}
