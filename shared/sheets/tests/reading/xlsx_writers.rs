//! What workbooks of many writers have in them beside plain cells.

use crate::collect::{read, records};
use filas_testkit::workbooks::XlsxParts;

const HEADER: &str = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>v</t></is></c></row>";

/// The values of column A below the header, in order.
fn values(parts: XlsxParts, rows: &str) -> Vec<String> {
    let outcome = read(&parts.rows(&format!("{HEADER}{rows}")).build(), "a.xlsx");
    let records = records(&outcome).unwrap_or_else(|code| panic!("{code}: {rows}"));
    let value = |text: &str| text.strip_prefix("{\"v\":").and_then(|rest| rest.strip_suffix('}')).unwrap().to_owned();
    records.into_iter().map(|(_, text)| value(text)).collect()
}

fn check(rows: &str, expected: &[&str]) {
    assert_eq!(values(XlsxParts::new(), rows), expected, "{rows}");
}

#[test]
fn built_in_and_custom_formats_tell_dates_from_numbers() {
    let number = "1.5";
    for (format, code, expected) in [
        (0, "", "1.5"),
        (1, "", "1.5"),
        (10, "", "1.5"),
        (14, "", "\"1900-01-01T12:00:00\""),
        (15, "", "\"1900-01-01T12:00:00\""),
        (18, "", "\"1900-01-01T12:00:00\""),
        (22, "", "\"1900-01-01T12:00:00\""),
        (27, "", "\"1900-01-01T12:00:00\""),
        (46, "", "\"PT36H\""),
        (49, "", "1.5"),
        (164, "0.00 &quot;days&quot;", "1.5"),
        (164, "dd/mm/yyyy", "\"1900-01-01T12:00:00\""),
        (164, "[$-409]h:mm AM/PM", "\"1900-01-01T12:00:00\""),
        (164, "[h]:mm", "\"PT36H\""),
        // A custom code under the id of a built-in one counts.
        (14, "0.0", "1.5"),
    ] {
        let codes = if code.is_empty() {
            String::new()
        } else {
            format!("<numFmts><numFmt numFmtId=\"{format}\" formatCode=\"{code}\"/></numFmts>")
        };
        let styles = format!(
            "<styleSheet>{codes}<cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"{format}\"/></cellXfs></styleSheet>"
        );
        let parts = XlsxParts::new().part("xl/styles.xml", styles);
        let found = values(parts, &format!("<row><c s=\"1\"><v>{number}</v></c></row>"));
        assert_eq!(found, [expected], "{format} {code}");
    }
}

#[test]
fn the_leap_day_that_never_was_is_kept_as_the_person_sees_it() {
    let days: String = [59, 60, 61].map(|day| format!("<row><c s=\"1\"><v>{day}</v></c></row>")).concat();
    check(&days, &["\"1900-02-28\"", "\"1900-02-29\"", "\"1900-03-01\""]);
    let parts = XlsxParts::new()
        .workbook_with("<workbookPr date1904=\"true\"/>", "<sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/>");
    assert_eq!(values(parts, &days), ["\"1904-02-29\"", "\"1904-03-01\"", "\"1904-03-02\""]);
}

#[test]
fn a_formula_is_its_cached_result() {
    check(
        "<row><c r=\"A2\"><f>1+1</f><v>2</v></c></row>\
         <row><c r=\"A3\"><f t=\"shared\" ref=\"A3:A4\" si=\"0\">A2*2</f><v>4</v></c></row>\
         <row><c r=\"A4\"><f t=\"shared\" si=\"0\"/><v>8</v></c></row>\
         <row><c r=\"A5\" t=\"str\"><f>\"a\"&amp;\"b\"</f><v>a &lt; b</v></c></row>\
         <row><c r=\"A6\" t=\"b\"><f>A2&gt;1</f><v>1</v></c></row>\
         <row><c r=\"A7\" t=\"e\"><f>1/0</f><v>#DIV/0!</v></c></row>\
         <row><c r=\"A8\" cm=\"1\"><f t=\"array\" ref=\"A8\">SUM(A1:A2>1)</f><v>0.30000000000000004</v></c></row>\
         <row><c r=\"A9\"><f>NOW()</f></c></row>\
         <row><c r=\"A10\" t=\"n\"><f></f><v>5</v></c></row>",
        &["2", "4", "8", "\"a < b\"", "true", "{\"error\":\"#DIV/0!\"}", "0.30000000000000004", "5"],
    );
}

