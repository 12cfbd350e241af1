//! The zip container of xlsx, xlsb and ods, read with suspicion.
//!
//! The central directory is read and checked before any part is inflated: names once, entries that do not overlap,
//! local headers that say the same as the directory. A part is inflated as a stream that counts what comes out; a large
//! one on a thread of its own, a few buffers `ahead` of whoever reads it.

mod ahead;
mod directory;
mod part;

use std::collections::HashMap;
use std::fs::File;
use std::rc::Rc;

use ahead::AheadReader;
use part::Inflater;

use crate::error::{FileProblem, ReadError};
use crate::limits::{Budget, check};
use crate::source::ByteSource;

/// One entry of the container, after its checks.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    method: u16,
    crc: u32,
    compressed: u64,
    inflated: u64,
    encrypted: bool,
    header_start: u64,
    data_start: u64,
}

/// A checked container.
pub(crate) struct Archive<'a> {
    file: &'a File,
    budget: Rc<Budget>,
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
    /// Large parts are inflated on a thread of their own.
    reads_ahead: bool,
}

/// A part while it is read.
pub(crate) enum PartReader<'a> {
    Here(Box<Inflater<&'a File>>),
    Ahead(AheadReader),
}

impl ByteSource for PartReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        match self {
            Self::Here(part) => part.read(out),
            Self::Ahead(part) => part.read(out),
        }
    }
}

impl<'a> Archive<'a> {
    /// Reads and checks the central directory.
    pub(crate) fn open(file: &'a File, budget: Rc<Budget>) -> Result<Self, ReadError> {
        let mut entries = directory::read(file, &budget)?;
        directory::check_placement(file, &mut entries)?;
        let mut by_name = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            if by_name.insert(part_key(&entry.name), index).is_some() {
                return Err(FileProblem::hostile(format!("its container holds {:?} twice", entry.name)).into());
            }
        }
        Ok(Self { file, budget, entries, by_name, reads_ahead: false })
    }

    pub(crate) fn budget(&self) -> &Rc<Budget> {
        &self.budget
    }

    /// Has large parts inflated on a thread of their own from now on, if `wanted`.
    pub(crate) fn read_ahead(&mut self, wanted: bool) {
        self.reads_ahead = wanted;
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(&part_key(name))
    }

    /// Starts to inflate a part. The name is compared without regard to case or a leading slash.
    pub(crate) fn part(&self, name: &str) -> Result<PartReader<'a>, ReadError> {
        let Some(index) = self.by_name.get(&part_key(name)) else {
            return Err(FileProblem::corrupt(format!("its part {name:?} is missing")).into());
        };
        let entry = &self.entries[*index];
        let budget = Budget::clone(&self.budget);
        if self.reads_ahead && entry.inflated >= ahead::LEAST_BYTES {
            let file = self.file.try_clone().map_err(|source| ReadError::machine("open the uploaded file", source))?;
            return Ok(PartReader::Ahead(AheadReader::start(Inflater::new(file, entry, budget)?)?));
        }
        Ok(PartReader::Here(Box::new(Inflater::new(self.file, entry, budget)?)))
    }

    /// A small part as a whole, refused past `most` bytes.
    pub(crate) fn small_part(&self, name: &str, most: u64) -> Result<Vec<u8>, ReadError> {
        let mut part = self.part(name)?;
        let mut content = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            match part.read(&mut chunk)? {
                0 => return Ok(content),
                count => content.extend_from_slice(&chunk[..count]),
            }
            check("part_bytes", most, content.len() as u64)?;
        }
    }
}

/// Part names are compared as Office does: without case, with forward slashes, without the leading one.
fn part_key(name: &str) -> String {
    name.replace('\\', "/").trim_start_matches('/').to_lowercase()
}
