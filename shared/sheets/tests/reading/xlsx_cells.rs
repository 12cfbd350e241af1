//! What one cell, one row, one workbook part becomes.

use crate::collect::{read, read_sheet, read_with, records};
use filas_sheets::{Limits, ReadOptions};
use filas_testkit::workbooks::XlsxParts;

const HEADER: &str = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>v</t></is></c></row>";

fn sheet(rows: &str) -> XlsxParts {
    XlsxParts::new().rows(&format!("{HEADER}{rows}"))
}

/// One cell in A2 of a workbook becomes this value; `Err` is the code of the error.
fn check_cell(parts: XlsxParts, cell: &str, expected: Result<&str, &str>) {
    let xml = format!("{HEADER}<row r=\"2\">{cell}<c r=\"A3\" x=\"\"/></row>").replace("<c r=\"A3\" x=\"\"/>", "");
    let outcome = read(&parts.rows(&xml).build(), "a.xlsx");
    let record = expected.map(|value| vec![(2, format!("{{\"v\":{value}}}"))]);
    let found = records(&outcome).map(|rows| rows.into_iter().map(|(row, text)| (row, text.to_owned())).collect());
    assert_eq!(found, record, "{cell}: {outcome:?}");
}

#[test]
fn cells_keep_their_meaning() {
    let strings = "<si><t>00123</t></si><si><t></t></si><si><r><t>rich</t></r><r><rPr><b/></rPr><t xml:space=\"preserve\"> text</t></r>\
                   <rPh sb=\"0\" eb=\"1\"><t>furi</t></rPh></si><si><t> trimmed </t></si><si><t xml:space=\"preserve\"> kept </t></si>\
                   <si><t>a_x000D_&amp;&#233;</t></si>";
    for (cell, expected) in [
        ("<c r=\"A2\"><v>3</v></c>", Ok("3")),
        ("<c r=\"A2\"><v>3.0</v></c>", Ok("3")),
        ("<c r=\"A2\"><v>-0</v></c>", Ok("0")),
        ("<c r=\"A2\"><v>0.1</v></c>", Ok("0.1")),
        ("<c r=\"A2\"><v>0.10000000000000001</v></c>", Ok("0.1")),
        ("<c r=\"A2\"><v>1E3</v></c>", Ok("1000")),
        ("<c r=\"A2\"><v>1.5E-3</v></c>", Ok("0.0015")),
        ("<c r=\"A2\"><v>1e20</v></c>", Ok("100000000000000000000")),
        ("<c r=\"A2\"><v> 7 </v></c>", Ok("7")),
        ("<c r=\"A2\" t=\"n\"><f>1+1</f><v>2</v></c>", Ok("2")),
        ("<c r=\"A2\"><v>abc</v></c>", Err("FILE_CORRUPT")),
        ("<c r=\"A2\"><v>NaN</v></c>", Err("FILE_CORRUPT")),
        ("<c r=\"A2\"><v>inf</v></c>", Err("FILE_CORRUPT")),
        ("<c r=\"A2\" t=\"s\"><v>0</v></c>", Ok("\"00123\"")),
        ("<c r=\"A2\" t=\"s\"><v>2</v></c>", Ok("\"rich text\"")),
        ("<c r=\"A2\" t=\"s\"><v>3</v></c>", Ok("\"trimmed\"")),
        ("<c r=\"A2\" t=\"s\"><v>4</v></c>", Ok("\" kept \"")),
        ("<c r=\"A2\" t=\"s\"><v>5</v></c>", Ok("\"a\\r&é\"")),
        ("<c r=\"A2\" t=\"s\"><v>99</v></c>", Err("FILE_CORRUPT")),
        ("<c r=\"A2\" t=\"inlineStr\"><is><t>in</t><r><t>line</t></r></is></c>", Ok("\"inline\"")),
        ("<c r=\"A2\" t=\"inlineStr\"><is><t><![CDATA[<a&b>]]></t></is></c>", Ok("\"<a&b>\"")),
        ("<c r=\"A2\" t=\"inlineStr\"><is><t>a<!-- no -->b</t></is></c>", Ok("\"ab\"")),
        ("<c r=\"A2\" t=\"inlineStr\"><is><t>&nbsp;</t></is></c>", Err("FILE_CORRUPT")),
        ("<c r=\"A2\" t=\"str\"><f>A1&amp;\"x\"</f><v>007</v></c>", Ok("\"007\"")),
        ("<c r=\"A2\" t=\"b\"><v>1</v></c>", Ok("true")),
        ("<c r=\"A2\" t=\"b\"><v>0</v></c>", Ok("false")),
        ("<c r=\"A2\" t=\"e\"><v>#N/A</v></c>", Ok("{\"error\":\"#N/A\"}")),
        ("<c r=\"A2\" t=\"e\"><v>#DIV/0!</v></c>", Ok("{\"error\":\"#DIV/0!\"}")),
        ("<c r=\"A2\" t=\"zzz\"><v>1</v></c>", Err("FILE_CORRUPT")),
        ("<c r=\"A2\" s=\"1\"><v>45352</v></c>", Ok("\"2024-03-01\"")),
        ("<c r=\"A2\" s=\"5\"><v>45352</v></c>", Ok("\"2024-03-01\"")),
        ("<c r=\"A2\" s=\"1\"><v>45352.5</v></c>", Ok("\"2024-03-01T12:00:00\"")),
        ("<c r=\"A2\" s=\"2\"><v>45352</v></c>", Ok("\"2024-03-01T00:00:00\"")),
        ("<c r=\"A2\" s=\"2\"><v>45352.520833333299</v></c>", Ok("\"2024-03-01T12:30:00\"")),
        ("<c r=\"A2\" s=\"3\"><v>0.52083333333333337</v></c>", Ok("\"12:30:00\"")),
        ("<c r=\"A2\" s=\"4\"><v>1.1041666666666667</v></c>", Ok("\"PT26H30M\"")),
        ("<c r=\"A2\" s=\"1\"><v>-5</v></c>", Ok("-5")),
        ("<c r=\"A2\" s=\"1\" t=\"s\"><v>0</v></c>", Ok("\"00123\"")),
        ("<c r=\"A2\" s=\"999\"><v>4</v></c>", Ok("4")),
        ("<c r=\"A2\" t=\"d\" s=\"1\"><v>2024-03-01T00:00:00.000</v></c>", Ok("\"2024-03-01\"")),
        ("<c r=\"A2\" t=\"d\" s=\"2\"><v>2024-03-01T12:30:00Z</v></c>", Ok("\"2024-03-01T12:30:00\"")),
        ("<c><v>5</v></c>", Ok("5")),
        ("<c r=\"A3\"><v>5</v></c>", Err("FILE_CORRUPT")),
        ("<c r=\"2\"><v>5</v></c>", Err("FILE_CORRUPT")),
        ("<c r=\"B2\"><v>5</v></c>", Err("HEADER_EMPTY")),
        ("<c r=\"A2\"><v>1</v></c><c r=\"B2\" t=\"str\"><v></v></c>", Ok("1")),
        ("<c r=\"A2\"><v>1</v><extLst><ext><v>9</v></ext></extLst></c>", Ok("1")),
    ] {
        check_cell(XlsxParts::new().shared_strings(strings), cell, expected);
    }
}

