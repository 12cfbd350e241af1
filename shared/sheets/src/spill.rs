//! Bytes that do not fit into memory: appended to a temporary file, read back through a small cache.

use std::fs::File;
use std::io::Write;

use crate::error::ReadError;
use crate::limits::Budget;
use crate::source::read_at;

const PENDING_BYTES: usize = 64 << 10;
const BLOCK_BYTES: usize = 16 << 10;
const BLOCKS: usize = 32;
const NO_BLOCK: u64 = u64::MAX;

/// A temporary file without a name, made when the first bytes have to go there. It takes about 600 KiB of memory.
#[derive(Debug)]
pub(crate) struct Spill {
    budget: Budget,
    file: Option<File>,
    pending: Vec<u8>,
    written: u64,
    /// Which block each place of the cache holds; the place of a block is its number modulo their count.
    cached: Vec<(u64, Vec<u8>)>,
}

impl Spill {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self { budget: budget.clone(), file: None, pending: Vec::new(), written: 0, cached: Vec::new() }
    }

    /// Appends bytes and answers where they begin.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<u64, ReadError> {
        self.budget.spend_disk(bytes.len() as u64)?;
        let start = self.written + self.pending.len() as u64;
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= PENDING_BYTES {
            self.flush()?;
        }
        Ok(start)
    }

    /// Appends to `out` what stands in `start..start + length`; fewer bytes when the file is shorter.
    pub(crate) fn read(&mut self, start: u64, length: usize, out: &mut Vec<u8>) -> Result<(), ReadError> {
        if !self.pending.is_empty() {
            self.flush()?;
        }
        let (mut at, mut left) = (start, length);
        while left > 0 {
            let within = (at % BLOCK_BYTES as u64) as usize;
            let block = self.block(at / BLOCK_BYTES as u64)?;
            let found = block.get(within..).unwrap_or_default();
            let count = found.len().min(left);
            out.extend_from_slice(&found[..count]);
            if count == 0 {
                break;
            }
            at += count as u64;
            left -= count;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ReadError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let made = tempfile::tempfile();
                self.file.insert(made.map_err(|source| ReadError::machine("make a temporary file", source))?)
            }
        };
        let done = file.write_all(&self.pending);
        done.map_err(|source| ReadError::machine("write a temporary file", source))?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        // The last block may have been cached before it was full.
        self.cached.clear();
        Ok(())
    }

    fn block(&mut self, number: u64) -> Result<&[u8], ReadError> {
        if self.cached.is_empty() {
            self.cached.resize(BLOCKS, (NO_BLOCK, Vec::new()));
        }
        let place = (number % BLOCKS as u64) as usize;
        let (held, block) = &mut self.cached[place];
        if *held != number {
            block.resize(BLOCK_BYTES, 0);
            let count = match &self.file {
                Some(file) => read_at(file, number * BLOCK_BYTES as u64, block)?,
                None => 0,
            };
            block.truncate(count);
            *held = number;
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    #[test]
    fn what_was_appended_is_read_back_from_any_place() {
        let mut spill = Spill::new(&Budget::new(Limits::default(), None));
        let content: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for piece in content.chunks(777) {
            spill.append(piece).unwrap();
        }
        for (start, length) in [(0, 10), (16_380, 10), (65_530, 100_000), (299_990, 10), (100, 1), (5, 0)] {
            let mut found = Vec::new();
            spill.read(start, length, &mut found).unwrap();
            assert_eq!(found, content[start as usize..start as usize + length], "{start} {length}");
        }
        let mut beyond = Vec::new();
        spill.read(299_995, 100, &mut beyond).unwrap();
        assert_eq!(beyond, content[299_995..]);
        let start = spill.append(b"later").unwrap();
        spill.read(start, 5, &mut beyond).unwrap();
        assert!(beyond.ends_with(b"later"));
    }

    #[test]
    fn the_disk_has_a_limit_for_all_files_together() {
        let budget = Budget::new(Limits { disk_bytes: 100, ..Limits::default() }, None);
        let (mut one, mut other) = (Spill::new(&budget), Spill::new(&budget));
        one.append(&[0; 60]).unwrap();
        let error = other.append(&[0; 60]).unwrap_err();
        let limit = error.problem().unwrap().limit.clone().unwrap();
        assert_eq!((limit.name, limit.allowed, limit.found), ("disk_bytes", 100, 120));
    }
}
