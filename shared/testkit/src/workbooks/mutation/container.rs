//! A zip container taken apart, so that one part can be damaged without deflating the others again.

use std::io::{self, Cursor, Read, Write};
use std::ops::Range;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use zip::ZipArchive;

use super::bytes;
use crate::workbooks::random::Dice;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// One entry: what is in it, and how it lies in the container.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) content: Arc<[u8]>,
    data: Arc<[u8]>,
    checksum: u32,
    method: u16,
}

impl Entry {
    pub(super) fn new(name: &str, content: &[u8]) -> Self {
        let mut entry = Self {
            name: name.to_owned(),
            content: content.into(),
            data: Arc::default(),
            checksum: checksum(content),
            method: DEFLATED,
        };
        entry.data = deflate(content).into();
        entry
    }

    /// Gives the entry another content; it is deflated only now and then, which takes longer than reading it.
    pub(super) fn set(&mut self, content: &[u8], dice: &mut Dice) {
        self.checksum = checksum(content);
        self.content = content.into();
        (self.method, self.data) = match dice.below(8) {
            0 => (DEFLATED, deflate(content).into()),
            1 => (STORED, self.content.clone()),
            _ => (DEFLATED, as_stored_blocks(content).into()),
        };
    }
}

/// Takes a container apart.
///
/// # Errors
/// When it is none.
pub(super) fn entries(container: &[u8]) -> io::Result<Vec<Entry>> {
    let mut archive = ZipArchive::new(Cursor::new(container)).map_err(io::Error::other)?;
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).map_err(io::Error::other)?;
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            let name = file.name().map_err(io::Error::other)?;
            Ok(Entry::new(&name, &content))
        })
        .collect()
}

/// Puts entries together; `lies` headers are damaged afterwards.
pub(super) fn assemble(entries: &[Entry], dice: &mut Dice, lies: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.iter().map(|entry| entry.data.len() + 256).sum());
    let mut directory = Vec::new();
    let mut headers: Vec<Range<usize>> = Vec::new();
    let mut central_headers: Vec<Range<usize>> = Vec::new();
    for entry in entries {
        let start = out.len();
        out.extend_from_slice(b"PK\x03\x04\x14\0");
        shared_fields(&mut out, entry);
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(entry.name.as_bytes());
        headers.push(start..out.len());
        out.extend_from_slice(&entry.data);
        let central = directory.len();
        directory.extend_from_slice(b"PK\x01\x02\x14\0\x14\0");
        shared_fields(&mut directory, entry);
        directory.extend_from_slice(&[0; 12]);
        directory.extend_from_slice(&(start as u32).to_le_bytes());
        directory.extend_from_slice(entry.name.as_bytes());
        central_headers.push(central..directory.len());
    }
    let directory_start = out.len();
    out.extend_from_slice(&directory);
    headers.extend(central_headers.iter().map(|range| range.start + directory_start..range.end + directory_start));
    let end = out.len();
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&(entries.len() as u16).to_le_bytes().repeat(2));
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&(directory_start as u32).to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    headers.push(end..out.len());
    for _ in 0..lies {
        let header = dice.pick(&headers);
        bytes::write_number(&mut out, header.start + dice.below(header.len()), dice);
    }
    out
}

/// The fields that both headers have, from the flags to the length of the name.
fn shared_fields(out: &mut Vec<u8>, entry: &Entry) {
    for value in [0, entry.method, 0, 0x21] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    for value in [entry.checksum, entry.data.len() as u32, entry.content.len() as u32] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&(entry.name.len() as u16).to_le_bytes());
}

fn checksum(content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory cannot fail; an empty entry would be noticed by the tests of the seeds.
    let written = encoder.write_all(content).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// A deflate stream of blocks that are not compressed (RFC 1951, 3.2.4).
fn as_stored_blocks(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + content.len() / 1000 + 8);
    let mut blocks = content.chunks(0xFFFF).peekable();
    if blocks.peek().is_none() {
        return vec![1, 0, 0, 0xFF, 0xFF];
    }
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out
}
