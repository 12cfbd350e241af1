//! Seeded random workbooks of every format, read by us and by calamine. A failure names the seed that repeats it:
//! `FILAS_SEED=… cargo test -p filas-sheets --test differential`.

use std::path::Path;

use filas_testkit::workbooks::random::by_hand::{self, Habits};
use filas_testkit::workbooks::random::{RandomSheet, Value, by_library, old_binary, other_formats};

use crate::cell::{Cell, ours_says, says, values};
use crate::explained::{assert_all_needed, compare};
use crate::{calamine_reader, ours};

const SEEDS: u64 = 300;

/// The seeds of this run: the given one, or all of them.
pub fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("FILAS_SEED") {
        Ok(seed) => vec![seed.parse().expect("FILAS_SEED is a number")],
        Err(_) => (0..count).collect(),
    }
}

/// Writes the sheet of each seed with `write`, and holds both readers against the truth.
fn check(extension: &str, calamine_fails: fn(u64) -> bool, write: impl Fn(u64, &Path) -> RandomSheet) {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for seed in seeds(SEEDS) {
        let path = folder.path().join(format!("{seed}.{extension}"));
        let truth = values(&write(seed, &path));
        let ours = ours::read(&path).and_then(|cells| compare(&format!("ours {extension}"), &truth, &cells, ours_says));
        let theirs = calamine_reader::read(&path)
            .and_then(|cells| compare(&format!("calamine {extension}"), &truth, &cells, says));
        wrong.extend(ours.err().map(|reason| format!("seed {seed}: {reason}")));
        match (theirs, calamine_fails(seed)) {
            (Err(reason), false) => wrong.push(format!("seed {seed}: {reason}")),
            (Ok(()), true) => wrong.push(format!("seed {seed}: calamine reads it, docs/SHEETS.md says it does not")),
            _ => {}
        }
        std::fs::remove_file(&path).unwrap();
    }
    let shown: Vec<&String> = wrong.iter().take(20).collect();
    assert!(wrong.is_empty(), "{} files are read wrongly:\n{shown:#?}", wrong.len());
    assert_all_needed(&[&format!("ours {extension}"), &format!("calamine {extension}")]);
}

fn never(_: u64) -> bool {
    false
}

#[test]
fn workbooks_with_the_habits_of_many_writers_are_read_as_they_were_meant() {
    let fails = |seed| {
        let habits = Habits::new(seed);
        habits.utf16
    };
    check("xlsx", fails, |seed, path| {
        let (sheet, habits) = (RandomSheet::new(seed), Habits::new(seed));
        let sheet = by_hand::truth(&sheet, habits);
        std::fs::write(path, by_hand::write(&sheet, habits)).unwrap();
        sheet
    });
}

#[test]
fn workbooks_of_a_library_are_read_as_they_were_written() {
    check("xlsx", never, |seed, path| {
        let sheet = RandomSheet::new(seed);
        by_library::write(&sheet, path).unwrap();
        sheet
    });
}

#[test]
fn binary_workbooks_are_read_as_they_were_written() {
    check("xlsb", never, |seed, path| {
        let (bytes, truth) = other_formats::xlsb(&RandomSheet::new(seed));
        std::fs::write(path, bytes).unwrap();
        truth
    });
}

#[test]
fn open_documents_are_read_as_they_were_written() {
    check("ods", never, |seed, path| {
        let (bytes, truth) = other_formats::ods(&RandomSheet::new(seed));
        std::fs::write(path, bytes).unwrap();
        truth
    });
}

#[test]
fn old_workbooks_are_read_as_they_were_written() {
    check("xls", never, |seed, path| {
        let sheet = RandomSheet::new(seed);
        std::fs::write(path, old_binary::xls(&sheet)).unwrap();
        sheet
    });
}

#[test]
fn values_of_a_csv_file_are_the_texts_between_its_commas() {
    let folder = tempfile::tempdir().unwrap();
    for seed in seeds(SEEDS) {
        let path = folder.path().join("a.csv");
        let sheet = RandomSheet::new(seed);
        std::fs::write(&path, other_formats::csv(&sheet)).unwrap();
        // A line break within a field moves the rows below it: the row is the line on which the record starts.
        let mut line = 2;
        let mut expected = Vec::new();
        for row in &sheet.rows {
            let fields: Vec<String> = row.iter().map(other_formats::field).collect();
            let breaks: usize = fields.iter().map(|field| field.matches('\n').count()).sum();
            if fields.iter().any(|field| !field.is_empty()) {
                expected.push((line, fields));
            }
            line += 1 + breaks as u32;
        }
        let found = ours::read(&path).unwrap_or_else(|reason| panic!("seed {seed}: {reason}"));
        for (line, fields) in expected {
            for (column, field) in (0..).zip(fields) {
                let text = match found.get(&(line, column)) {
                    Some(Cell::Text(text)) => text.as_str(),
                    None => "",
                    other => panic!("seed {seed} line {line} column {column}: {other:?}"),
                };
                assert_eq!(text, field, "seed {seed} line {line} column {column}");
            }
        }
    }
}

#[test]
fn a_wrong_cell_is_noticed() {
    let sheet = RandomSheet::new(5);
    let mut truth = values(&sheet);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    by_library::write(&sheet, &path).unwrap();
    let cells = ours::read(&path).unwrap();
    assert_eq!(compare("ours", &truth, &cells, ours_says), Ok(()));
    let place = *truth.keys().next_back().unwrap();
    truth.insert(place, Value::Number(0.123));
    assert!(compare("ours", &truth, &cells, ours_says).is_err());
    truth.remove(&place);
    assert!(compare("ours", &truth, &cells, ours_says).is_err());
}
