//! What comes back from a child that does well.

use std::fs::File;

use filas_sheets::child::{ReaderProgram, needs_child, read_path};
use filas_sheets::{Format, ReadOptions, SheetChoice, SourceHint, read_rows};
use filas_testkit::workbooks::{XlsParts, XlsbParts, broken};

use crate::{Lines, OnDisk, Test, read_by};

pub const TESTS: &[Test] = &[
    ("rows_of_a_child_are_the_rows_of_the_file", rows_of_a_child_are_the_rows_of_the_file),
    ("a_child_is_told_how_to_read", a_child_is_told_how_to_read),
    ("the_errors_of_a_child_are_those_of_the_file", the_errors_of_a_child_are_those_of_the_file),
    ("only_what_others_read_needs_a_child", only_what_others_read_needs_a_child),
    ("many_rows_come_through_in_order", many_rows_come_through_in_order),
    ("a_sink_that_takes_no_more_ends_the_child", a_sink_that_takes_no_more_ends_the_child),
    ("a_path_need_not_be_text", a_path_need_not_be_text),
];

fn small() -> XlsParts {
    XlsParts::new().text(0, 0, "a").text(0, 1, "b").number(2, 0, 3.0).number(2, 1, 1.5).text(3, 0, "007")
}

fn rows_of_a_child_are_the_rows_of_the_file() {
    let file = OnDisk::new("a.xls", &small().build());
    let mut here = Lines::default();
    let hint = SourceHint::default();
    let expected = read_rows(File::open(&file.path).unwrap(), &hint, &ReadOptions::default(), &mut here).unwrap();
    let (summary, lines) = read_by(&ReaderProgram::this(), &file.path, &ReadOptions::default()).unwrap();
    assert_eq!(lines.rows, [(3, "{\"a\":3,\"b\":1.5}".to_owned()), (4, "{\"a\":\"007\",\"b\":null}".to_owned())]);
    assert_eq!(lines, here);
    assert_eq!(summary, expected);
}

fn a_child_is_told_how_to_read() {
    let titled = XlsParts::new().text(0, 0, "a title").text(1, 0, "id").number(2, 0, 1.0);
    let file = OnDisk::new("a.xls", &titled.build());
    let options = ReadOptions { header_row: 2, sheet: Some(SheetChoice::from("S0")), ..ReadOptions::default() };
    let (summary, lines) = read_by(&ReaderProgram::this(), &file.path, &options).unwrap();
    assert_eq!((summary.sheet.as_deref(), lines.rows), (Some("S0"), vec![(3, "{\"id\":1}".to_owned())]));
}

fn the_errors_of_a_child_are_those_of_the_file() {
    let check = |bytes: &[u8], change: fn(&mut ReadOptions), code: &str, limit: Option<&str>| {
        let file = OnDisk::new("a.xls", bytes);
        let mut options = ReadOptions::default();
        change(&mut options);
        let hint = SourceHint { filename: Some("a.xls".to_owned()), media_type: None };
        let here = read_rows(File::open(&file.path).unwrap(), &hint, &options, &mut Lines::default()).unwrap_err();
        let there = read_by(&ReaderProgram::this(), &file.path, &options).unwrap_err();
        assert_eq!(there.problem(), here.problem(), "{there} is not {here}");
        let found = there.problem().unwrap().limit.as_ref().map(|limit| limit.name);
        assert_eq!((there.code(), found), (code, limit), "{there}");
    };
    let far = XlsParts::new().text(0, 0, "a").number(65_535, 255, 1.0).build();
    check(&far, |_| {}, "LIMIT_EXCEEDED", Some("xls_cells"));
    check(&small().build(), |options| options.limits.columns = 1, "LIMIT_EXCEEDED", Some("columns"));
    check(&small().build(), |options| options.sheet = Some("x".into()), "SHEET_NOT_FOUND", None);
    let repeated = XlsParts::new().text(0, 0, "a").text(0, 2, "a");
    check(&repeated.build(), |_| {}, "HEADER_EMPTY", None);
    check(&small().build()[..2000], |_| {}, "FILE_CORRUPT", None);
}

fn only_what_others_read_needs_a_child() {
    assert!(needs_child(Format::Xls));
    for format in [Format::Xlsx, Format::Xlsb, Format::Ods, Format::Csv, Format::Tsv, Format::Ndjson, Format::JsonArray]
    {
        assert!(!needs_child(format), "{format}");
    }
    // Formats that need no child are read although the program cannot be one.
    let nobody = ReaderProgram::other("/nonexistent", [""; 0]);
    let xlsb = XlsbParts::new().row(1).text(0, "id").row(2).text(0, "x").build();
    for (name, bytes) in [("a.xlsx", broken::small_workbook()), ("a.xlsb", xlsb), ("a.csv", b"id\n1\n".to_vec())] {
        let file = OnDisk::new(name, &bytes);
        let mut lines = Lines::default();
        let summary = read_path(&file.path, &SourceHint::default(), &ReadOptions::default(), &nobody, &mut lines);
        assert_eq!(summary.unwrap().rows, 1, "{name}");
    }
}

fn many() -> OnDisk {
    let mut parts = XlsParts::new().text(0, 0, "id").text(0, 1, "note");
    for row in 1..=20_000 {
        parts = parts.number(row, 0, f64::from(row)).text(row, 1, "a note that takes some room in the pipe");
    }
    OnDisk::new("a.xls", &parts.build())
}

fn many_rows_come_through_in_order() {
    let (summary, lines) = read_by(&ReaderProgram::this(), &many().path, &ReadOptions::default()).unwrap();
    assert_eq!((summary.rows, lines.rows.len()), (20_000, 20_000));
    for (number, (row, record)) in (2..).zip(&lines.rows) {
        assert_eq!(*row, number);
        assert!(record.starts_with(&format!("{{\"id\":{},", number - 1)), "{record}");
    }
}

fn a_sink_that_takes_no_more_ends_the_child() {
    let mut lines = Lines { full_after: Some(3), ..Lines::default() };
    let (file, hint) = (many(), SourceHint::default());
    let read = read_path(&file.path, &hint, &ReadOptions::default(), &ReaderProgram::this(), &mut lines);
    let error = read.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(error.to_json().contains("cannot hand out a row"), "{}", error.to_json());
    assert_eq!(lines.rows.len(), 3);
}

#[cfg(target_os = "linux")]
fn a_path_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"a\xff\n \"b.xls"));
    std::fs::write(&path, small().build()).unwrap();
    assert_eq!(read_by(&ReaderProgram::this(), &path, &ReadOptions::default()).unwrap().0.rows, 2);
}

/// Names of files are text there.
#[cfg(not(target_os = "linux"))]
fn a_path_need_not_be_text() {}
