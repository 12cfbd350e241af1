//! One part of the container, inflated as a stream and counted on the way.

use std::borrow::Borrow;
use std::fs::File;

use flate2::{Decompress, FlushDecompress, Status};

use super::Entry;
use crate::error::{FileProblem, ReadError};
use crate::limits::{Budget, check};
use crate::source::{ByteSource, read_at};

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const INPUT_BYTES: usize = 64 << 10;

/// Inflates one part. The size and the checksum are compared at the end.
pub(crate) struct Inflater<F> {
    file: F,
    budget: Budget,
    name: String,
    inflater: Option<Decompress>,
    next_read: u64,
    compressed_left: u64,
    compressed: u64,
    input: Vec<u8>,
    input_start: usize,
    inflated: u64,
    stated_size: u64,
    stated_crc: u32,
    /// Not flate2's: without the processor's own instructions it takes a tenth of all time.
    crc: crc32fast::Hasher,
    ended: bool,
}

impl<F: Borrow<File>> Inflater<F> {
    pub(super) fn new(file: F, entry: &Entry, budget: Budget) -> Result<Self, ReadError> {
        if entry.encrypted {
            return Err(FileProblem::encrypted().into());
        }
        let inflater = match entry.method {
            STORED => None,
            DEFLATED => Some(Decompress::new(false)),
            other => {
                let detail = format!("the part {:?} is compressed in an unknown way ({other})", entry.name);
                return Err(FileProblem::corrupt(detail).into());
            }
        };
        check("part_bytes", budget.limits.part_bytes, entry.inflated)?;
        Ok(Self {
            file,
            budget,
            name: entry.name.clone(),
            inflater,
            next_read: entry.data_start,
            compressed_left: entry.compressed,
            compressed: entry.compressed,
            input: Vec::new(),
            input_start: 0,
            inflated: 0,
            stated_size: entry.inflated,
            stated_crc: entry.crc,
            crc: crc32fast::Hasher::new(),
            ended: false,
        })
    }

    /// Reads more compressed bytes when all were used.
    fn refill(&mut self) -> Result<(), ReadError> {
        if self.input_start < self.input.len() || self.compressed_left == 0 {
            return Ok(());
        }
        self.budget.check_time()?;
        let wanted = self.compressed_left.min(INPUT_BYTES as u64) as usize;
        self.input.resize(wanted, 0);
        let count = read_at(self.file.borrow(), self.next_read, &mut self.input)?;
        self.input.truncate(count);
        self.input_start = 0;
        self.next_read += count as u64;
        self.compressed_left -= count as u64;
        if count == 0 {
            return Err(self.corrupt("is cut off"));
        }
        Ok(())
    }

    fn inflate(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        loop {
            self.refill()?;
            let input = &self.input[self.input_start..];
            let Some(inflater) = &mut self.inflater else {
                let count = input.len().min(out.len());
                out[..count].copy_from_slice(&input[..count]);
                self.input_start += count;
                return Ok(count);
            };
            let (read_before, made_before) = (inflater.total_in(), inflater.total_out());
            let status = inflater.decompress(input, out, FlushDecompress::None);
            let used = (inflater.total_in() - read_before) as usize;
            let made = (inflater.total_out() - made_before) as usize;
            self.input_start += used;
            match status {
                Ok(Status::StreamEnd) => {
                    self.ended = true;
                    return Ok(made);
                }
                Ok(_) if made > 0 => return Ok(made),
                Ok(_) if used > 0 || (self.input_start == self.input.len() && self.compressed_left > 0) => {}
                Ok(_) => return Err(self.corrupt("is cut off")),
                Err(_) => return Err(self.corrupt("cannot be inflated")),
            }
        }
    }

    fn count(&mut self, fresh: &[u8]) -> Result<(), ReadError> {
        let limits = &self.budget.limits;
        self.inflated += fresh.len() as u64;
        if self.inflated > self.stated_size {
            return Err(FileProblem::hostile(format!("the part {:?} is larger than it says", self.name)).into());
        }
        check("part_bytes", limits.part_bytes, self.inflated)?;
        if self.inflated > limits.ratio_free_bytes {
            let ratio = self.inflated / self.compressed.max(1);
            check("compression_ratio", limits.compression_ratio, ratio)?;
        }
        self.budget.spend_inflated(fresh.len() as u64)?;
        self.crc.update(fresh);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ReadError> {
        self.ended = true;
        if self.inflated != self.stated_size {
            return Err(FileProblem::hostile(format!("the part {:?} is smaller than it says", self.name)).into());
        }
        if self.crc.clone().finalize() != self.stated_crc {
            return Err(self.corrupt("does not have its checksum"));
        }
        Ok(())
    }

    fn corrupt(&self, detail: &str) -> ReadError {
        FileProblem::corrupt(format!("its part {:?} {detail}", self.name)).into()
    }
}

impl<F: Borrow<File>> ByteSource for Inflater<F> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        if out.is_empty() {
            return Ok(0);
        }
        let stored_end = self.inflater.is_none() && self.inflated == self.compressed;
        if self.ended || stored_end {
            self.finish()?;
            return Ok(0);
        }
        let count = self.inflate(out)?;
        if count == 0 {
            self.finish()?;
            return Ok(0);
        }
        self.count(&out[..count])?;
        Ok(count)
    }
}
