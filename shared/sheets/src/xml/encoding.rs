//! The encoding of an XML part: UTF-8 as it is, everything else turned into UTF-8 on the way.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use memchr::memmem;

use crate::error::ReadError;
use crate::source::ByteSource;
use crate::text::encoding::Transcoder;

const SNIFFED_BYTES: usize = 256;

/// A part as UTF-8, whatever its byte order mark or its declaration says.
pub(crate) enum XmlSource<S> {
    Utf8(WithStart<S>),
    Other(Box<Transcoder<WithStart<S>>>),
}

impl<S: ByteSource> XmlSource<S> {
    /// Looks at the first bytes of the part.
    pub(crate) fn new(mut source: S) -> Result<Self, ReadError> {
        let mut start = vec![0; SNIFFED_BYTES];
        let mut filled = 0;
        while filled < start.len() {
            match source.read(&mut start[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        start.truncate(filled);
        let (encoding, mark) = sniff(&start);
        let source = WithStart { start, position: mark, source };
        if encoding == UTF_8 {
            return Ok(Self::Utf8(source));
        }
        Ok(Self::Other(Box::new(Transcoder::new(source, encoding))))
    }
}

impl<S: ByteSource> ByteSource for XmlSource<S> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        match self {
            Self::Utf8(source) => source.read(out),
            Self::Other(source) => source.read(out),
        }
    }
}

/// The encoding, and the length of the byte order mark.
fn sniff(start: &[u8]) -> (&'static Encoding, usize) {
    if let Some(found) = Encoding::for_bom(start) {
        return found;
    }
    match start {
        [b'<', 0, ..] => return (UTF_16LE, 0),
        [0, b'<', ..] => return (UTF_16BE, 0),
        _ => {}
    }
    let declared = memmem::find(start, b"?>").and_then(|end| declared_label(&start[..end]));
    let encoding = declared.and_then(Encoding::for_label).unwrap_or(UTF_8);
    // A part whose declaration can be read byte by byte is not UTF-16, whatever it claims.
    let is_wide = encoding == UTF_16LE || encoding == UTF_16BE;
    (if is_wide { UTF_8 } else { encoding }, 0)
}

fn declared_label(declaration: &[u8]) -> Option<&[u8]> {
    let at = memmem::find(declaration, b"encoding")?;
    let mut quoted = declaration[at..].split(|byte| matches!(byte, b'"' | b'\''));
    quoted.nth(1)
}

/// A stream whose first bytes were read ahead.
pub(crate) struct WithStart<S> {
    start: Vec<u8>,
    position: usize,
    source: S,
}

impl<S: ByteSource> ByteSource for WithStart<S> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        let rest = &self.start[self.position..];
        if rest.is_empty() {
            return self.source.read(out);
        }
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }
}
