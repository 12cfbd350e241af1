//! A second thread that inflates ahead changes nothing but the time; strings on disk change nothing at all.

use std::time::{Duration, Instant};

use crate::collect::{Collected, Outcome, file_of, read_into, read_with};
use filas_sheets::{ReadAhead, ReadOptions, RowSink, SourceHint, read_rows};
use filas_testkit::workbooks::{Lie, XlsxParts, orders};

const HEADER: &str = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>v</t></is></c></row>";
const SHEET: &str = "xl/worksheets/sheet1.xml";

fn options(read_ahead: ReadAhead) -> ReadOptions {
    ReadOptions { read_ahead, ..ReadOptions::default() }
}

/// Enough rows for more inflated bytes than all buffers of the thread hold, each with a text of its own.
fn many_rows() -> String {
    let cell =
        |n: u32| format!("<row><c t=\"inlineStr\"><is><t>text {}</t></is></c></row>", n.wrapping_mul(2_654_435_761));
    HEADER.to_owned() + &(0..60_000).map(cell).collect::<String>()
}

fn told(outcome: Outcome) -> Result<Collected, String> {
    outcome.map(|(_, sink)| sink).map_err(|error| error.to_json())
}

#[test]
fn one_thread_and_two_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    orders(&folder.path().join("a.xlsx"), 20_000, 3).unwrap();
    let bytes = std::fs::read(folder.path().join("a.xlsx")).unwrap();
    let one = told(read_with(&bytes, "a.xlsx", &options(ReadAhead::Never))).unwrap();
    let two = told(read_with(&bytes, "a.xlsx", &options(ReadAhead::Always))).unwrap();
    assert_eq!(one.rows.len(), 20_000);
    assert!(one == two);
    let mut few_in_memory = options(ReadAhead::Always);
    few_in_memory.limits.shared_string_memory_bytes = 10_000;
    assert!(one == told(read_with(&bytes, "a.xlsx", &few_in_memory)).unwrap());
}

#[test]
fn one_thread_and_two_have_the_same_errors() {
    let rows = many_rows();
    let good = XlsxParts::new().rows(&rows);
    let torn = rows.replacen("<row><c t=\"inlineStr\"><is><t>text 0<", "<row></c><", 1);
    let lying = |lie| good.zip().lie(lie).build();
    // The sheet is the last of the parts, so that it is the one that lies.
    assert!(good.build().windows(SHEET.len()).any(|window| window == SHEET.as_bytes()));
    for (what, bytes) in [
        ("checksum", lying(Lie::Checksum)),
        ("larger than it says", lying(Lie::InflatedSize(2_000_000))),
        ("smaller than it says", lying(Lie::InflatedSize(200_000_000))),
        ("not XML", XlsxParts::new().rows(&torn).build()),
        ("rows", XlsxParts::new().rows(&format!("{rows}<row r=\"2000000\"/>")).build()),
    ] {
        for can_restart in [false, true] {
            let outcome = |read_ahead| {
                let sink = Collected { can_restart, ..Collected::default() };
                told(read_into(sink, &bytes, "a.xlsx", &options(read_ahead)))
            };
            let one = outcome(ReadAhead::Never).expect_err(what);
            assert_eq!(outcome(ReadAhead::Always).expect_err(what), one, "{what}");
        }
    }
}

/// Fails at the second row.
struct SoonFull(u32);

impl RowSink for SoonFull {
    fn columns(&mut self, _: &[String]) -> std::io::Result<()> {
        Ok(())
    }

    fn row(&mut self, _: u32, _: &[u8]) -> std::io::Result<()> {
        self.0 += 1;
        if self.0 < 2 { Ok(()) } else { Err(std::io::ErrorKind::StorageFull.into()) }
    }

    fn bad_row(&mut self, _: u32, _: &str, _: &str) -> std::io::Result<()> {
        Ok(())
    }

    fn can_restart(&self) -> bool {
        true
    }
}

#[test]
fn a_reading_that_ends_early_ends_its_thread() {
    let bytes = XlsxParts::new().rows(&many_rows()).build();
    let started = Instant::now();
    for _ in 0..20 {
        let options = options(ReadAhead::Always);
        let error = read_rows(file_of(&bytes), &SourceHint::default(), &options, &mut SoonFull(0)).unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
    // Each takes milliseconds; a thread that hung would hang the test.
    assert!(started.elapsed() < Duration::from_secs(60));
}
