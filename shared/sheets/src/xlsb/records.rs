//! The records of a binary part: a number, a length, and that many bytes ([MS-XLSB] 2.1.4).

use crate::archive::{Archive, PartReader};
use crate::error::{FileProblem, ReadError};
use crate::limits::check;
use crate::source::ByteSource;

const BUFFER_BYTES: usize = 64 << 10;

/// Reads records one after another into a reused buffer.
pub(super) struct Records<'a> {
    part: String,
    source: PartReader<'a>,
    most: u64,
    buffer: Vec<u8>,
    position: usize,
    filled: usize,
    body: Vec<u8>,
}

impl<'a> Records<'a> {
    pub(super) fn open(archive: &Archive<'a>, part: &str) -> Result<Self, ReadError> {
        Ok(Self {
            part: part.to_owned(),
            source: archive.part(part)?,
            most: archive.budget().limits.xml_token_bytes,
            buffer: vec![0; BUFFER_BYTES],
            position: 0,
            filled: 0,
            body: Vec::new(),
        })
    }

    /// The next record; none at the end of the part.
    pub(super) fn next(&mut self) -> Result<Option<(u32, Body<'_>)>, ReadError> {
        if !self.has_more()? {
            return Ok(None);
        }
        let kind = self.variable(2)?;
        let length = self.variable(4)?;
        check("record_part_bytes", self.most, u64::from(length))?;
        self.body.clear();
        // Filled piece by piece: the length is a claim of the file.
        while self.body.len() < length as usize {
            if !self.has_more()? {
                return Err(self.cut());
            }
            let count = (self.filled - self.position).min(length as usize - self.body.len());
            self.body.extend_from_slice(&self.buffer[self.position..self.position + count]);
            self.position += count;
        }
        Ok(Some((kind, Body(&self.body))))
    }

    /// A number of up to `most_bytes` bytes, seven bits in each.
    fn variable(&mut self, most_bytes: u32) -> Result<u32, ReadError> {
        let mut value = 0;
        for index in 0..most_bytes {
            if !self.has_more()? {
                return Err(self.cut());
            }
            let byte = self.buffer[self.position];
            self.position += 1;
            value |= u32::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value)
    }

    fn has_more(&mut self) -> Result<bool, ReadError> {
        if self.position == self.filled {
            self.position = 0;
            self.filled = self.source.read(&mut self.buffer)?;
        }
        Ok(self.filled > 0)
    }

    fn cut(&self) -> ReadError {
        FileProblem::corrupt(format!("its part {:?} is cut off", self.part)).into()
    }
}

/// The bytes of a record, read by position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'b>(pub(super) &'b [u8]);

impl<'b> Body<'b> {
    pub(super) fn byte(self, at: usize) -> Result<u8, ReadError> {
        self.0.get(at).copied().ok_or_else(short)
    }

    pub(super) fn word(self, at: usize) -> Result<u16, ReadError> {
        let bytes = self.slice(at, 2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn long(self, at: usize) -> Result<u32, ReadError> {
        let bytes = self.slice(at, 4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(super) fn double(self, at: usize) -> Result<f64, ReadError> {
        let (low, high) = (u64::from(self.long(at)?), u64::from(self.long(at + 4)?));
        Ok(f64::from_bits(low | (high << 32)))
    }

    /// A text with its length before it in characters; answers where it ends too.
    pub(super) fn text(self, at: usize) -> Result<(String, usize), ReadError> {
        let length = self.long(at)?;
        // A nullable text that is absent says so by the largest length.
        if length == u32::MAX {
            return Ok((String::new(), at + 4));
        }
        let units = self.slice(at + 4, (length as usize).saturating_mul(2))?;
        let units = units.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let text = char::decode_utf16(units).map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Ok((text, at + 4 + length as usize * 2))
    }

    fn slice(self, at: usize, length: usize) -> Result<&'b [u8], ReadError> {
        let end = at.checked_add(length).ok_or_else(short)?;
        self.0.get(at..end).ok_or_else(short)
    }
}

fn short() -> ReadError {
    FileProblem::corrupt("a record is shorter than its kind").into()
}
