//! A zip container written by hand, so that it can also be wrong.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// What a container says that is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Directory and local header state this inflated size.
    InflatedSize(u32),
    /// Only the local header states this inflated size.
    LocalSize(u32),
    /// The directory states this inflated size in 64 bits; the container has to be zip64.
    InflatedSize64(u64),
    /// Directory and local header state this compressed size.
    CompressedSize(u32),
    /// The local header states another name.
    LocalName,
    /// The entry is said to be compressed in this way.
    Method(u16),
    /// The directory points to the entry before.
    SharesData,
    /// The checksum is wrong.
    Checksum,
    /// The entry is marked as encrypted.
    Encrypted,
}

struct Entry {
    name: String,
    content: Vec<u8>,
    lie: Option<Lie>,
}

/// Collects entries and writes them in order.
#[derive(Default)]
pub struct ZipBuilder {
    entries: Vec<Entry>,
    streamed: bool,
    zip64: bool,
    stored: bool,
}

impl ZipBuilder {
    /// A container without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry; the same name may come again.
    #[must_use]
    pub fn entry(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.entries.push(Entry { name: name.to_owned(), content: content.into(), lie: None });
        self
    }

    /// Makes the last entry lie.
    #[must_use]
    pub fn lie(mut self, lie: Lie) -> Self {
        if let Some(entry) = self.entries.last_mut() {
            entry.lie = Some(lie);
        }
        self
    }

    /// Writes sizes behind the data, as writers do that cannot seek.
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.streamed = true;
        self
    }

    /// Writes sizes and places in 64 bits.
    #[must_use]
    pub fn zip64(mut self) -> Self {
        self.zip64 = true;
        self
    }

    /// Writes entries without compression.
    #[must_use]
    pub fn stored(mut self) -> Self {
        self.stored = true;
        self
    }

    /// The bytes of the container.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut directory = Vec::new();
        let mut starts: Vec<u64> = Vec::new();
        for entry in &self.entries {
            let start = match (entry.lie, starts.last()) {
                (Some(Lie::SharesData), Some(before)) => *before,
                _ => out.len() as u64,
            };
            starts.push(start);
            let data = if self.stored { entry.content.clone() } else { deflate(&entry.content) };
            self.write_local(&mut out, entry, &data);
            self.write_central(&mut directory, entry, data.len() as u64, start);
        }
        self.write_end(&mut out, &directory);
        out
    }

    fn flags(&self, entry: &Entry) -> u16 {
        (if self.streamed { 8 } else { 0 }) | u16::from(entry.lie == Some(Lie::Encrypted))
    }

    fn method(&self, entry: &Entry) -> u16 {
        match entry.lie {
            Some(Lie::Method(method)) => method,
            _ if self.stored => 0,
            _ => 8,
        }
    }

    fn write_local(&self, out: &mut Vec<u8>, entry: &Entry, data: &[u8]) {
        let (crc, inflated) = facts(entry);
        let local_size = match entry.lie {
            Some(Lie::LocalSize(size)) => size,
            Some(Lie::InflatedSize64(_)) => u32::MAX,
            _ => inflated,
        };
        out.extend_from_slice(&0x0403_4b50_u32.to_le_bytes());
        push16(out, &[45, self.flags(entry), self.method(entry), 0, 0x21]);
        if self.streamed {
            push32(out, &[0, 0, 0]);
        } else {
            push32(out, &[crc, stated_compressed(entry, data.len() as u64) as u32, local_size]);
        }
        push16(out, &[entry.name.len() as u16, 0]);
        match entry.lie {
            Some(Lie::LocalName) => out.extend(entry.name.bytes().rev()),
            _ => out.extend_from_slice(entry.name.as_bytes()),
        }
        out.extend_from_slice(data);
        if self.streamed {
            push32(out, &[0x0807_4b50, crc, data.len() as u32, inflated]);
        }
    }

    fn write_central(&self, out: &mut Vec<u8>, entry: &Entry, compressed: u64, start: u64) {
        let (crc, inflated) = facts(entry);
        let compressed = stated_compressed(entry, compressed);
        let inflated64 = match entry.lie {
            Some(Lie::InflatedSize64(size)) => size,
            _ => u64::from(inflated),
        };
        let mut extra = Vec::new();
        if self.zip64 {
            push16(&mut extra, &[1, 24]);
            for value in [inflated64, compressed, start] {
                extra.extend_from_slice(&value.to_le_bytes());
            }
        }
        out.extend_from_slice(&0x0201_4b50_u32.to_le_bytes());
        push16(out, &[45, 45, self.flags(entry), self.method(entry), 0, 0x21]);
        if self.zip64 {
            push32(out, &[crc, u32::MAX, u32::MAX]);
        } else {
            push32(out, &[crc, compressed as u32, inflated]);
        }
        push16(out, &[entry.name.len() as u16, extra.len() as u16, 0, 0, 0]);
        push32(out, &[0, if self.zip64 { u32::MAX } else { start as u32 }]);
        out.extend_from_slice(entry.name.as_bytes());
        out.extend_from_slice(&extra);
    }

    fn write_end(&self, out: &mut Vec<u8>, directory: &[u8]) {
        let start = out.len() as u64;
        out.extend_from_slice(directory);
        let count = self.entries.len() as u64;
        if self.zip64 {
            let end64 = out.len() as u64;
            push32(out, &[0x0606_4b50]);
            out.extend_from_slice(&44_u64.to_le_bytes());
            push16(out, &[45, 45]);
            push32(out, &[0, 0]);
            for value in [count, count, directory.len() as u64, start] {
                out.extend_from_slice(&value.to_le_bytes());
            }
            push32(out, &[0x0706_4b50, 0]);
            out.extend_from_slice(&end64.to_le_bytes());
            push32(out, &[1]);
        }
        push32(out, &[0x0605_4b50]);
        let count = if self.zip64 { u16::MAX } else { count as u16 };
        push16(out, &[0, 0, count, count]);
        push32(out, &[directory.len() as u32, if self.zip64 { u32::MAX } else { start as u32 }]);
        push16(out, &[0]);
    }
}

/// Checksum and inflated size as the entry states them.
fn facts(entry: &Entry) -> (u32, u32) {
    let mut crc = flate2::Crc::new();
    crc.update(&entry.content);
    let crc = crc.sum() ^ u32::from(entry.lie == Some(Lie::Checksum));
    let inflated = match entry.lie {
        Some(Lie::InflatedSize(size)) => size,
        _ => entry.content.len() as u32,
    };
    (crc, inflated)
}

fn stated_compressed(entry: &Entry, real: u64) -> u64 {
    match entry.lie {
        Some(Lie::CompressedSize(size)) => u64::from(size),
        _ => real,
    }
}

fn deflate(content: &[u8]) -> Vec<u8> {
    const LARGE: usize = 1 << 20;
    // Large contents are bombs, which are the better the smaller they are.
    let level = if content.len() > LARGE { Compression::best() } else { Compression::default() };
    let mut encoder = DeflateEncoder::new(Vec::new(), level);
    // Writing into memory cannot fail; what is missing would show at once in the reader's checks.
    let written = encoder.write_all(content).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

fn push16(out: &mut Vec<u8>, values: &[u16]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn push32(out: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}
