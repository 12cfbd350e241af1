//! The central directory of a zip file, zip64 included (PKWARE APPNOTE 4.3.7 to 4.3.16).

use std::fs::File;

use super::Entry;
use crate::error::{FileProblem, ReadError};
use crate::limits::{Budget, check};
use crate::source::{length, read_at};

const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const END64_LOCATOR: u32 = 0x0706_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const END_LENGTH: usize = 22;
const CENTRAL_LENGTH: usize = 46;
const LOCAL_LENGTH: u64 = 30;
/// Name, extra and comment of one entry may take 64 KiB each; honest ones take under 100 bytes.
const MOST_DIRECTORY_BYTES: u64 = 16 << 20;

struct Directory {
    start: u64,
    bytes: u64,
    entries: u64,
}

/// Reads all entries of the directory. Their places are checked by [`check_placement`].
pub(super) fn read(file: &File, budget: &Budget) -> Result<Vec<Entry>, ReadError> {
    let size = length(file)?;
    let directory = find(file, size)?;
    check("archive_parts", budget.limits.archive_parts, directory.entries)?;
    check("archive_directory_bytes", MOST_DIRECTORY_BYTES, directory.bytes)?;
    if directory.start.checked_add(directory.bytes).is_none_or(|end| end > size) {
        return Err(corrupt("its table of contents points outside the file"));
    }
    // At most 16 MiB and never more than the file holds, as just checked.
    let mut bytes = vec![0; directory.bytes as usize];
    if read_at(file, directory.start, &mut bytes)? != bytes.len() {
        return Err(corrupt("its table of contents is cut off"));
    }
    let mut entries = Vec::new();
    let mut rest = bytes.as_slice();
    for _ in 0..directory.entries {
        let entry;
        (entry, rest) = read_entry(rest)?;
        entries.push(entry);
    }
    if u32_at(rest, 0) == Some(CENTRAL) {
        return Err(FileProblem::hostile("its container holds more parts than it says").into());
    }
    // Folders hold nothing; what is left must end before the directory begins.
    entries.retain(|entry| !entry.name.ends_with('/') || entry.inflated > 0);
    for entry in &entries {
        if entry.header_start >= directory.start {
            return Err(FileProblem::hostile("a part lies inside its table of contents").into());
        }
        let end = entry.header_start.saturating_add(LOCAL_LENGTH).saturating_add(entry.compressed);
        if end > directory.start {
            return Err(FileProblem::hostile(format!("the part {:?} is larger than the file", entry.name)).into());
        }
    }
    Ok(entries)
}

/// Compares local headers with the directory and refuses entries that share bytes: the trick of the 42 kB bombs.
pub(super) fn check_placement(file: &File, entries: &mut [Entry]) -> Result<(), ReadError> {
    let mut spans = Vec::new();
    for entry in entries.iter_mut() {
        let mut header = [0; LOCAL_LENGTH as usize];
        let whole = read_at(file, entry.header_start, &mut header)? == header.len();
        if !whole || u32_at(&header, 0) != Some(LOCAL) {
            return Err(corrupt("a part is not where its table of contents says"));
        }
        let name_length = u64::from(u16_at(&header, 26).unwrap_or(0));
        let extra_length = u64::from(u16_at(&header, 28).unwrap_or(0));
        entry.data_start = entry.header_start + LOCAL_LENGTH + name_length + extra_length;
        check_local_header(file, entry, &header, name_length)?;
        spans.push((entry.header_start, entry.data_start + entry.compressed));
    }
    spans.sort_unstable();
    if spans.windows(2).any(|pair| pair[0].1 > pair[1].0) {
        return Err(FileProblem::hostile("parts of its container overlap").into());
    }
    Ok(())
}

fn check_local_header(file: &File, entry: &Entry, header: &[u8], name_length: u64) -> Result<(), ReadError> {
    let mut name = vec![0; name_length as usize];
    read_at(file, entry.header_start + LOCAL_LENGTH, &mut name)?;
    if decode_name(&name) != entry.name {
        return Err(FileProblem::hostile(format!("the part {:?} has two names", entry.name)).into());
    }
    if u16_at(header, 8) != Some(entry.method) {
        return Err(FileProblem::hostile(format!("the part {:?} is described in two ways", entry.name)).into());
    }
    let streamed = u16_at(header, 6).unwrap_or(0) & 0x8 != 0;
    let stated = |at: usize, real: u64| match u32_at(header, at) {
        // A data descriptor follows the data, or the size is in the zip64 extra field.
        Some(u32::MAX) => true,
        Some(0) if streamed => true,
        Some(value) => u64::from(value) == real,
        None => false,
    };
    if !stated(18, entry.compressed) || !stated(22, entry.inflated) {
        return Err(FileProblem::hostile(format!("the part {:?} states two sizes", entry.name)).into());
    }
    Ok(())
}

