//! Files that are not what they should be: each ends in its own error, quickly.

use std::time::{Duration, Instant};

use crate::collect::read;
use filas_sheets::{ReadError, ReadOptions, RowSink, SourceHint, read_rows};
use filas_testkit::workbooks::{OleBuilder, XlsxParts, broken};

#[test]
fn every_broken_file_has_its_error() {
    for file in broken::all() {
        let started = Instant::now();
        let outcome = read(&file.bytes, file.filename);
        let found = outcome.as_ref().err().map(ReadError::code);
        assert_eq!(found, file.code, "{}: {outcome:?}", file.what);
        if let Err(error) = &outcome {
            let problem = error.problem().unwrap();
            assert_eq!(problem.limit.as_ref().map(|limit| limit.name), file.limit, "{}", file.what);
            assert!(serde_json::from_str::<serde_json::Value>(&error.to_json()).unwrap()["message"].is_string());
        }
        // Generous: the slowest of them takes a fraction of this.
        assert!(started.elapsed() < Duration::from_secs(5), "{} took {:?}", file.what, started.elapsed());
    }
}

#[test]
fn a_header_alone_is_no_error() {
    let header_only = broken::all().into_iter().find(|file| file.what == "header only").unwrap();
    let (summary, sink) = read(&header_only.bytes, "a.xlsx").unwrap();
    assert_eq!((summary.rows, sink.columns.len(), summary.sheet.as_deref()), (0, 1, Some("Sheet1")));
}

/// Name, content, and the code of the error with words of its message.
type Case<'c> = (&'c str, &'c Vec<u8>, Result<(), (&'c str, &'c str)>);

#[test]
fn content_is_held_against_the_name() {
    let xlsx = broken::small_workbook();
    let docx = XlsxParts::new()
        .part("_rels/.rels", "<Relationships><Relationship Id=\"a\" Type=\"x/officeDocument\" Target=\"word/document.xml\"/></Relationships>")
        .part("word/document.xml", "<document/>")
        .build();
    let zip = XlsxParts::new().without("xl/workbook.xml").without("_rels/.rels").build();
    let ole = OleBuilder::new().stream("WordDocument", b"x").build();
    let png = b"\x89PNG\r\n\x1a\n0000".to_vec();
    let csv = b"a,b\n1,2\n".to_vec();
    let noise: Vec<u8> = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cases: Vec<Case<'_>> = vec![
        ("", &xlsx, Ok(())),
        ("report", &xlsx, Ok(())),
        ("a.XLSX", &xlsx, Ok(())),
        ("a.xlsm", &xlsx, Ok(())),
        ("a.dat", &xlsx, Ok(())),
        ("", &csv, Ok(())),
        ("a.txt", &csv, Ok(())),
        ("a.xlsb", &xlsx, Err(("FORMAT_MISMATCH", "an Excel workbook (xlsx)"))),
        ("a.ods", &xlsx, Err(("FORMAT_MISMATCH", "named .ods"))),
        ("a.json", &xlsx, Err(("FORMAT_MISMATCH", "xlsx"))),
        ("a.xls", &xlsx, Err(("FORMAT_MISMATCH", "xlsx"))),
        ("a.xlsx", &docx, Err(("FORMAT_MISMATCH", "a Word document"))),
        ("a.xlsx", &zip, Err(("FORMAT_MISMATCH", "a zip archive"))),
        ("", &zip, Err(("FORMAT_UNKNOWN", "a zip archive"))),
        ("a.xls", &ole, Err(("FORMAT_MISMATCH", "a Word document"))),
        ("a.csv", &png, Err(("FORMAT_MISMATCH", "a PNG image"))),
        ("", &png, Err(("FORMAT_UNKNOWN", "a PNG image"))),
        ("a.xlsx", &noise, Err(("FILE_CORRUPT", "not an Excel workbook"))),
        ("", &noise, Err(("FORMAT_UNKNOWN", "not known"))),
        ("a.xls", &csv, Err(("FORMAT_MISMATCH", "plain text"))),
    ];
    for (name, bytes, expected) in cases {
        match (read(bytes, name), expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err((code, words))) => {
                assert_eq!(error.code(), code, "{name}: {error}");
                assert!(error.to_string().contains(words), "{name}: {error}");
            }
            (found, expected) => panic!("{name}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn the_media_type_counts_when_there_is_no_ending() {
    let hint =
        SourceHint { filename: Some("upload".to_owned()), media_type: Some("text/csv; charset=utf-8".to_owned()) };
    let file = crate::collect::file_of(&broken::small_workbook());
    let error = read_rows(file, &hint, &ReadOptions::default(), &mut crate::collect::Collected::default()).unwrap_err();
    assert_eq!(error.code(), "FORMAT_MISMATCH");
    assert!(error.to_string().contains("text/csv"), "{error}");
}

/// Every truncation of a workbook, and every single damaged byte, is an error or the right rows: never a panic.
#[test]
fn damage_anywhere_is_an_error_of_the_file() {
    let good = broken::small_workbook();
    for length in 1..good.len() {
        let error = read(&good[..length], "a.xlsx").expect_err("a truncated file was read");
        assert!(!error.is_transient(), "{error}");
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x5A;
        match read(&bad, "a.xlsx") {
            Ok((_, sink)) => assert_eq!(sink.rows, [(2, "{\"id\":1}".to_owned())], "byte {at}"),
            Err(error) => assert!(!error.is_transient(), "{error}"),
        }
    }
}

struct FullDisk;

impl RowSink for FullDisk {
    fn columns(&mut self, _: &[String]) -> std::io::Result<()> {
        Ok(())
    }

    fn row(&mut self, _: u32, _: &[u8]) -> std::io::Result<()> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn bad_row(&mut self, _: u32, _: &str, _: &str) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn trouble_of_the_sink_is_no_fault_of_the_file() {
    let file = crate::collect::file_of(&broken::small_workbook());
    let error = read_rows(file, &SourceHint::default(), &ReadOptions::default(), &mut FullDisk).unwrap_err();
    assert!(error.is_transient());
    assert_eq!(error.code(), "MACHINE_TROUBLE");
}
