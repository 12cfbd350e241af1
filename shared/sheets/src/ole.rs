//! The OLE2 container of `.xls` files and of files protected with a password ([MS-CFB]), read with suspicion.
//!
//! Only its streams are found and read here; chains of sectors are bounded by the size of the file.

use std::fs::File;

use crate::error::{FileProblem, ReadError};
use crate::source::{ByteSource, length, read_at};

const NO_SECTOR: u32 = 0xFFFF_FFFA;
const ENTRY_BYTES: usize = 128;
const HEADER_BYTES: usize = 512;
/// Streams and folders that are looked at; a workbook has some ten.
const MOST_ENTRIES: usize = 10_000;

/// The first bytes of every OLE2 container.
pub(crate) const MAGIC: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

/// A stream of the container.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) name: String,
    kind: u8,
    start: u32,
    bytes: u64,
}

/// A container whose tables were read.
pub(crate) struct Ole<'a> {
    file: &'a File,
    sector_bytes: u64,
    mini_bytes: u64,
    mini_cutoff: u64,
    next_sector: Vec<u32>,
    next_mini: Vec<u32>,
    mini_sectors: Vec<u32>,
    pub(crate) streams: Vec<Stream>,
}

impl<'a> Ole<'a> {
    /// Reads the sector tables and the directory.
    pub(crate) fn open(file: &'a File) -> Result<Self, ReadError> {
        let mut header = [0; HEADER_BYTES];
        if read_at(file, 0, &mut header)? < HEADER_BYTES || header[..8] != MAGIC {
            return Err(damaged());
        }
        let shift = u32::from(u16_at(&header, 30));
        let mini_shift = u32::from(u16_at(&header, 32));
        if !matches!(shift, 9 | 12) || mini_shift != 6 {
            return Err(damaged());
        }
        let mut ole = Self {
            file,
            sector_bytes: 1 << shift,
            mini_bytes: 1 << mini_shift,
            mini_cutoff: u64::from(u32_at(&header, 56)),
            next_sector: Vec::new(),
            next_mini: Vec::new(),
            mini_sectors: Vec::new(),
            streams: Vec::new(),
        };
        ole.read_sector_table(&header)?;
        ole.read_directory(u32_at(&header, 48))?;
        ole.read_mini_table(u32_at(&header, 60))?;
        Ok(ole)
    }

    pub(crate) fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.kind == 2 && stream.name.eq_ignore_ascii_case(name))
    }

    /// Starts to read a stream.
    pub(crate) fn read(&self, stream: &Stream) -> Result<StreamReader<'_>, ReadError> {
        let is_mini = stream.bytes < self.mini_cutoff;
        let table = if is_mini { &self.next_mini } else { &self.next_sector };
        Ok(StreamReader { ole: self, is_mini, chain: chain(table, stream.start)?, position: 0, bytes: stream.bytes })
    }

    fn sector_offset(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1) * self.sector_bytes
    }

    fn read_sector_table(&mut self, header: &[u8]) -> Result<(), ReadError> {
        let sectors_in_file = length(self.file)? / self.sector_bytes;
        let mut table_sectors: Vec<u32> = (76..HEADER_BYTES).step_by(4).map(|at| u32_at(header, at)).collect();
        let mut more = u32_at(header, 68);
        let mut sector = vec![0; self.sector_bytes as usize];
        while more < NO_SECTOR {
            self.read_sector(more, &mut sector)?;
            let last = sector.len() - 4;
            table_sectors.extend((0..last).step_by(4).map(|at| u32_at(&sector, at)));
            more = u32_at(&sector, last);
            if table_sectors.len() as u64 > sectors_in_file + 256 {
                return Err(damaged());
            }
        }
        for table_sector in table_sectors.into_iter().filter(|found| *found < NO_SECTOR) {
            self.read_sector(table_sector, &mut sector)?;
            self.next_sector.extend((0..sector.len()).step_by(4).map(|at| u32_at(&sector, at)));
            if self.next_sector.len() as u64 > sectors_in_file + self.sector_bytes {
                break;
            }
        }
        Ok(())
    }

    fn read_directory(&mut self, start: u32) -> Result<(), ReadError> {
        let mut sector = vec![0; self.sector_bytes as usize];
        for number in chain(&self.next_sector, start)? {
            self.read_sector(number, &mut sector)?;
            for entry in sector.chunks_exact(ENTRY_BYTES) {
                let name_bytes = usize::from(u16_at(entry, 64)).clamp(2, 64) - 2;
                let units: Vec<u16> = entry[..name_bytes].chunks_exact(2).map(|pair| u16_at(pair, 0)).collect();
                self.streams.push(Stream {
                    name: String::from_utf16_lossy(&units),
                    kind: entry[66],
                    start: u32_at(entry, 116),
                    // Version 3 files may leave rubbish in the upper half.
                    bytes: u64::from(u32_at(entry, 120)),
                });
            }
            if self.streams.len() > MOST_ENTRIES {
                return Err(damaged());
            }
        }
        Ok(())
    }

    fn read_mini_table(&mut self, start: u32) -> Result<(), ReadError> {
        let mut sector = vec![0; self.sector_bytes as usize];
        let mut table = Vec::new();
        for number in chain(&self.next_sector, start)? {
            self.read_sector(number, &mut sector)?;
            table.extend((0..sector.len()).step_by(4).map(|at| u32_at(&sector, at)));
        }
        self.next_mini = table;
        if let Some(root) = self.streams.iter().find(|stream| stream.kind == 5) {
            self.mini_sectors = chain(&self.next_sector, root.start)?;
        }
        Ok(())
    }

    fn read_sector(&self, sector: u32, out: &mut [u8]) -> Result<(), ReadError> {
        out.fill(0);
        // The last sector may be cut short by some writers; what is missing reads as zero.
        match read_at(self.file, self.sector_offset(sector), out)? {
            0 => Err(damaged()),
            _ => Ok(()),
        }
    }
}

/// Follows a chain; one that is longer than its table runs in a circle.
fn chain(table: &[u32], start: u32) -> Result<Vec<u32>, ReadError> {
    let mut sectors = Vec::new();
    let mut next = start;
    while next < NO_SECTOR {
        if sectors.len() > table.len() {
            return Err(damaged());
        }
        sectors.push(next);
        next = *table.get(next as usize).ok_or_else(damaged)?;
    }
    Ok(sectors)
}

fn damaged() -> ReadError {
    FileProblem::corrupt("its OLE2 container cannot be read").into()
}

/// One stream, read from its start.
pub(crate) struct StreamReader<'o> {
    ole: &'o Ole<'o>,
    is_mini: bool,
    chain: Vec<u32>,
    position: u64,
    bytes: u64,
}

impl ByteSource for StreamReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        let unit = if self.is_mini { self.ole.mini_bytes } else { self.ole.sector_bytes };
        let left = self.bytes.saturating_sub(self.position);
        let within = self.position % unit;
        let wanted = left.min(unit - within).min(out.len() as u64) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        let index = (self.position / unit) as usize;
        let sector = *self.chain.get(index).ok_or_else(damaged)?;
        let offset = if self.is_mini {
            let at = u64::from(sector) * unit;
            let holder = self.ole.mini_sectors.get((at / self.ole.sector_bytes) as usize).ok_or_else(damaged)?;
            self.ole.sector_offset(*holder) + at % self.ole.sector_bytes
        } else {
            self.ole.sector_offset(sector)
        };
        let count = read_at(self.ole.file, offset + within, &mut out[..wanted])?;
        self.position += count as u64;
        Ok(count)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |pair| u16::from_le_bytes([pair[0], pair[1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}
