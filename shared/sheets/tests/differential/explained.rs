//! The table of differences: where another reader, or a format, says something else than the truth, and why.
//!
//! docs/SHEETS.md shows the same table to people; a test holds the two together.

use std::cell::RefCell;
use std::collections::BTreeMap;

use filas_testkit::workbooks::random::Value;

use crate::cell::{Cell, Cells};

/// One difference between a reader and the truth.
pub struct Explained {
    /// Whose difference it is.
    pub reader: &'static str,
    /// What it is, as docs/SHEETS.md says it.
    pub what: &'static str,
    /// True when a cell differs in this way; a cell may be missing, or there without a value.
    pub covers: fn(Option<&Value>, Option<&Cell>) -> bool,
}

/// All of them.
pub const TABLE: &[Explained] = &[
    Explained {
        reader: "calamine ods",
        what: "an error cell of ods is text",
        covers: |value, cell| matches!((value, cell), (Some(Value::Error(code)), Some(Cell::Text(text))) if *code == text.as_str()),
    },
    Explained {
        reader: "ours ods",
        what: "elapsed time below 24 hours in ods is a time of day",
        covers: |value, cell| {
            let Some(Value::Elapsed(minutes @ 0..1440)) = value else { return false };
            cell == Some(&Cell::Text(format!("{:02}:{:02}:00", minutes / 60, minutes % 60)))
        },
    },
    Explained {
        reader: "openpyxl",
        what: "escapes such as _x000D_ are left in the text",
        covers: |value, cell| {
            let (Some(Value::Text(text)), Some(Cell::Text(found))) = (value, cell) else { return false };
            // Only _x005F_ is taken away, so what looks like an escape may be one, or a text.
            text != found && [text.as_str(), &without_escapes(text)].contains(&without_escapes(found).as_str())
        },
    },
    Explained {
        reader: "openpyxl",
        what: "white space alone counts even without xml:space",
        covers: |value, cell| {
            let Some(Cell::Text(found)) = cell else { return false };
            let kept = match value {
                Some(Value::Text(text)) => text.as_str(),
                Some(_) => return false,
                None => "",
            };
            found.trim().is_empty() && found.trim_matches([' ', '\t', '\n']) == kept
        },
    },
    Explained {
        reader: "pyxlsb",
        what: "texts that are not shared are not seen",
        covers: |value, cell| matches!((value, cell), (Some(Value::Text(_)), None)),
    },
    Explained {
        reader: "pyxlsb",
        what: "dates and times are plain numbers",
        covers: |value, cell| matches!((value.and_then(Value::serial), cell), (Some(serial), Some(Cell::Number(found))) if serial == *found),
    },
    Explained {
        reader: "pyxlsb",
        what: "errors are texts with the number of the error",
        covers: |value, cell| {
            let (Some(Value::Error(code)), Some(Cell::Text(found))) = (value, cell) else { return false };
            let codes = [
                ("#NULL!", "0x0"),
                ("#DIV/0!", "0x7"),
                ("#VALUE!", "0xf"),
                ("#REF!", "0x17"),
                ("#NAME?", "0x1d"),
                ("#NUM!", "0x24"),
                ("#N/A", "0x2a"),
            ];
            codes.contains(&(*code, found.as_str()))
        },
    },
];

/// A text without escapes of the form `_xHHHH_` (ECMA-376 22.9.2.19).
pub fn without_escapes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6).filter(|_| rest[at + 6..].starts_with('_'));
        let character = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        out.push_str(&rest[..at]);
        match character {
            Some(character) => {
                out.push(character);
                rest = &rest[at + 7..];
            }
            None => {
                out.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    out + rest
}

thread_local! {
    static SEEN: RefCell<BTreeMap<&'static str, u32>> = const { RefCell::new(BTreeMap::new()) };
}

/// Compares what a reader found with the truth; the difference when it is not in the table.
pub fn compare(
    reader: &str,
    truth: &BTreeMap<(u32, u32), Value>,
    found: &Cells,
    says: fn(&Cell, &Value) -> bool,
) -> Result<(), String> {
    let places = truth.keys().chain(found.keys()).collect::<std::collections::BTreeSet<_>>();
    for place in places {
        let (value, cell) = (truth.get(place), found.get(place));
        let is_right = match (value, cell) {
            (Some(value), Some(cell)) => says(cell, value),
            (None, None) => true,
            _ => false,
        };
        if is_right {
            continue;
        }
        match TABLE.iter().find(|row| row.reader == reader && (row.covers)(value, cell)) {
            Some(row) => SEEN.with_borrow_mut(|seen| *seen.entry(row.what).or_default() += 1),
            None => return Err(format!("{reader}: row {} column {}: {cell:?}, not {value:?}", place.0, place.1)),
        }
    }
    Ok(())
}

/// Fails when a row of the table was not needed by this test for one of these readers: then it is not true any more.
/// A run for one seed need not have all of them.
pub fn assert_all_needed(readers: &[&str]) {
    if std::env::var_os("FILAS_SEED").is_some() {
        return;
    }
    for row in TABLE.iter().filter(|row| readers.contains(&row.reader)) {
        let is_needed = SEEN.with_borrow(|seen| seen.contains_key(row.what));
        assert!(is_needed, "{} no longer differs: {}", row.reader, row.what);
    }
}

#[test]
fn the_table_for_people_has_every_row_of_this_one() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SHEETS.md");
    let page = std::fs::read_to_string(page).unwrap();
    for row in TABLE {
        // "ours ods" is written "ours, ods" there.
        let start = format!("| {} | {} |", row.reader.replace(' ', ", "), row.what);
        assert!(page.contains(&start), "docs/SHEETS.md has no row {start}");
    }
}
