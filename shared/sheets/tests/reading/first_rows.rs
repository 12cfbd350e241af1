//! The first rows of a file, and no more of it.

use filas_sheets::child::ReaderProgram;
use filas_sheets::{ReadOptions, SourceHint, first_rows};

#[test]
fn no_more_is_read_than_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody who reads on comes to an end without an error.
    let check = |name: &str, content: &str, wanted: usize, lines: &[&str], has_more: bool| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let hint = SourceHint { filename: Some(name.to_owned()), media_type: None };
        let first = first_rows(&path, &hint, &ReadOptions::default(), &ReaderProgram::this(), wanted).unwrap();
        let seen: Vec<&str> = std::str::from_utf8(&first.lines).unwrap().lines().collect();
        assert_eq!((seen.as_slice(), first.rows, first.has_more), (lines, lines.len(), has_more), "{name} {wanted}");
    };
    let csv = "id,n\nA,1\nB\nC,3\n";
    let lines = [
        r#"{"row":2,"record":{"id":"A","n":"1"}}"#,
        r#"{"row":3,"error":{"code":"RAGGED_ROW","message":"the line has 1 fields, the header has 2"}}"#,
        r#"{"row":4,"record":{"id":"C","n":"3"}}"#,
    ];
    check("a.csv", csv, 1, &lines[..1], true);
    check("a.csv", csv, 3, &lines, false);
    check("a.csv", csv, 9, &lines, false);
    check("a.json", r#"[{"id":"A"},{"id":"B"},{"id": broken"#, 1, &[r#"{"row":1,"record":{"id":"A"}}"#], true);
}

#[test]
fn a_file_that_is_refused_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    std::fs::write(&path, "no workbook").unwrap();
    let hint = SourceHint { filename: Some("a.xlsx".to_owned()), media_type: None };
    let refused = first_rows(&path, &hint, &ReadOptions::default(), &ReaderProgram::this(), 3).unwrap_err();
    assert_eq!(refused.problem().map(|problem| problem.code), Some("FORMAT_MISMATCH"));
}
