//! Files that were good before something happened to them: mutants, named by kind, seed and number.
//!
//! A mutant is made from a good file by damage that knows the format: the parts of a container are damaged inflated and
//! packed again with true sizes and checksums, so that the damage gets to the parser; the headers of the container, and
//! the bytes of the whole, are damaged in mutants of their own.
//!
//! * [`Kind`]: which format, and what it is called; [`Seeds`]: the good files of a kind, and the mutants made of them
//! * `xml`, `records`, `text`, `bytes`: damage; `container`: a zip taken apart and put together; `good`: the good files

mod bytes;
mod container;
mod good;
mod records;
mod text;
mod xml;

use std::io;

use super::OleBuilder;
use super::random::Dice;
use super::random::old_binary;
use container::Entry;
use records::Layout;

/// A format to be damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Office Open XML.
    Xlsx,
    /// The binary format within a zip container.
    Xlsb,
    /// The binary format within an OLE container.
    Xls,
    /// OpenDocument.
    Ods,
    /// Delimited text.
    Csv,
    /// JSON, as lines and as an array.
    Json,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Xlsx, Self::Xlsb, Self::Xls, Self::Ods, Self::Csv, Self::Json];

    /// The name, which is also the extension of a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Xlsb => "xlsb",
            Self::Xls => "xls",
            Self::Ods => "ods",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    /// The kind of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A good file, taken apart as far as its format allows.
enum Seed {
    Archive(Vec<Entry>),
    /// The workbook stream of an OLE container.
    Stream(Vec<u8>),
    Plain(Vec<u8>),
}

/// The good files of a kind.
pub struct Seeds {
    kind: Kind,
    seeds: Vec<Seed>,
}

impl Seeds {
    /// The good files that our own generators make.
    ///
    /// # Errors
    /// When one of them is not what it should be.
    pub fn new(kind: Kind) -> io::Result<Self> {
        let mut seeds = Self { kind, seeds: Vec::new() };
        for file in good::files(kind)? {
            seeds.add(&file)?;
        }
        Ok(seeds)
    }

    /// Adds a good file from elsewhere.
    ///
    /// # Errors
    /// When it cannot be taken apart.
    pub fn add(&mut self, file: &[u8]) -> io::Result<()> {
        let seed = match self.kind {
            Kind::Xlsx | Kind::Xlsb | Kind::Ods => Seed::Archive(container::entries(file)?),
            // A short stream lies elsewhere in its container: such a file is damaged as a whole.
            Kind::Xls => old_binary::stream_of(file).map_or_else(|| Seed::Plain(file.to_vec()), Seed::Stream),
            Kind::Csv | Kind::Json => Seed::Plain(file.to_vec()),
        };
        self.seeds.push(seed);
        Ok(())
    }

    /// The good files, put together again.
    pub fn files(&self) -> impl Iterator<Item = Vec<u8>> {
        self.seeds.iter().map(|seed| match seed {
            Seed::Archive(entries) => container::assemble(entries, &mut Dice::new(0, 0), 0),
            Seed::Stream(stream) => OleBuilder::new().stream("Workbook", stream).build(),
            Seed::Plain(bytes) => bytes.clone(),
        })
    }

    /// The mutant of a seed and a number: always the same bytes.
    pub fn mutant(&self, seed: u64, number: u64) -> Vec<u8> {
        let mut dice = Dice::new(seed, number);
        // A few acts of damage as a rule; many acts make files that fall at the first hurdle.
        let acts = if dice.once_in(10) { 2 + dice.below(12) } else { 1 + dice.below(3) };
        match &self.seeds[dice.below(self.seeds.len())] {
            Seed::Archive(entries) => self.archive(entries, acts, &mut dice),
            Seed::Stream(stream) => {
                let mut stream = stream.clone();
                let is_raw = dice.once_in(6);
                if !is_raw {
                    (0..acts).for_each(|_| records::damage(&mut stream, &mut dice, Layout::Biff));
                }
                let mut file = OleBuilder::new().stream("Workbook", &stream).build();
                if is_raw {
                    (0..acts).for_each(|_| bytes::damage(&mut file, &mut dice, &[]));
                }
                file
            }
            Seed::Plain(content) => {
                let mut content = content.clone();
                for _ in 0..acts {
                    match self.kind {
                        Kind::Json => text::damage_json(&mut content, &mut dice),
                        Kind::Csv => text::damage_csv(&mut content, &mut dice),
                        _ => bytes::damage(&mut content, &mut dice, &[]),
                    }
                }
                content
            }
        }
    }

