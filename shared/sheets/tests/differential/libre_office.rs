//! Files that LibreOffice wrote, kept in tests/fixtures, whose README says how they were made.

use std::path::{Path, PathBuf};

use filas_testkit::workbooks::random::{RandomSheet, Value};

use crate::cell::{Cell, ours_says, says, values};
use crate::explained::{assert_all_needed, compare};
use crate::{calamine_reader, ours};

const SEEDS: [u64; 4] = [901, 902, 903, 904];

fn fixture(seed: u64, extension: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/libreoffice-{seed}.{extension}"))
}

/// The sheet as LibreOffice keeps it: errors are computed anew, line breaks are line feeds, and numbers have 15 digits
/// but in xls.
fn truth(seed: u64, extension: &str) -> RandomSheet {
    let mut sheet = RandomSheet::sized(seed, 8, 14);
    for value in sheet.rows.iter_mut().flatten() {
        match value {
            Value::Error(code) => *code = "#DIV/0!",
            Value::Text(text) => *text = text.replace("\r\n", "\n"),
            Value::Number(number) if extension != "xls" => *number = format!("{number:.14e}").parse().unwrap(),
            // A truth value from xlsx becomes the formula TRUE() or FALSE(), which in ods has the type of a number.
            Value::Bool(truth) if extension == "ods" => *value = Value::Number(f64::from(u8::from(*truth))),
            _ => {}
        }
    }
    sheet
}

fn check(extension: &str) {
    let mut wrong = Vec::new();
    for seed in SEEDS {
        let (path, truth) = (fixture(seed, extension), values(&truth(seed, extension)));
        let ours = ours::read(&path).and_then(|cells| compare(&format!("ours {extension}"), &truth, &cells, ours_says));
        wrong.extend(ours.err().map(|reason| format!("seed {seed}: {reason}")));
        let theirs = calamine_reader::read(&path);
        let theirs = theirs.and_then(|cells| compare(&format!("calamine {extension}"), &truth, &cells, says));
        wrong.extend(theirs.err().map(|reason| format!("seed {seed}: {reason}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn workbooks_of_libre_office_are_read_as_they_were_meant() {
    check("xlsx");
}

#[test]
fn open_documents_of_libre_office_are_read_as_they_were_meant() {
    check("ods");
    assert_all_needed(&["calamine ods"]);
}

#[test]
fn old_workbooks_of_libre_office_are_read_as_they_were_meant() {
    check("xls");
}

#[test]
fn texts_of_a_csv_file_of_libre_office_are_those_of_the_sheet() {
    let mut texts = 0;
    for seed in SEEDS {
        let found = ours::read(&fixture(seed, "csv")).unwrap();
        // A line break within a text moves the rows below it, so each text is looked for in its column.
        for ((_, column), value) in values(&truth(seed, "csv")) {
            let Value::Text(text) = value else { continue };
            let is_there = found.iter().any(|((_, at), cell)| *at == column && *cell == Cell::Text(text.clone()));
            assert!(is_there, "seed {seed} column {column}: {text:?} is missing");
            texts += 1;
        }
    }
    assert!(texts > 40, "the files have {texts} texts");
}