#[test]
fn only_the_first_of_merged_cells_has_a_value() {
    let sheet = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"str\"><v>a</v></c><c r=\"B1\" t=\"str\"><v>b</v></c></row>\
                 <row r=\"2\"><c r=\"A2\" s=\"1\" t=\"str\"><v>both</v></c><c r=\"B2\" s=\"1\"/></row>\
                 <row r=\"3\"><c r=\"A3\" s=\"1\"/><c r=\"B3\"><v>1</v></c></row></sheetData>\
                 <mergeCells count=\"1\"><mergeCell ref=\"A2:B2\"/></mergeCells></worksheet>";
    let outcome = read(&XlsxParts::new().part("xl/worksheets/sheet1.xml", sheet).build(), "a.xlsx");
    let expected = vec![(2, "{\"a\":\"both\",\"b\":null}"), (3, "{\"a\":null,\"b\":1}")];
    assert_eq!(records(&outcome), Ok(expected));
}

#[test]
fn hidden_rows_and_columns_are_read() {
    let sheet = format!(
        "<worksheet><sheetViews><sheetView workbookViewId=\"0\"/></sheetViews><cols><col min=\"1\" max=\"1\" hidden=\"1\"/></cols>\
         <sheetData>{HEADER}<row r=\"2\" hidden=\"1\" ht=\"0\" customHeight=\"1\"><c r=\"A2\"><v>1</v></c></row>\
         <row r=\"3\" spans=\"1:1\" x14ac:dyDescent=\"0.25\"><c r=\"A3\"><v>2</v></c></row></sheetData></worksheet>"
    );
    let outcome = read(&XlsxParts::new().part("xl/worksheets/sheet1.xml", sheet).build(), "a.xlsx");
    assert_eq!(records(&outcome), Ok(vec![(2, "{\"v\":1}"), (3, "{\"v\":2}")]));
}

#[test]
fn text_keeps_what_is_meant_and_loses_what_is_not() {
    let inline = |inside: &str| format!("<row><c t=\"inlineStr\"><is>{inside}</is></c></row>");
    for (inside, expected) in [
        ("<t> both sides </t>", "\"both sides\""),
        ("<t xml:space=\"preserve\"> both sides </t>", "\" both sides \""),
        ("<t xml:space='preserve'> quoted otherwise </t>", "\" quoted otherwise \""),
        ("<t xml:space=\"default\"> said so </t>", "\"said so\""),
        ("<t>&#160;no-break&#160;</t>", "\"\u{A0}no-break\u{A0}\""),
        ("<t>a_x000D__x000A_b</t>", "\"a\\r\\nb\""),
        ("<t>_x005F_x0041_</t>", "\"_x0041_\""),
        ("<t>snake_case_xyz</t>", "\"snake_case_xyz\""),
        ("<t>1e5</t>", "\"1e5\""),
        ("<t>007</t>", "\"007\""),
        ("<t>TRUE</t>", "\"TRUE\""),
        ("<t>\u{FEFF}mark</t>", "\"\u{FEFF}mark\""),
        ("<t>tab\there</t>", "\"tab\\there\""),
        ("<r><t>one</t></r><r><rPr><b/></rPr><t xml:space=\"preserve\"> two</t></r>", "\"one two\""),
        ("<t>東京</t><rPh sb=\"0\" eb=\"2\"><t>とうきょう</t></rPh><phoneticPr fontId=\"1\"/>", "\"東京\""),
        ("<t>a<!-- aside -->b</t>", "\"ab\""),
        ("<t><![CDATA[1 < 2 & 3]]></t>", "\"1 < 2 & 3\""),
    ] {
        check(&inline(inside), &[expected]);
        // The same as a shared string.
        let parts = XlsxParts::new().shared_strings(&format!("<si>{inside}</si><si><t>next</t></si>"));
        let rows = "<row><c t=\"s\"><v>0</v></c></row><row><c t=\"s\"><v>1</v></c></row>";
        assert_eq!(values(parts, rows), [expected, "\"next\""], "{inside}");
    }
}