#[test]
fn the_1904_date_system_is_known() {
    let parts = XlsxParts::new()
        .workbook_with("<workbookPr date1904=\"1\"/>", "<sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/>");
    check_cell(parts, "<c r=\"A2\" s=\"1\"><v>43890</v></c>", Ok("\"2024-03-01\""));
}

#[test]
fn empty_text_and_no_cell_are_distinct_and_blank_rows_are_skipped() {
    let rows = "<row r=\"1\"><c t=\"str\"><v> a </v></c><c t=\"str\"><v>b</v></c><c t=\"str\"><v>c</v></c></row>\
                <row r=\"3\"><c r=\"C3\"><v>1</v></c><c r=\"A3\" t=\"str\"><v></v></c></row>\
                <row r=\"4\"><c r=\"A4\"/><c r=\"B4\" s=\"1\"/></row>\
                <row r=\"5\"><c r=\"A5\" t=\"inlineStr\"><is><t></t></is></c></row>\
                <row><c><v>1</v></c></row>";
    let outcome = read(&XlsxParts::new().rows(rows).build(), "a.xlsx");
    let expected = vec![(3, "{\"a\":\"\",\"b\":null,\"c\":1}"), (6, "{\"a\":1,\"b\":null,\"c\":null}")];
    assert_eq!(records(&outcome), Ok(expected));
}

