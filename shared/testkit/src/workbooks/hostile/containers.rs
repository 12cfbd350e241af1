//! Zip files that lie.

use super::{limit, named};
use crate::workbooks::broken::{Broken, small, small_workbook};
use crate::workbooks::{Lie, ZipBuilder};

const SHEET: &str = "xl/worksheets/sheet1.xml";

pub(super) fn all() -> Vec<Broken> {
    let refused = |what, zip: ZipBuilder| named("a.xlsx", what, zip.build(), "FILE_UNSAFE");
    let extra = |lie| small().zip().entry("x.xml", "<x/>").lie(lie);
    vec![
        refused("an entry twice", small().zip().entry("xl/workbook.xml", "<workbook/>")),
        refused("an entry twice in other letters", small().zip().entry("xl/WORKBOOK.xml", "<workbook/>")),
        refused("an entry twice by another slash", small().zip().entry("\\xl\\workbook.xml", "<workbook/>")),
        refused("overlapping entries", extra(Lie::SharesData)),
        refused("many entries on the same bytes", many_on_the_same()),
        refused("two sizes", extra(Lie::LocalSize(9))),
        refused("two names", extra(Lie::LocalName)),
        refused("larger than it says", lying(Lie::InflatedSize(10))),
        refused("smaller than it says", lying(Lie::InflatedSize(100_000))),
        refused("larger than the file", lying(Lie::CompressedSize(1 << 30))),
        named("a.xlsx", "wrong checksum", lying(Lie::Checksum).build(), "FILE_CORRUPT"),
        named("a.xlsx", "an unknown way to compress", lying(Lie::Method(99)).build(), "FILE_CORRUPT"),
        named("a.xlsx", "encrypted entry", lying(Lie::Encrypted).build(), "FILE_ENCRYPTED"),
        named("a.xlsx", "more entries than it says", with_count(-1), "FILE_UNSAFE"),
        named("a.xlsx", "fewer entries than it says", with_count(1), "FILE_CORRUPT"),
        limit("a.xlsx", "larger than a part may be", huge_on_paper(), "part_bytes"),
        limit("a.xlsx", "many entries", many_entries(), "archive_parts"),
        named(
            "a.xlsx",
            "a zip in a zip",
            ZipBuilder::new().entry("a.xlsx", small_workbook()).build(),
            "FORMAT_MISMATCH",
        ),
    ]
}

fn lying(lie: Lie) -> ZipBuilder {
    let sheet = "<worksheet><sheetData/></worksheet>";
    small().without(SHEET).zip().entry(SHEET, sheet).lie(lie)
}

/// The way of the bombs that hold petabytes: one stream of bytes, and a directory that names it again and again.
fn many_on_the_same() -> ZipBuilder {
    let zip = small().zip().entry("0.xml", " ".repeat(1 << 16));
    (1..200).fold(zip, |zip, number| zip.entry(&format!("{number}.xml"), " ".repeat(1 << 16)).lie(Lie::SharesData))
}

/// Four exabytes, by a field that has room for it.
fn huge_on_paper() -> Vec<u8> {
    let sheet = "<worksheet><sheetData/></worksheet>";
    let zip = small().without(SHEET).zip().zip64();
    zip.entry(SHEET, sheet).lie(Lie::InflatedSize64(1 << 62)).build()
}

fn many_entries() -> Vec<u8> {
    (0..20_000).fold(small().zip(), |zip, number| zip.entry(&format!("{number}"), "")).build()
}

/// A good workbook that miscounts its entries.
fn with_count(difference: i16) -> Vec<u8> {
    /// Where the counts stand before the end of the file.
    const COUNTS: [usize; 2] = [14, 12];
    let mut bytes = small_workbook();
    for from_end in COUNTS {
        let at = bytes.len() - from_end;
        let count = u16::from_le_bytes([bytes[at], bytes[at + 1]]).wrapping_add_signed(difference);
        bytes[at..at + 2].copy_from_slice(&count.to_le_bytes());
    }
    bytes
}