fn find(file: &File, size: u64) -> Result<Directory, ReadError> {
    let tail_length = size.min(u64::from(u16::MAX) + END_LENGTH as u64);
    let mut tail = vec![0; tail_length as usize];
    read_at(file, size - tail_length, &mut tail)?;
    let at = (0..=tail.len().saturating_sub(END_LENGTH))
        .rev()
        .find(|at| u32_at(&tail, *at) == Some(END))
        .ok_or_else(|| corrupt("it is cut off before its end"))?;
    let field16 = |offset: usize| u64::from(u16_at(&tail, at + offset).unwrap_or(0));
    let field32 = |offset: usize| u64::from(u32_at(&tail, at + offset).unwrap_or(0));
    let plain = Directory { start: field32(16), bytes: field32(12), entries: field16(10) };
    let is_zip64 = plain.start == u64::from(u32::MAX)
        || plain.bytes == u64::from(u32::MAX)
        || plain.entries == u64::from(u16::MAX);
    if !is_zip64 || at < 20 || u32_at(&tail, at - 20) != Some(END64_LOCATOR) {
        return Ok(plain);
    }
    let end64_at = u64_at(&tail, at - 12).unwrap_or(u64::MAX);
    let mut end64 = [0; 56];
    if end64_at >= size || read_at(file, end64_at, &mut end64)? < end64.len() || u32_at(&end64, 0) != Some(END64) {
        return Err(corrupt("its zip64 table of contents is missing"));
    }
    Ok(Directory {
        start: u64_at(&end64, 48).unwrap_or(u64::MAX),
        bytes: u64_at(&end64, 40).unwrap_or(u64::MAX),
        entries: u64_at(&end64, 32).unwrap_or(u64::MAX),
    })
}

fn read_entry(bytes: &[u8]) -> Result<(Entry, &[u8]), ReadError> {
    let cut = || corrupt("its table of contents is cut off");
    if bytes.len() < CENTRAL_LENGTH || u32_at(bytes, 0) != Some(CENTRAL) {
        return Err(cut());
    }
    let field16 = |offset: usize| u16_at(bytes, offset).unwrap_or(0);
    let field32 = |offset: usize| u64::from(u32_at(bytes, offset).unwrap_or(0));
    let name_end = CENTRAL_LENGTH + usize::from(field16(28));
    let extra_end = name_end + usize::from(field16(30));
    let end = extra_end + usize::from(field16(32));
    let name = bytes.get(CENTRAL_LENGTH..name_end).ok_or_else(cut)?;
    let extra = bytes.get(name_end..extra_end).ok_or_else(cut)?;
    let rest = bytes.get(end..).ok_or_else(cut)?;
    let mut entry = Entry {
        name: decode_name(name),
        method: field16(10),
        crc: u32_at(bytes, 16).unwrap_or(0),
        compressed: field32(20),
        inflated: field32(24),
        encrypted: field16(8) & 1 != 0,
        header_start: field32(42),
        data_start: 0,
    };
    read_zip64_extra(&mut entry, extra);
    Ok((entry, rest))
}

/// Sizes that do not fit in 32 bits stand in the extra field 0x0001, only those, in this order.
fn read_zip64_extra(entry: &mut Entry, mut extra: &[u8]) {
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let end = 4 + usize::from(length);
        let Some(mut body) = extra.get(4..end) else { return };
        if id == 1 {
            for field in [&mut entry.inflated, &mut entry.compressed, &mut entry.header_start] {
                if *field == u64::from(u32::MAX)
                    && let Some(value) = u64_at(body, 0)
                {
                    *field = value;
                    body = &body[8..];
                }
            }
            return;
        }
        extra = &extra[end..];
    }
}

fn decode_name(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn corrupt(detail: &str) -> ReadError {
    FileProblem::corrupt(detail).into()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}