#[test]
fn headers_are_named_or_refused() {
    let header = |cells: &[(&str, &str)]| -> String {
        cells.iter().map(|(place, name)| format!("<c r=\"{place}1\" t=\"str\"><v>{name}</v></c>")).collect()
    };
    for (cells, data, expected) in [
        (vec![("A", "a"), ("B", "b")], "", Ok(())),
        (vec![("B", "a"), ("C", "b")], "", Ok(())),
        (vec![("A", "a"), ("C", "b")], "", Err(("HEADER_EMPTY", "column B"))),
        (vec![("A", "a"), ("B", "  "), ("E", "b")], "", Err(("HEADER_EMPTY", "columns B, C, D"))),
        (vec![("A", "a"), ("B", "b"), ("C", " a")], "", Err(("HEADER_REPEATED", "\"a\" in columns A, C"))),
        (vec![("B", "a")], "<c r=\"A2\"><v>1</v></c>", Err(("HEADER_EMPTY", "column A"))),
        (vec![("A", "a")], "<c r=\"AB2\"><v>1</v></c>", Err(("HEADER_EMPTY", "column AB"))),
        (vec![], "<c r=\"A2\"><v>1</v></c>", Err(("HEADER_EMPTY", "row 1"))),
        (vec![], "", Err(("FILE_EMPTY", "no cells"))),
    ] {
        let xml = format!("<row r=\"1\">{}</row><row r=\"2\">{data}</row>", header(&cells));
        let found = read(&XlsxParts::new().rows(&xml).build(), "a.xlsx");
        match (found, expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err((code, words))) => {
                assert_eq!(error.code(), code, "{error}");
                assert!(error.to_string().contains(words), "{error}");
            }
            (found, expected) => panic!("{cells:?}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn header_values_of_other_types_are_names_and_the_header_row_can_be_chosen() {
    let rows = "<row r=\"1\"><c t=\"str\"><v>Report</v></c></row>\
                <row r=\"3\"><c><v>2024</v></c><c s=\"1\"><v>45352</v></c><c t=\"b\"><v>1</v></c></row>\
                <row r=\"4\"><c><v>1</v></c></row>";
    let options = ReadOptions { header_row: 3, ..ReadOptions::default() };
    let (summary, sink) = read_with(&XlsxParts::new().rows(rows).build(), "a.xlsx", &options).unwrap();
    assert_eq!(summary.columns, ["2024", "2024-03-01", "true"]);
    assert_eq!(sink.rows, [(4, "{\"2024\":1,\"2024-03-01\":null,\"true\":null}".to_owned())]);
}

#[test]
fn sheets_are_chosen_by_name_and_by_number() {
    let row = |value: u32| format!("{HEADER}<row><c><v>{value}</v></c></row>");
    let bytes = XlsxParts::new()
        .workbook(
            "<sheet name=\"Hidden\" sheetId=\"1\" state=\"hidden\" r:id=\"rId1\"/><sheet name=\"Chart\" sheetId=\"9\" r:id=\"rId9\"/>\
             <sheet name=\"A &amp; B\" sheetId=\"2\" r:id=\"rId4\"/><sheet name=\"1\" sheetId=\"3\" r:id=\"rId5\"/>",
        )
        .relations(&[
            ("rId1", "worksheet", "worksheets/sheet1.xml"),
            ("rId4", "worksheet", "/xl/worksheets/second.xml"),
            ("rId5", "worksheet", "../xl/worksheets/Third.XML"),
            ("rId9", "chartsheet", "chartsheets/sheet1.xml"),
        ])
        .rows(&row(10))
        .sheet_part("xl/worksheets/second.xml", &row(20))
        .sheet_part("xl/worksheets/third.xml", &row(30))
        .build();
    for (choice, expected) in
        [(None, 20), (Some("Hidden"), 10), (Some("A & B"), 20), (Some("1"), 30), (Some("2"), 20), (Some("3"), 30)]
    {
        let outcome = match choice {
            None => read(&bytes, "a.xlsx"),
            Some(choice) => read_sheet(&bytes, "a.xlsx", choice),
        };
        assert_eq!(records(&outcome), Ok(vec![(2, format!("{{\"v\":{expected}}}").as_str())]), "{choice:?}");
    }
    let error = read_sheet(&bytes, "a.xlsx", "Other").unwrap_err();
    assert_eq!(error.code(), "SHEET_NOT_FOUND");
    assert!(error.to_string().contains("\"Hidden\", \"A & B\", \"1\""), "{error}");
}

#[test]
fn every_dialect_of_the_container_and_of_xml_is_read() {
    let strict = "<?xml version=\"1.0\"?><x:worksheet xmlns:x=\"http://purl.oclc.org/ooxml/spreadsheetml/main\">\
                  <x:dimension ref=\"A1\"/><x:sheetData><x:row r='1'><x:c r='A1' t='inlineStr'><x:is><x:t>v</x:t></x:is></x:c></x:row>\
                  <x:row\n r='2' spans=\"1:1\" ><x:c\tr='A2' ><x:f>\"a>b\"</x:f><x:v>1</x:v></x:c></x:row></x:sheetData></x:worksheet>";
    let plain = || sheet("<row r=\"2\"><c r=\"A2\"><v>1</v></c></row>");
    let wide = |big_endian: bool, mark: bool| -> Vec<u8> {
        let text = format!("{}{strict}", if mark { "\u{FEFF}" } else { "" });
        let unit = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(unit).collect()
    };
    let with_sheet = |bytes: Vec<u8>| XlsxParts::new().part("xl/worksheets/sheet1.xml", bytes).build();
    let strict_rels = "<Relationships><Relationship Id=\"rId1\" Type=\"http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument\" Target=\"/xl/workbook.xml\"/></Relationships>";
    for (what, bytes) in [
        ("plain", plain().build()),
        ("strict with prefixes", with_sheet(strict.into())),
        ("byte order mark", with_sheet(format!("\u{FEFF}{strict}").into())),
        ("utf-16 little", with_sheet(wide(false, true))),
        ("utf-16 big", with_sheet(wide(true, true))),
        ("utf-16 without mark", with_sheet(wide(false, false))),
        ("strict relationships", plain().part("_rels/.rels", strict_rels).build()),
        ("no relationships", plain().without("_rels/.rels").build()),
        ("no styles, no strings", plain().without("xl/styles.xml").without("xl/sharedStrings.xml").build()),
        ("data descriptors", plain().zip().streamed().build()),
        ("zip64", plain().zip().zip64().build()),
        ("stored", plain().zip().stored().build()),
        ("backslashes", plain().without("xl/styles.xml").part("xl\\styles.xml", "<styleSheet/>").build()),
    ] {
        assert_eq!(records(&read(&bytes, "a.xlsx")), Ok(vec![(2, "{\"v\":1}")]), "{what}");
    }
}

#[test]
fn xml_that_is_not_well_formed_is_refused() {
    for sheet in [
        "",
        "just text",
        "<worksheet>",
        "<worksheet><sheetData></worksheet></sheetData>",
        "<worksheet><sheetData><row r=\"1\"",
        "<worksheet/><sheetData>",
        "<worksheet><sheetData/></worksheet>trailing",
        "<worksheet>\u{0}</worksheet",
        "< >",
        "<worksheet><!-- open",
        "<worksheet><![CDATA[ open",
    ] {
        let outcome = read(&XlsxParts::new().part("xl/worksheets/sheet1.xml", sheet).build(), "a.xlsx");
        assert_eq!(records(&outcome), Err("FILE_CORRUPT"), "{sheet}");
    }
    let mut not_text =
        b"<worksheet><sheetData><row><c t=\"str\"><v>\xff\xfe</v></c></row></sheetData></worksheet>".to_vec();
    let outcome =
        read(&XlsxParts::new().part("xl/worksheets/sheet1.xml", std::mem::take(&mut not_text)).build(), "a.xlsx");
    assert_eq!(records(&outcome), Err("FILE_CORRUPT"));
}

/// What a test does to the limits.
type Change = fn(&mut Limits);

#[test]
fn limits_are_named_with_value_and_place() {
    let deep = "<row><c><extLst><ext><x/></ext></extLst></c></row>";
    let bytes = XlsxParts::new()
        .shared_strings(&"<si><t>0123456789</t></si>".repeat(10))
        .rows(&format!("{HEADER}{}{deep}", "<row><c t=\"s\"><v>0</v></c><c/></row>".repeat(20)))
        .build();
    let cases: [(&str, &str, Change); 15] = [
        ("file_bytes", "", |limits| limits.file_bytes = 100),
        ("archive_parts", "", |limits| limits.archive_parts = 3),
        ("part_bytes", "", |limits| limits.part_bytes = 300),
        ("inflated_bytes", "", |limits| limits.inflated_bytes = 1000),
        ("sheets", "", |limits| limits.sheets = 0),
        ("cell_formats", "", |limits| limits.cell_formats = 2),
        ("shared_strings", "", |limits| limits.shared_strings = 9),
        ("shared_string_bytes", "", |limits| limits.shared_string_bytes = 50),
        ("cell_bytes", "", |limits| limits.cell_bytes = 9),
        ("nesting", "(sheet \"Sheet1\") (cell A22)", |limits| limits.nesting = 6),
        ("rows", "(sheet \"Sheet1\") (row 11)", |limits| limits.rows = 10),
        ("columns", "(sheet \"Sheet1\") (cell B2)", |limits| limits.columns = 1),
        ("cells", "(sheet \"Sheet1\") (row 11)", |limits| limits.cells = 10),
        ("record_bytes", "(sheet \"Sheet1\") (cell A2)", |limits| limits.record_bytes = 15),
        ("output_bytes", "(sheet \"Sheet1\") (row 7)", |limits| limits.output_bytes = 100),
    ];
    for (name, place, change) in cases {
        let mut options = ReadOptions::default();
        change(&mut options.limits);
        let error = read_with(&bytes, "a.xlsx", &options).unwrap_err();
        let problem = error.problem().unwrap();
        assert_eq!(problem.code, "LIMIT_EXCEEDED", "{name}: {error}");
        assert!(problem.message.contains("split it into smaller files"), "{error}");
        assert!(error.to_string().ends_with(place), "{name}: {error}");
        let limit = problem.limit.as_ref().unwrap();
        assert_eq!(limit.name, name);
        assert!(limit.found > limit.allowed, "{limit:?}");
    }
}

#[test]
fn the_time_of_a_reading_is_limited() {
    let rows = "<row><c><v>1</v></c></row>".repeat(2000);
    let mut options = ReadOptions::default();
    options.limits.time = std::time::Duration::ZERO;
    let error = read_with(&sheet(&rows).build(), "a.xlsx", &options).unwrap_err();
    assert_eq!(error.problem().unwrap().limit.as_ref().unwrap().name, "time_seconds");
}

#[test]
fn a_deadline_that_has_passed_ends_the_reading() {
    let options = ReadOptions { deadline: Some(std::time::Instant::now()), ..ReadOptions::default() };
    let error = read_with(&sheet("").build(), "a.xlsx", &options).unwrap_err();
    assert_eq!(error.problem().unwrap().limit.as_ref().unwrap().name, "deadline_seconds");
}

#[test]
fn a_count_that_the_file_claims_is_not_believed() {
    let outcome = read(&filas_testkit::workbooks::broken::false_unique_count(), "a.xlsx");
    assert_eq!(records(&outcome), Ok(vec![(2, "{\"id\":1}")]));
}