#[test]
fn numbers_are_shortest_and_integers_have_no_point() {
    for (text, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("12", "12"),
        ("12.50", "12.5"),
        ("0.5", "0.5"),
        ("-0.5", "-0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+5", "5"),
        ("007", "7"),
        ("999999999999999", "999999999999999"),
        ("1234567890123456789", "1234567890123456800"),
        ("0.1000000000000000055511151231257827", "0.1"),
        ("19.989999999999998", "19.99"),
        ("19.989999999999995", "19.989999999999995"),
        ("0.0000001", "1e-7"),
        ("1E-7", "1e-7"),
        ("1.7976931348623157E+308", "1.7976931348623157e308"),
        ("4.9406564584124654E-324", "5e-324"),
        ("1e-400", "0"),
    ] {
        check(&format!("<row><c><v>{text}</v></c></row>"), &[expected]);
    }
    for text in ["1e400", "0x10", "1,5", "1 2", "--1", "1_000", "infinity", "nan", "1e", "."] {
        let bytes = XlsxParts::new().rows(&format!("{HEADER}<row><c><v>{text}</v></c></row>")).build();
        let error = read(&bytes, "a.xlsx").unwrap_err();
        assert_eq!(error.code(), "FILE_CORRUPT", "{text}");
        assert!(error.to_string().ends_with("(sheet \"Sheet1\") (cell A2)"), "{error}");
    }
}

#[test]
fn places_may_be_left_out_and_gaps_are_null() {
    let rows = "<row r=\"1\"><c t=\"str\"><v>a</v></c><c t=\"str\"><v>b</v></c><c t=\"str\"><v>c</v></c></row>\
                <row><c><v>1</v></c><c><v>2</v></c><c><v>3</v></c></row>\
                <row r=\"4\"><c r=\"B4\"><v>5</v></c><c><v>6</v></c></row>\
                <row><c/><c r=\"C5\"><v>7</v></c></row>\
                <row/><row></row>\
                <row><c><v>8</v></c></row>";
    let outcome = read(&XlsxParts::new().rows(rows).build(), "a.xlsx");
    let expected = vec![
        (2, "{\"a\":1,\"b\":2,\"c\":3}"),
        (4, "{\"a\":null,\"b\":5,\"c\":6}"),
        (5, "{\"a\":null,\"b\":null,\"c\":7}"),
        (8, "{\"a\":8,\"b\":null,\"c\":null}"),
    ];
    assert_eq!(records(&outcome), Ok(expected));
}

#[test]
fn parts_in_utf16_are_read_wherever_they_are() {
    let wide =
        |text: &str| -> Vec<u8> { format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let strings = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><sst><si><t>é李😀</t></si></sst>";
    let styles = "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>";
    let parts = XlsxParts::new().part("xl/sharedStrings.xml", wide(strings)).part("xl/styles.xml", wide(styles));
    let rows = "<row><c t=\"s\"><v>0</v></c></row><row><c s=\"1\"><v>61</v></c></row>";
    assert_eq!(values(parts, rows), ["\"é李😀\"", "\"1900-03-01\""]);
}

#[test]
fn prefixes_white_space_and_other_quotes_change_nothing() {
    let plain = format!(
        "<worksheet><sheetData>{HEADER}<row r=\"2\"><c r=\"A2\" s=\"0\"><v>1</v></c></row></sheetData></worksheet>"
    );
    let prefixed = plain.replace("</", "</x:").replace('<', "<x:").replace("<x:/x:", "</x:");
    let spaced = plain.replace('>', ">\n  ").replace("\n  1\n  ", "1").replace("\n  v\n  ", "v");
    let quoted = plain.replace('"', "'");
    let spread = plain.replace(" r=", "\n\tr = ").replace("\">", "\" >");
    for sheet in [plain, prefixed, spaced, quoted, spread] {
        let outcome = read(&XlsxParts::new().part("xl/worksheets/sheet1.xml", sheet.as_str()).build(), "a.xlsx");
        assert_eq!(records(&outcome), Ok(vec![(2, "{\"v\":1}")]), "{sheet}");
    }
}
