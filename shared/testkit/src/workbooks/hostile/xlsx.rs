//! Workbooks whose parts cost more than they look.

use super::{INFLATED, LARGE, TOKEN, limit, named};
use crate::workbooks::XlsxParts;
use crate::workbooks::broken::Broken;

const HEADER: &str = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>id</t></is></c></row>";
/// Nearly what a cell may hold.
const LONG_TEXT: usize = 131_000;

pub(super) fn all() -> Vec<Broken> {
    [bombs(), references(), places(), numbers_of_things(), markup()].concat()
}

fn rows(rows: &str) -> XlsxParts {
    XlsxParts::new().rows(&format!("{HEADER}{rows}"))
}

fn text_cell(text: &str) -> String {
    format!("<row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><t>{text}</t></is></c></row>")
}

/// Much from little.
fn bombs() -> Vec<Broken> {
    let bomb = |what, parts: XlsxParts, name| limit("a.xlsx", what, parts.build(), name);
    // Tags that are nearly all white space deflate a thousandfold.
    let padded = format!("<row{}/>", " ".repeat(4000));
    let strings = format!("<si><t>{}</t></si>", "lorem ipsum ".repeat(100));
    let run = format!("<r><t>{}</t></r>", "x".repeat(1000));
    vec![
        bomb("bomb by ratio", rows(&padded.repeat(INFLATED / padded.len())), "compression_ratio"),
        bomb("bomb by white space", rows(&" ".repeat(LARGE)), "xml_token_bytes"),
        bomb("bomb by white space in a tag", rows(&format!("<row{}/>", " ".repeat(TOKEN))), "xml_token_bytes"),
        bomb("bomb by a comment", rows(&format!("<!--{}-->", "x".repeat(TOKEN))), "xml_token_bytes"),
        bomb("bomb by character data", rows(&format!("<![CDATA[{}]]>", "x".repeat(TOKEN))), "xml_token_bytes"),
        bomb(
            "bomb by shared strings",
            rows("").shared_strings(&strings.repeat(INFLATED / strings.len())),
            "compression_ratio",
        ),
        bomb(
            "bomb by empty shared strings",
            rows("").shared_strings(&"<si/>".repeat(INFLATED / 5)),
            "compression_ratio",
        ),
        bomb("bomb by one cell", rows(&text_cell(&"x".repeat(LARGE))), "xml_token_bytes"),
        bomb("bomb by one number", rows(&format!("<row><c><v>{}</v></c></row>", "9".repeat(TOKEN))), "xml_token_bytes"),
        bomb("one huge cell", rows(&text_cell(&"x".repeat(900_000))), "cell_bytes"),
        bomb(
            "one huge cell in many runs",
            rows(&format!("<row><c t=\"inlineStr\"><is>{}</is></c></row>", run.repeat(10_000))),
            "cell_bytes",
        ),
        bomb(
            "one huge shared string",
            rows("").shared_strings(&format!("<si><t>{}</t></si>", "x".repeat(900_000))),
            "cell_bytes",
        ),
    ]
}

/// Texts that are written once and read often.
fn references() -> Vec<Broken> {
    let string = format!("<si><t>{}</t></si>", "lorem ipsum ".repeat(LONG_TEXT / 12));
    let cell = "<c t=\"s\"><v>0</v></c>";
    let names: String = (0..100).map(|name| format!("<c t=\"inlineStr\"><is><t>{name:05000}</t></is></c>")).collect();
    vec![
        limit(
            "a.xlsx",
            "references to one long string",
            rows(&format!("<row>{cell}</row>").repeat(60_000)).shared_strings(&string).build(),
            "output_ratio",
        ),
        limit(
            "a.xlsx",
            "references to one long string in one row",
            rows(&format!("<row>{}</row>", cell.repeat(1000))).shared_strings(&string).build(),
            "record_bytes",
        ),
        limit(
            "a.xlsx",
            "long names over short rows",
            XlsxParts::new()
                .rows(&format!("<row>{names}</row>{}", "<row><c><v>1</v></c></row>".repeat(60_000)))
                .build(),
            "output_ratio",
        ),
        named(
            "a.xlsx",
            "a reference to no string",
            rows("<row><c t=\"s\"><v>4294967295</v></c></row>").build(),
            "FILE_CORRUPT",
        ),
    ]
}

/// Cells far away, and cells nowhere.
fn places() -> Vec<Broken> {
    let cell = |row: &str, place: &str| rows(&format!("<row r=\"{row}\"><c r=\"{place}\"><v>1</v></c></row>")).build();
    vec![
        named("a.xlsx", "far cell", cell("1048576", "XFD1048576"), "HEADER_EMPTY"),
        named("a.xlsx", "far name", rows("").rows(&format!("<row>{}</row>", far_name())).build(), "HEADER_EMPTY"),
        limit("a.xlsx", "row beyond the sheet", cell("1048577", "A1048577"), "rows"),
        limit("a.xlsx", "column beyond the sheet", cell("2", "XFE2"), "columns"),
        limit("a.xlsx", "column past ZZZ", cell("2", "AAAA2"), "columns"),
        named("a.xlsx", "column past all numbers", cell("2", &format!("{}2", "Z".repeat(40))), "FILE_CORRUPT"),
        named("a.xlsx", "row past all numbers", cell(&"9".repeat(40), "A2"), "FILE_CORRUPT"),
        limit(
            "a.xlsx",
            "more columns than a sheet has",
            rows(&format!("<row>{}</row>", "<c><v>1</v></c>".repeat(16_385))).build(),
            "columns",
        ),
    ]
}

