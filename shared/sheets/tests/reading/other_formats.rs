//! ods, xlsb and xls, by small files made by hand.

use crate::collect::{read, read_sheet, records};
use filas_testkit::workbooks::{OdsParts, OleBuilder, XlsbParts};

#[test]
fn cells_of_open_document_keep_their_meaning() {
    let text = |inner: &str| format!("<table:table-cell office:value-type=\"string\">{inner}</table:table-cell>");
    for (cell, expected) in [
        ("<table:table-cell office:value-type=\"float\" office:value=\"3\"/>".to_owned(), "3"),
        ("<table:table-cell office:value-type=\"percentage\" office:value=\"0.5\"/>".to_owned(), "0.5"),
        ("<table:table-cell office:value-type=\"boolean\" office:boolean-value=\"true\"/>".to_owned(), "true"),
        ("<table:table-cell office:value-type=\"date\" office:date-value=\"2024-03-01\"/>".to_owned(), "\"2024-03-01\""),
        ("<table:table-cell office:value-type=\"date\" office:date-value=\"2024-03-01T12:30:00.000000000\"/>".to_owned(), "\"2024-03-01T12:30:00\""),
        ("<table:table-cell office:value-type=\"time\" office:time-value=\"PT12H30M00S\"/>".to_owned(), "\"12:30:00\""),
        ("<table:table-cell office:value-type=\"time\" office:time-value=\"PT26H30M00S\"/>".to_owned(), "\"PT26H30M\""),
        ("<table:table-cell office:value-type=\"string\" calcext:value-type=\"error\"><text:p>#N/A</text:p></table:table-cell>".to_owned(), "{\"error\":\"#N/A\"}"),
        (text("<text:p>00123</text:p>"), "\"00123\""),
        (text("<text:p>a  b<text:s text:c=\"2\"/>c<text:tab/>&amp;</text:p><text:p>line <text:span>two</text:span></text:p>"), "\"a b  c\\t&\\nline two\""),
        (text("<office:annotation><text:p>a comment</text:p></office:annotation><text:p>real</text:p>"), "\"real\""),
        (text(""), "\"\""),
    ] {
        let rows = format!(
            "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>v</text:p></table:table-cell>\
             <table:table-cell office:value-type=\"string\"><text:p>w</text:p></table:table-cell></table:table-row>\
             <table:table-row>{cell}<table:table-cell office:value-type=\"float\" office:value=\"1\"/></table:table-row>"
        );
        let outcome = read(&OdsParts::new().table("T", &rows).build(), "a.ods");
        assert_eq!(records(&outcome), Ok(vec![(2, format!("{{\"v\":{expected},\"w\":1}}").as_str())]), "{cell}");
    }
}

#[test]
fn repeats_of_open_document_are_kept_and_bounded() {
    let header = "<table:table-row><table:table-cell table:number-columns-repeated=\"2\"/>\
                  <table:table-cell office:value-type=\"string\"><text:p>v</text:p></table:table-cell>\
                  <table:table-cell table:number-columns-repeated=\"16381\"/></table:table-row>";
    let cell = "<table:table-cell table:number-columns-repeated=\"2\"/><table:table-cell office:value-type=\"float\" office:value=\"1\"/>";
    let rows = format!(
        "{header}<table:table-row table:number-rows-repeated=\"2\"><table:table-cell/></table:table-row>\
         <table:table-row table:number-rows-repeated=\"2\">{cell}</table:table-row>\
         <table:table-row table:number-rows-repeated=\"1048571\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>"
    );
    let outcome = read(&OdsParts::new().table("T", &rows).build(), "a.ods");
    assert_eq!(records(&outcome), Ok(vec![(4, "{\"v\":1}"), (5, "{\"v\":1}")]));
    let wide = "<table:table-row><table:table-cell table:number-columns-repeated=\"4000000000\" office:value-type=\"float\" office:value=\"1\"/></table:table-row>";
    let tall = format!(
        "{header}<table:table-row table:number-rows-repeated=\"18446744073709551615\">{cell}</table:table-row>"
    );
    for (rows, limit) in [(wide, "columns"), (tall.as_str(), "rows")] {
        let error = read(&OdsParts::new().table("T", rows).build(), "a.ods").unwrap_err();
        assert_eq!(error.problem().unwrap().limit.as_ref().map(|limit| limit.name), Some(limit), "{error}");
    }
}

#[test]
fn tables_of_open_document_are_chosen_and_encryption_is_seen() {
    let row = |value: &str| {
        format!(
            "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>{value}</text:p></table:table-cell></table:table-row>"
        )
    };
    let document = OdsParts::new()
        .styles("<style:style style:name=\"ta1\"><style:table-properties table:display=\"false\"/></style:style>")
        .styled_table("Hidden", "ta1", &row("hidden"))
        .styled_table("Shown", "ta2", &row("shown"));
    let bytes = document.build();
    assert_eq!(read(&bytes, "a.ods").unwrap().0.columns, ["shown"]);
    assert_eq!(read_sheet(&bytes, "a.ods", "1").unwrap().0.columns, ["hidden"]);
    assert_eq!(read_sheet(&bytes, "a.ods", "Hidden").unwrap().0.sheet.as_deref(), Some("Hidden"));
    assert_eq!(read_sheet(&bytes, "a.ods", "3").unwrap_err().code(), "SHEET_NOT_FOUND");
    let manifest = "<manifest:manifest xmlns:manifest=\"m\"><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>";
    let encrypted = document.zip().entry("META-INF/manifest.xml", manifest).build();
    assert_eq!(read(&encrypted, "a.ods").unwrap_err().code(), "FILE_ENCRYPTED");
}

