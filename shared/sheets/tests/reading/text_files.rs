//! csv, tsv, ndjson and JSON arrays.

use crate::collect::{read, read_with, records};
use filas_sheets::{Format, ReadOptions};

/// Row numbers and records, as text.
type Rows<'t> = &'t [(u32, &'t str)];

/// The records of a file; bad rows are checked apart.
fn check(name: &str, content: &[u8], expected: Result<Rows<'_>, &str>) {
    let outcome = read(content, name);
    let shown = String::from_utf8_lossy(content);
    assert_eq!(records(&outcome), expected.map(<[_]>::to_vec), "{name} {shown:?}: {outcome:?}");
}

#[test]
fn csv_becomes_records_of_text() {
    let all: &[(&str, &str, Rows<'_>)] = &[
        ("a.csv", "a,b\n1,x\n", &[(2, "{\"a\":\"1\",\"b\":\"x\"}")]),
        ("a.csv", "a,b\r\n01,\r\n", &[(2, "{\"a\":\"01\",\"b\":null}")]),
        ("a.csv", "a,b\r01,\"\"\r", &[(2, "{\"a\":\"01\",\"b\":null}")]),
        ("a.csv", " a , b \n1,2", &[(2, "{\"a\":\"1\",\"b\":\"2\"}")]),
        ("a.csv", "a;b\n1,5;2\n", &[(2, "{\"a\":\"1,5\",\"b\":\"2\"}")]),
        ("a.csv", "a|b\n1|2\n", &[(2, "{\"a\":\"1\",\"b\":\"2\"}")]),
        ("a.csv", "sep=;\na;b\n1;2\n", &[(3, "{\"a\":\"1\",\"b\":\"2\"}")]),
        ("a.tsv", "a\tb\n1\t2,3\n", &[(2, "{\"a\":\"1\",\"b\":\"2,3\"}")]),
        ("a.csv", "a\n\"x\ny\"\nz\n", &[(2, "{\"a\":\"x\\ny\"}"), (4, "{\"a\":\"z\"}")]),
        ("a.csv", "a\r\n\"x\r\ny\"\r\nz\r\n", &[(2, "{\"a\":\"x\\r\\ny\"}"), (4, "{\"a\":\"z\"}")]),
        ("a.csv", "a,b\n\n\n1,2\n,\n3,4", &[(4, "{\"a\":\"1\",\"b\":\"2\"}"), (6, "{\"a\":\"3\",\"b\":\"4\"}")]),
        ("a.csv", "\n\na\n1\n", &[(4, "{\"a\":\"1\"}")]),
        ("a.csv", "a\n\"he said \"\"hi\"\"\"\n", &[(2, "{\"a\":\"he said \\\"hi\\\"\"}")]),
        ("a.csv", "a,b,\n1,2,\n", &[(2, "{\"a\":\"1\",\"b\":\"2\"}")]),
        ("a.csv", "a,b\n\"1\",\"2\"", &[(2, "{\"a\":\"1\",\"b\":\"2\"}")]),
        ("a.csv", "a,b\n", &[]),
        ("a.csv", "a,b", &[]),
    ];
    for (name, content, expected) in all {
        check(name, content.as_bytes(), Ok(expected));
    }
}

#[test]
fn a_quote_before_a_formula_is_taken_away_in_a_file_that_filas_wrote_and_in_no_other() {
    for (content, expected) in [
        ("a,filas_code\n'=1+1,X\n", "{\"a\":\"=1+1\",\"filas_code\":\"X\"}"),
        ("a,filas_code\n'+49 170,X\n", "{\"a\":\"+49 170\",\"filas_code\":\"X\"}"),
        ("a,filas_code\n'tis,X\n", "{\"a\":\"'tis\",\"filas_code\":\"X\"}"),
        ("a,filas_code\n'-5,X\n", "{\"a\":\"'-5\",\"filas_code\":\"X\"}"),
        ("a,code\n'=1+1,X\n", "{\"a\":\"'=1+1\",\"code\":\"X\"}"),
    ] {
        check("a.csv", content.as_bytes(), Ok(&[(2, expected)]));
    }
}

#[test]
fn csv_that_cannot_be_read_is_refused() {
    for (content, code) in [
        ("\n \n", "FILE_EMPTY"),
        ("\n\n", "FILE_EMPTY"),
        ("a,,b\n1,2,3\n", "HEADER_EMPTY"),
        ("a,b, a\n", "HEADER_REPEATED"),
        ("a,b,\n1,2,3\n", "HEADER_EMPTY"),
        ("a,b\n1,\"open\n2,3\n", "FILE_CORRUPT"),
        ("a,b\n1,\"", "FILE_CORRUPT"),
    ] {
        // A header of one blank is no header.
        check("a.csv", content.as_bytes(), Err(code));
    }
    let error = read(b"a,b\nx,y\n1,\"open\n", "a.csv").unwrap_err();
    assert_eq!(error.problem().unwrap().row, Some(3));
}

#[test]
fn ragged_lines_are_bad_rows_with_their_line() {
    let content = "a,b\n1,2\n\"x\ny\"\n1,2,3\n,,\n4,5\n";
    let (summary, sink) = read(content.as_bytes(), "a.csv").unwrap();
    assert_eq!((summary.rows, summary.bad_rows), (2, 2));
    assert_eq!(sink.bad, [(3, "RAGGED_ROW".to_owned()), (5, "RAGGED_ROW".to_owned())]);
    assert_eq!(sink.rows[1].0, 7);
}

#[test]
fn encodings_are_told_apart() {
    let text = "name,city\nJosé,Zürich\n";
    let expected = Ok(vec![(2, "{\"name\":\"José\",\"city\":\"Zürich\"}")]);
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    for (what, bytes) in [
        ("utf-8", text.as_bytes().to_vec()),
        ("utf-8 with mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("utf-16 le with mark", [b"\xff\xfe".to_vec(), le.clone()].concat()),
        ("utf-16 be with mark", [b"\xfe\xff".to_vec(), be.clone()].concat()),
        ("utf-16 le", le),
        ("utf-16 be", be),
        ("windows-1252", latin),
    ] {
        assert_eq!(records(&read(&bytes, "a.csv")), expected, "{what}");
    }
    // An accent far behind the first block still tells, across the border of two blocks too.
    for padding in [65_530, 65_531, 65_532, 200_000] {
        let filler = "x".repeat(80);
        let mut long = String::from("name\n");
        while long.len() + 81 < padding {
            long.push_str(&filler);
            long.push('\n');
        }
        long.push_str(&"y".repeat(padding - long.len()));
        long.push_str("é\n");
        let outcome = read(long.as_bytes(), "a.csv").unwrap();
        assert!(outcome.1.rows.last().unwrap().1.ends_with("yé\"}") || padding > 65_532);
        let latin: Vec<u8> = long.chars().map(|c| c as u8).collect();
        assert_eq!(read(&latin, "a.csv").unwrap().1.rows, outcome.1.rows);
    }
}

#[test]
fn a_broken_byte_in_utf8_is_a_bad_row() {
    let content = b"name\nJos\xc3\xa9\nZo\xc3\xab\nbad\xff\nok\n";
    let (_, sink) = read(content, "a.csv").unwrap();
    assert_eq!(sink.bad, [(4, "INVALID_TEXT".to_owned())]);
    assert_eq!(sink.rows.len(), 3);
}

#[test]
fn the_header_line_can_be_chosen() {
    let options = ReadOptions { header_row: 3, ..ReadOptions::default() };
    let outcome = read_with(b"Report;;\n\na;b;c\n1;2;3\n", "a.csv", &options);
    assert_eq!(records(&outcome), Ok(vec![(4, "{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}")]));
}

#[test]
fn json_lines_are_kept_as_they_are() {
    let content = "\u{FEFF}{\"z\": 1.0, \"a\" : {\"b\": [1, 2]}}\r\n\n[1]\n{\"z\":\"x y\\n\\\"\"}\n{broken\n7\n{\"a\":1,\"a\":2}\n{\"s\":\"\\ud800\"}\n{\"n\":1e999}\n{}";
    let (summary, sink) = read(content.as_bytes(), "a.ndjson").unwrap();
    assert_eq!(summary.format, Format::Ndjson);
    assert_eq!(summary.columns, ["z", "a"]);
    let rows: Vec<(u32, &str)> = sink.rows.iter().map(|(row, text)| (*row, text.as_str())).collect();
    assert_eq!(rows, [(1, "{\"z\":1.0,\"a\":{\"b\":[1,2]}}"), (4, "{\"z\":\"x y\\n\\\"\"}"), (10, "{}")]);
    let bad: Vec<u32> = sink.bad.iter().map(|(row, _)| *row).collect();
    assert_eq!(bad, [3, 5, 6, 7, 8, 9]);
}

#[test]
fn json_arrays_are_read_element_by_element() {
    let one = "{\"a\":1}";
    let cases: &[(&str, Result<Rows<'_>, &str>)] = &[
        ("[]", Ok(&[])),
        (" [ ] ", Ok(&[])),
        ("[{\"a\":1}]", Ok(&[(1, one)])),
        ("\n[ {\"a\" : 1} ,\n 5, null, [\"]\"], \"},{\", {\"a\":\n1} ]\n", Ok(&[(1, one), (6, one)])),
        ("[{\"a\":\"]},{[\\\"\"}]", Ok(&[(1, "{\"a\":\"]},{[\\\"\"}")])),
        ("[{\"a\":1}", Err("FILE_CORRUPT")),
        ("[{\"a\":1},]", Err("FILE_CORRUPT")),
        ("[,{\"a\":1}]", Err("FILE_CORRUPT")),
        ("[{\"a\":1} {\"a\":2}]", Err("FILE_CORRUPT")),
        ("[{\"a\":1}] x", Err("FILE_CORRUPT")),
        ("[{\"a\":tru}]", Err("FILE_CORRUPT")),
        ("[{\"a\":1]]", Err("FILE_CORRUPT")),
        ("[}", Err("FILE_CORRUPT")),
        ("[\"open", Err("FILE_CORRUPT")),
        ("{\"a\":1}", Err("FILE_CORRUPT")),
        ("  ", Err("FILE_EMPTY")),
    ];
    for (content, expected) in cases {
        check("a.json", content.as_bytes(), *expected);
    }
    let (_, sink) = read(cases[3].0.as_bytes(), "a.json").unwrap();
    assert_eq!(sink.bad.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[test]
fn text_without_a_name_is_told_by_its_first_character() {
    for (content, format) in
        [("[{\"a\":1}]", Format::JsonArray), ("{\"a\":1}\n", Format::Ndjson), ("a,b\n", Format::Csv)]
    {
        assert_eq!(read(content.as_bytes(), "").unwrap().0.format, format);
    }
    check("a.ndjson", b"[\n{\"a\":1}\n]", Err("FORMAT_MISMATCH"));
}

#[test]
fn records_of_text_files_are_bounded() {
    let mut options = ReadOptions::default();
    options.limits.record_bytes = 50;
    let long = "x".repeat(100);
    for (name, content) in [
        ("a.csv", format!("a\n{long}\n")),
        ("a.csv", format!("a\n\"{long}")),
        ("a.ndjson", format!("{{\"a\":\"{long}\"}}\n")),
        ("a.ndjson", format!("{{\"a\":\"{long}")),
        ("a.json", format!("[{{\"a\":\"{long}\"}}]")),
        ("a.json", format!("[{{\"a\":\"{long}")),
    ] {
        let error = read_with(content.as_bytes(), name, &options).unwrap_err();
        assert_eq!(error.problem().unwrap().limit.as_ref().unwrap().name, "record_bytes", "{name} {error}");
    }
    let deep = format!("[{}", "[".repeat(1000));
    assert_eq!(read(deep.as_bytes(), "a.json").unwrap_err().problem().unwrap().limit.as_ref().unwrap().name, "nesting");
}
