//! Files that look dangerous and are not, and one that every reader reads in a process of its own.

use filas_testkit::workbooks::{XlsParts, XlsxParts, broken};

use crate::measured::cat;
use crate::{OnDisk, alone};

fn check(what: &str, name: &str, bytes: &[u8], rows: &str) {
    let run = cat(&OnDisk::new(name, bytes).path, 64);
    assert_eq!((run.code, run.stderr.as_str(), run.stdout_bytes), (Some(0), "", rows.len() as u64), "{what}: {run:?}");
}

#[test]
fn what_a_file_claims_of_itself_does_no_harm() {
    let _alone = alone();
    let header = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>id</t></is></c></row>";
    let last = XlsxParts::new().rows(&format!("{header}<row r=\"1048576\"><c r=\"A1048576\"><v>1</v></c></row>"));
    check("the last row of a sheet", "a.xlsx", &last.build(), "{\"id\":1}\n");
    check("four thousand million strings", "a.xlsx", &broken::false_unique_count(), "{\"id\":1}\n");
    let spaces = format!("[{}{{\"id\":1}}]", " ".repeat(4 << 20));
    check("white space in JSON", "a.json", spaces.as_bytes(), "{\"id\":1}\n");
    let strings = XlsParts::new().strings(&["id", "x"]).shared(0, 0, 0).shared(1, 0, 1);
    check("four thousand million strings in xls", "a.xls", &strings.build(), "{\"id\":\"x\"}\n");
}