#[test]
fn binary_workbooks_are_read() {
    let real = |value: f64| value.to_le_bytes();
    let bytes = XlsbParts::new()
        .shared("00123")
        .row(1)
        .text(0, "s")
        .text(1, "n")
        .text(2, "d")
        .text(3, "b")
        .text(4, "e")
        .text(5, "t")
        .row(3)
        .cell(7, 0, 0, &0_u32.to_le_bytes())
        .cell(2, 1, 0, &((1234_u32 << 2) | 3).to_le_bytes())
        .cell(5, 2, 1, &real(45_352.0))
        .cell(4, 3, 0, &[1])
        .cell(3, 4, 0, &[0x2A])
        .cell(5, 5, 2, &real(1.104_166_666_666_666_7))
        .row(4)
        .cell(1, 0, 0, &[])
        .cell(9, 1, 0, &real(3.0))
        .build();
    let expected = vec![
        (
            3,
            "{\"s\":\"00123\",\"n\":12.34,\"d\":\"2024-03-01\",\"b\":true,\"e\":{\"error\":\"#N/A\"},\"t\":\"PT26H30M\"}",
        ),
        (4, "{\"s\":null,\"n\":3,\"d\":null,\"b\":null,\"e\":null,\"t\":null}"),
    ];
    assert_eq!(records(&read(&bytes, "a.xlsb")), Ok(expected));
    let dated = XlsbParts::new().from_1904().row(1).text(0, "d").row(2).cell(5, 0, 1, &real(43_890.0)).build();
    assert_eq!(records(&read(&dated, "a.xlsb")), Ok(vec![(2, "{\"d\":\"2024-03-01\"}")]));
    assert_eq!(read(&bytes, "a.xlsx").unwrap_err().code(), "FORMAT_MISMATCH");
}

#[test]
fn damage_in_a_binary_workbook_never_panics() {
    let good = XlsbParts::new().shared("x").row(1).text(0, "s").row(2).cell(7, 0, 0, &0_u32.to_le_bytes()).build();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0xFF;
        if let Err(error) = read(&bad, "a.xlsb") {
            assert!(!error.is_transient(), "{error}");
        }
    }
}

/// Records of an `.xls` workbook with one sheet ([MS-XLS]): numbers only, texts by `LABEL`.
fn xls(cells: &[u8], dimensions: (u32, u16)) -> Vec<u8> {
    let record =
        |kind: u16, body: &[u8]| [&kind.to_le_bytes()[..], &(body.len() as u16).to_le_bytes()[..], body].concat();
    let begin =
        |kind: u16| record(0x0809, &[&0x0600_u16.to_le_bytes()[..], &kind.to_le_bytes()[..], &[0; 12]].concat());
    let end = record(0x000A, &[]);
    let globals_start = begin(5);
    let bundle = |at: u32| record(0x0085, &[&at.to_le_bytes()[..], &[0, 0, 2, 0], b"S1"].concat());
    let globals_bytes = globals_start.len() + bundle(0).len() + end.len();
    let size = [
        &0_u32.to_le_bytes()[..],
        &dimensions.0.to_le_bytes()[..],
        &0_u16.to_le_bytes()[..],
        &dimensions.1.to_le_bytes()[..],
        &[0, 0],
    ]
    .concat();
    let stream = [
        globals_start,
        bundle(globals_bytes as u32),
        end.clone(),
        begin(0x10),
        record(0x0200, &size),
        cells.to_vec(),
        end,
    ]
    .concat();
    OleBuilder::new().stream("Workbook", &stream).build()
}

fn xls_number(row: u16, column: u16, value: f64) -> Vec<u8> {
    let place = [row.to_le_bytes(), column.to_le_bytes(), [0, 0]].concat();
    [&[0x03, 0x02, 14, 0][..], &place, &value.to_le_bytes()].concat()
}

fn xls_label(row: u16, column: u16, text: &str) -> Vec<u8> {
    let length = 9 + text.len() as u16;
    let place = [row.to_le_bytes(), column.to_le_bytes(), [0, 0], (text.len() as u16).to_le_bytes()].concat();
    [&[0x04, 0x02][..], &length.to_le_bytes(), &place, &[0], text.as_bytes()].concat()
}

#[test]
fn old_workbooks_are_read_and_bounded_before_they_are() {
    let cells = [xls_label(0, 0, "a"), xls_label(0, 1, "b"), xls_number(2, 0, 3.0), xls_number(2, 1, 1.5)].concat();
    let outcome = read(&xls(&cells, (3, 2)), "a.xls");
    assert_eq!(records(&outcome), Ok(vec![(3, "{\"a\":3,\"b\":1.5}")]), "{outcome:?}");
    let far = [xls_label(0, 0, "a"), xls_number(65_535, 255, 1.0)].concat();
    for bytes in [xls(&far, (1, 1)), xls(&cells, (u32::MAX, 255))] {
        let error = read(&bytes, "a.xls").unwrap_err();
        assert_eq!(error.problem().unwrap().limit.as_ref().map(|limit| limit.name), Some("xls_cells"), "{error}");
    }
    let good = xls(&cells, (3, 2));
    for at in 0..good.len().min(3500) {
        let mut bad = good.clone();
        bad[at] ^= 0xFF;
        if let Err(error) = read(&bad, "a.xls") {
            assert!(!error.is_transient(), "{error}");
        }
    }
}