fn far_name() -> String {
    ["A1", "XFD1"].map(|place| format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{place}</t></is></c>")).concat()
}

/// Too many of something, and numbers that are not so.
fn numbers_of_things() -> Vec<Broken> {
    let sheets: String =
        (1..2000).map(|number| format!("<sheet name=\"S{number}\" sheetId=\"{number}\" r:id=\"rId1\"/>")).collect();
    let styles = |inside: &str| rows("").part("xl/styles.xml", format!("<styleSheet>{inside}</styleSheet>"));
    let formats: String = (0..70_000).map(|id| format!("<numFmt numFmtId=\"{id}\" formatCode=\"0.0\"/>")).collect();
    vec![
        limit("a.xlsx", "many sheets", rows("").workbook(&sheets).build(), "sheets"),
        limit(
            "a.xlsx",
            "many cell formats",
            styles(&format!("<cellXfs>{}</cellXfs>", "<xf numFmtId=\"14\"/>".repeat(70_000))).build(),
            "cell_formats",
        ),
        limit(
            "a.xlsx",
            "many number formats",
            styles(&format!("<numFmts>{formats}</numFmts>")).build(),
            "cell_formats",
        ),
        limit(
            "a.xlsx",
            "one long row",
            XlsxParts::new().rows(&format!("<row>{}</row>", long_row())).build(),
            "record_bytes",
        ),
        Broken { code: None, ..named("a.xlsx", "false counts", false_counts(), "") },
    ]
}

fn long_row() -> String {
    let cell = |name: u32| format!("<c t=\"inlineStr\"><is><t>{name:01000}</t></is></c>");
    (0..2000).map(cell).collect()
}

/// A workbook that says of everything that there are four thousand million. It has a header and no rows.
fn false_counts() -> Vec<u8> {
    const COUNT: &str = "count=\"4294967295\" uniqueCount=\"4294967295\"";
    let sheet = format!(
        "<worksheet><dimension ref=\"A1:XFD1048576\"/><cols {COUNT}/><sheetData {COUNT}><row r=\"1\" spans=\"1:16384\">\
         <c r=\"A1\" t=\"s\"><v>0</v></c></row></sheetData><mergeCells {COUNT}/></worksheet>"
    );
    XlsxParts::new()
        .part("xl/sharedStrings.xml", format!("<sst {COUNT}><si><t>id</t></si></sst>"))
        .part("xl/styles.xml", format!("<styleSheet><numFmts {COUNT}/><cellXfs {COUNT}/></styleSheet>"))
        .part("xl/worksheets/sheet1.xml", sheet)
        .build()
}

/// XML that is more than elements and text.
fn markup() -> Vec<Broken> {
    const SHEET: &str = "xl/worksheets/sheet1.xml";
    const LAUGHS: &str = "<!DOCTYPE w [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>";
    const OUTSIDE: &str = "<!DOCTYPE w [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>";
    let unsafe_part =
        |what, part: &str, content: String| named("a.xlsx", what, rows("").part(part, content).build(), "FILE_UNSAFE");
    let nested = |parts: XlsxParts| parts.build();
    let deep = "<x>".repeat(100_000);
    vec![
        unsafe_part("document type", SHEET, format!("{LAUGHS}<worksheet><sheetData>&b;</sheetData></worksheet>")),
        unsafe_part("external entity", SHEET, format!("{OUTSIDE}<worksheet><sheetData>&b;</sheetData></worksheet>")),
        unsafe_part(
            "document type of strings",
            "xl/sharedStrings.xml",
            format!("{LAUGHS}<sst><si><t>&b;</t></si></sst>"),
        ),
        unsafe_part("document type of a workbook", "xl/workbook.xml", format!("{LAUGHS}<workbook/>")),
        unsafe_part("document type of relations", "_rels/.rels", format!("{LAUGHS}<Relationships/>")),
        unsafe_part("document type of styles", "xl/styles.xml", format!("{LAUGHS}<styleSheet/>")),
        named("a.xlsx", "an entity that nobody declared", rows(&text_cell("&b;")).build(), "FILE_CORRUPT"),
        limit("a.xlsx", "deep nesting", nested(rows(&deep)), "nesting"),
        limit("a.xlsx", "deep nesting of strings", nested(rows("").shared_strings(&deep)), "nesting"),
        limit("a.xlsx", "deep nesting of a workbook", nested(rows("").workbook(&deep)), "nesting"),
        limit("a.xlsx", "deep nesting of styles", nested(rows("").part("xl/styles.xml", deep.clone())), "nesting"),
        limit(
            "a.xlsx",
            "one huge attribute",
            rows(&format!("<row x=\"{}\"/>", "x".repeat(TOKEN))).build(),
            "xml_token_bytes",
        ),
        named(
            "a.xlsx",
            "a sheet outside of the file",
            rows("").relations(&[("rId1", "worksheet", "../../../../../etc/passwd")]).build(),
            "FILE_CORRUPT",
        ),
    ]
}