    fn archive(&self, entries: &[Entry], acts: usize, dice: &mut Dice) -> Vec<u8> {
        match dice.below(16) {
            0 => {
                let mut file = container::assemble(entries, dice, 0);
                (0..acts).for_each(|_| bytes::damage(&mut file, dice, &[]));
                file
            }
            1 => container::assemble(entries, dice, acts),
            2 => {
                let mut entries = entries.to_vec();
                (0..acts).for_each(|_| shuffle(&mut entries, dice));
                container::assemble(&entries, dice, 0)
            }
            _ => {
                let mut entries = entries.to_vec();
                let mut left = acts;
                while left > 0 {
                    let here = 1 + dice.below(left);
                    left -= here;
                    self.damage_part(&mut entries, here, dice);
                }
                container::assemble(&entries, dice, 0)
            }
        }
    }

    fn damage_part(&self, entries: &mut [Entry], acts: usize, dice: &mut Dice) {
        let index = pick_part(entries, dice);
        let Some(entry) = entries.get_mut(index) else { return };
        let mut content = entry.content.to_vec();
        for _ in 0..acts {
            if entry.name.ends_with(".bin") {
                records::damage(&mut content, dice, Layout::Xlsb);
            } else {
                xml::damage(&mut content, dice);
            }
        }
        entry.set(&content, dice);
    }
}

/// A part, most often one with many cells or texts: the others are a few fixed lines.
fn pick_part(entries: &[Entry], dice: &mut Dice) -> usize {
    let is_rich = |name: &str| ["sheet1.", "sharedStrings.", "content.xml"].iter().any(|rich| name.contains(rich));
    for _ in 0..3 {
        let index = dice.below(entries.len());
        if entries.get(index).is_some_and(|entry| is_rich(&entry.name)) || dice.once_in(4) {
            return index;
        }
    }
    dice.below(entries.len())
}

/// Leaves an entry out, gives it twice, or lets two change their contents.
fn shuffle(entries: &mut Vec<Entry>, dice: &mut Dice) {
    if entries.is_empty() {
        return;
    }
    let (one, other) = (dice.below(entries.len()), dice.below(entries.len()));
    match dice.below(4) {
        0 => drop(entries.remove(one)),
        1 => entries.insert(other, entries[one].clone()),
        2 => {
            let name = entries[one].name.clone();
            entries[one].name = std::mem::replace(&mut entries[other].name, name);
        }
        _ => {
            let mut name = std::mem::take(&mut entries[one].name).into_bytes();
            bytes::damage(&mut name, dice, &[b"/", b"../", b"\\", b"\0"]);
            name.truncate(300);
            entries[one].name = String::from_utf8_lossy(&name).into_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_seeds_and_its_mutants_have_names() {
        for kind in Kind::ALL {
            let seeds = Seeds::new(kind).unwrap();
            assert!(seeds.seeds.len() >= 3, "{kind:?}");
            let good: Vec<Vec<u8>> = seeds.files().collect();
            assert!(good.iter().all(|file| file.len() < 64 * 1024), "{kind:?}: a seed is too large");
            let mut changed = 0;
            for number in 0..500 {
                let mutant = seeds.mutant(1, number);
                assert_eq!(mutant, seeds.mutant(1, number), "{kind:?} {number}");
                assert!(mutant.len() < 4 << 20, "{kind:?} {number}: {} bytes", mutant.len());
                changed += usize::from(!good.contains(&mutant));
            }
            assert!(changed > 400, "{kind:?}: {changed}");
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
    }
}
