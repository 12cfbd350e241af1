//! The good files that mutants are made of.

use std::io;

use super::Kind;
use crate::workbooks::broken;
use crate::workbooks::random::{RandomSheet, by_hand, by_library, old_binary, other_formats};

/// Small files of a kind: every one is read in a fraction of a millisecond.
pub(super) fn files(kind: Kind) -> io::Result<Vec<Vec<u8>>> {
    let sheets = (0..12).map(|seed| RandomSheet::sized(seed, 7, 6));
    Ok(match kind {
        Kind::Xlsx => {
            let mut files: Vec<Vec<u8>> = (0..20)
                .map(|seed| by_hand::write(&RandomSheet::sized(seed, 7, 6), by_hand::Habits::new(seed)))
                .collect();
            for sheet in sheets.take(4) {
                files.push(library(&sheet)?);
            }
            files.push(broken::small_workbook());
            files
        }
        Kind::Xlsb => sheets.map(|sheet| other_formats::xlsb(&sheet).0).collect(),
        Kind::Ods => sheets.map(|sheet| other_formats::ods(&sheet).0).collect(),
        Kind::Xls => sheets.map(|sheet| old_binary::xls(&sheet)).collect(),
        Kind::Csv => sheets.map(|sheet| other_formats::csv(&sheet)).collect(),
        Kind::Json => sheets.flat_map(|sheet| other_formats::json(&sheet)).collect(),
    })
}

fn library(sheet: &RandomSheet) -> io::Result<Vec<u8>> {
    let file = tempfile::NamedTempFile::new()?;
    by_library::write(sheet, file.path()).map_err(io::Error::other)?;
    std::fs::read(file.path())
}
