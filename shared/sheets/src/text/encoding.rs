//! Encodings of text files: which one it is, and turning it into UTF-8 as a stream.

use std::fs::File;
use std::rc::Rc;

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::error::{FileProblem, ReadError};
use crate::limits::Budget;
use crate::source::{ByteSource, FileSource};

const INPUT_BYTES: usize = 32 << 10;

/// Turns a stream of another encoding into UTF-8.
pub(crate) struct Transcoder<S> {
    source: S,
    decoder: Decoder,
    input: Vec<u8>,
    position: usize,
    filled: usize,
    source_ended: bool,
    ended: bool,
    spare: Vec<u8>,
}

impl<S: ByteSource> Transcoder<S> {
    pub(crate) fn new(source: S, encoding: &'static Encoding) -> Self {
        Self {
            source,
            decoder: encoding.new_decoder_without_bom_handling(),
            input: vec![0; INPUT_BYTES],
            position: 0,
            filled: 0,
            source_ended: false,
            ended: false,
            spare: Vec::new(),
        }
    }

    fn decode(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        loop {
            if self.ended {
                return Ok(0);
            }
            if self.position == self.filled && !self.source_ended {
                self.filled = self.source.read(&mut self.input)?;
                self.position = 0;
                self.source_ended = self.filled == 0;
            }
            let input = &self.input[self.position..self.filled];
            let (result, used, made, damaged) = self.decoder.decode_to_utf8(input, out, self.source_ended);
            self.position += used;
            if damaged {
                let detail = format!("its text is not valid {}", self.decoder.encoding().name());
                return Err(FileProblem::corrupt(detail).into());
            }
            self.ended = self.source_ended && result == CoderResult::InputEmpty;
            if made > 0 {
                return Ok(made);
            }
        }
    }
}

impl<S: ByteSource> ByteSource for Transcoder<S> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        // The decoder needs room for one whole character, more than a caller may offer at the end of its buffer.
        const ROOM: usize = 64;
        if out.len() >= ROOM && self.spare.is_empty() {
            return self.decode(out);
        }
        if self.spare.is_empty() {
            let mut small = [0; ROOM];
            let made = self.decode(&mut small)?;
            self.spare.extend_from_slice(&small[..made]);
        }
        let count = self.spare.len().min(out.len());
        out[..count].copy_from_slice(&self.spare[..count]);
        self.spare.drain(..count);
        Ok(count)
    }
}

/// The text of a file as UTF-8, without its byte order mark. Bytes that are not valid UTF-8 may remain.
pub(crate) fn text_source<'a>(file: &'a File, budget: &Rc<Budget>) -> Result<Box<dyn ByteSource + 'a>, ReadError> {
    let (encoding, mark) = detect(file, budget)?;
    let mut source = FileSource::from_start(file, Rc::clone(budget))?;
    let mut discarded = [0; 3];
    let mut left = mark;
    while left > 0 {
        left -= source.read(&mut discarded[..left])?.max(1);
    }
    if encoding == UTF_8 {
        return Ok(Box::new(source));
    }
    Ok(Box::new(Transcoder::new(source, encoding)))
}

/// The encoding, and the length of the byte order mark. Without a mark the whole file is looked at, because one
/// letter with an accent near the end is enough to tell.
fn detect(file: &File, budget: &Rc<Budget>) -> Result<(&'static Encoding, usize), ReadError> {
    let mut source = FileSource::from_start(file, Rc::clone(budget))?;
    let mut chunk = vec![0; 64 << 10];
    let mut filled = source.read(&mut chunk)?;
    if let Some(found) = Encoding::for_bom(&chunk[..filled]) {
        return Ok(found);
    }
    if let Some(wide) = guess_utf16(&chunk[..filled]) {
        return Ok((wide, 0));
    }
    let mut count = Utf8Count::default();
    let mut kept = 0;
    while filled > 0 {
        kept = count.add(&mut chunk, kept + filled);
        filled = source.read(&mut chunk[kept..])?;
    }
    count.broken += u64::from(kept > 0);
    // A few broken bytes among many good ones are damage in a UTF-8 file, reported line by line.
    let is_utf8 = count.broken == 0 || count.whole > count.broken;
    Ok((if is_utf8 { UTF_8 } else { WINDOWS_1252 }, 0))
}

/// Western text in UTF-16 has a zero in every other byte.
fn guess_utf16(start: &[u8]) -> Option<&'static Encoding> {
    let pairs = start.len() / 2;
    if pairs == 0 {
        return None;
    }
    let zeros = |offset: usize| start.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    if odd * 2 > pairs && even * 8 < pairs {
        return Some(UTF_16LE);
    }
    (even * 2 > pairs && odd * 8 < pairs).then_some(UTF_16BE)
}

/// Characters beyond ASCII that are valid UTF-8, and bytes that are not.
#[derive(Default)]
struct Utf8Count {
    whole: u64,
    broken: u64,
}

impl Utf8Count {
    /// Counts in `chunk[..filled]`; moves an unfinished character to the front and says how long it is.
    fn add(&mut self, chunk: &mut [u8], filled: usize) -> usize {
        let mut start = 0;
        while start < filled {
            match std::str::from_utf8(&chunk[start..filled]) {
                Ok(text) => {
                    self.count_whole(text.as_bytes());
                    return 0;
                }
                Err(error) => {
                    let valid_end = start + error.valid_up_to();
                    self.count_whole(&chunk[start..valid_end]);
                    let Some(length) = error.error_len() else {
                        chunk.copy_within(valid_end..filled, 0);
                        return filled - valid_end;
                    };
                    self.broken += 1;
                    start = valid_end + length;
                }
            }
        }
        0
    }

    fn count_whole(&mut self, valid: &[u8]) {
        if !valid.is_ascii() {
            self.whole += valid.iter().filter(|byte| **byte >= 0xC0).count() as u64;
        }
    }
}

/// True when the first bytes are UTF-16, by their mark or by their zeros.
pub(crate) fn looks_wide(start: &[u8]) -> bool {
    let by_mark = Encoding::for_bom(start).is_some_and(|(encoding, _)| encoding != UTF_8);
    by_mark || guess_utf16(start).is_some()
}
