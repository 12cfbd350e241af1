//! A pull reader for the XML of office files: tags, text and nothing else, over a stream with one reused buffer.
//!
//! It never allocates per token. It refuses document type declarations, so that there are no entities to expand.
//! Names are compared by their local part: writers differ in prefixes, and strict files in namespaces.

mod encoding;
mod tag;
mod text;

use memchr::{memchr, memmem};

pub(crate) use encoding::XmlSource;
pub(crate) use tag::{Tag, end_of_tag, local_name};
pub(crate) use text::{BadText, append_text, trim_xml_space};

use crate::error::{FileProblem, ReadError};
use crate::limits::{Limits, check};
use crate::source::ByteSource;

const FIRST_BUFFER: usize = 128 << 10;

/// What comes next in the document.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// A start tag; an empty element is followed by its `End` like any other.
    Start(Tag<'a>),
    /// The end of an element, with its local name.
    End(&'a [u8]),
    /// The whole text up to the next tag, entities still in it.
    Text(&'a [u8]),
    /// A CDATA section: text without entities.
    Literal(&'a [u8]),
    /// The end of the document.
    Eof,
}

/// The token at the front of the buffer, by length, so that the buffer can be refilled while it is looked for.
enum Scan {
    Start { length: usize },
    End { length: usize },
    Text { length: usize },
    Literal { length: usize },
    Skip { length: usize },
    More,
}

/// A pull reader over one XML part.
pub(crate) struct XmlReader<S> {
    source: S,
    part: String,
    most_token: usize,
    nesting: u64,
    buffer: Vec<u8>,
    position: usize,
    filled: usize,
    source_ended: bool,
    source_failed: bool,
    /// A short fingerprint of each open element's name: enough to notice elements that close another.
    open: Vec<u64>,
    /// The name of an empty element whose end is due, as a range of the buffer.
    due_end: Option<(usize, usize)>,
    seen_root: bool,
}

impl<S: ByteSource> XmlReader<S> {
    pub(crate) fn new(source: S, part: &str, limits: &Limits) -> Self {
        Self {
            source,
            part: part.to_owned(),
            most_token: limits.xml_token_bytes as usize,
            nesting: limits.nesting,
            buffer: vec![0; FIRST_BUFFER],
            position: 0,
            filled: 0,
            source_ended: false,
            source_failed: false,
            open: Vec::new(),
            due_end: None,
            seen_root: false,
        }
    }

    /// Number of elements that are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// True when the last error was that of the bytes below, which has nothing to do with the place in the document.
    pub(crate) fn source_failed(&self) -> bool {
        self.source_failed
    }

    /// The next tag or text.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Event<'_>, ReadError> {
        if let Some((start, end)) = self.due_end.take() {
            self.open.pop();
            return Ok(Event::End(&self.buffer[start..end]));
        }
        loop {
            if self.position == self.filled && self.source_ended {
                return self.end_of_document();
            }
            let scan = self.scan()?;
            let start = self.position;
            match scan {
                Scan::More => self.fill()?,
                Scan::Skip { length } => self.position += length,
                Scan::Text { length } => {
                    self.position += length;
                    if !self.open.is_empty() {
                        return Ok(Event::Text(&self.buffer[start..start + length]));
                    }
                    self.check_outside_text(start, length)?;
                }
                Scan::Literal { length } => {
                    self.position += length;
                    return Ok(Event::Literal(&self.buffer[start + 9..start + length - 3]));
                }
                Scan::End { length } => {
                    self.position += length;
                    return self.close(start, length);
                }
                Scan::Start { length } => {
                    self.position += length;
                    return self.open_element(start, length);
                }
            }
        }
    }

    /// The bytes that come next and are in memory, for whoever knows their shape; nothing while an end is due.
    #[inline]
    pub(crate) fn window(&self) -> &[u8] {
        match self.due_end {
            None => &self.buffer[self.position..self.filled],
            Some(_) => &[],
        }
    }

    /// Moves over bytes of the [`Self::window`] that open as many elements as they close.
    #[inline]
    pub(crate) fn consume(&mut self, length: usize) {
        self.position = (self.position + length).min(self.filled);
    }

    #[inline]
    fn scan(&self) -> Result<Scan, ReadError> {
        let rest = &self.buffer[self.position..self.filled];
        match memchr(b'<', rest) {
            Some(0) => self.scan_markup(rest),
            Some(length) => Ok(Scan::Text { length }),
            None if self.source_ended => Ok(Scan::Text { length: rest.len() }),
            None => Ok(Scan::More),
        }
    }

    #[inline]
    fn scan_markup(&self, rest: &[u8]) -> Result<Scan, ReadError> {
        let found = match rest.get(1) {
            None => None,
            Some(b'/') => memchr(b'>', rest).map(|end| Scan::End { length: end + 1 }),
            Some(b'?') => memmem::find(rest, b"?>").map(|end| Scan::Skip { length: end + 2 }),
            Some(b'!') => self.scan_declaration(rest)?,
            Some(_) => tag::end_of_tag(rest).map(|end| Scan::Start { length: end + 1 }),
        };
        match found {
            Some(scan) => Ok(scan),
            None if self.source_ended => Err(self.corrupt("ends in the middle of a tag")),
            None => Ok(Scan::More),
        }
    }

    fn scan_declaration(&self, rest: &[u8]) -> Result<Option<Scan>, ReadError> {
        if rest.starts_with(b"<!--") {
            let end = memmem::find(&rest[4..], b"-->");
            return Ok(end.map(|end| Scan::Skip { length: end + 7 }));
        }
        if rest.starts_with(b"<![CDATA[") {
            return Ok(memmem::find(rest, b"]]>").map(|end| Scan::Literal { length: end + 3 }));
        }
        if rest.len() >= 9 {
            let detail = format!("its part {:?} holds a document type declaration", self.part);
            return Err(FileProblem::hostile(detail).into());
        }
        Ok(None)
    }

    /// Moves what is left to the front and reads on; the buffer grows only for a token that does not fit.
    fn fill(&mut self) -> Result<(), ReadError> {
        self.buffer.copy_within(self.position..self.filled, 0);
        self.filled -= self.position;
        self.position = 0;
        if self.filled == self.buffer.len() {
            check("xml_token_bytes", self.most_token as u64, self.filled as u64 + 1)?;
            let longer = (self.buffer.len() * 2).min(self.most_token);
            self.buffer.resize(longer, 0);
        }
        let read = self.source.read(&mut self.buffer[self.filled..]);
        self.source_failed = read.is_err();
        let count = read?;
        self.filled += count;
        self.source_ended = count == 0;
        Ok(())
    }

    #[inline]
    fn open_element(&mut self, start: usize, length: usize) -> Result<Event<'_>, ReadError> {
        let inner = &self.buffer[start + 1..start + length - 1];
        let (inner, is_empty) = match inner.split_last() {
            Some((b'/', inner)) => (inner, true),
            _ => (inner, false),
        };
        let tag = Tag::new(inner);
        if tag.name.is_empty() {
            return Err(self.corrupt("holds a tag without a name"));
        }
        check("nesting", self.nesting, self.open.len() as u64 + 1)?;
        self.seen_root = true;
        self.open.push(tag::fingerprint(tag.name));
        if is_empty {
            let name_start = start + 1 + (tag.full_name_length - tag.name.len());
            self.due_end = Some((name_start, name_start + tag.name.len()));
        }
        Ok(Event::Start(tag))
    }

    #[inline]
    fn close(&mut self, start: usize, length: usize) -> Result<Event<'_>, ReadError> {
        let name = local_name(tag::full_name(&self.buffer[start + 2..start + length - 1]));
        if self.open.pop() != Some(tag::fingerprint(name)) {
            return Err(self.corrupt("closes an element that is not open"));
        }
        Ok(Event::End(name))
    }

    fn check_outside_text(&self, start: usize, length: usize) -> Result<(), ReadError> {
        let text = &self.buffer[start..start + length];
        if trim_xml_space(text).is_empty() {
            return Ok(());
        }
        Err(self.corrupt("is not XML"))
    }

    fn end_of_document(&self) -> Result<Event<'_>, ReadError> {
        if !self.open.is_empty() {
            return Err(self.corrupt("ends before its elements do"));
        }
        if !self.seen_root {
            return Err(self.corrupt("is empty"));
        }
        Ok(Event::Eof)
    }

    /// An error that names the part.
    #[cold]
    pub(crate) fn corrupt(&self, detail: &str) -> ReadError {
        FileProblem::corrupt(format!("its part {:?} {detail}", self.part)).into()
    }
}
