//! One file for each way in which a file can be bad. Each says its name, its bytes, and what has to be said of it.

use super::ole::OleBuilder;
use super::xlsx_parts::XlsxParts;
use super::zip_builder::Lie;

/// A bad file and what a reader has to answer.
pub struct Broken {
    /// What is wrong, in a few words.
    pub what: &'static str,
    /// The name it is uploaded by.
    pub filename: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The code of the error; `None` for a file that is fine and has no rows.
    pub code: Option<&'static str>,
    /// The limit, when the code is `LIMIT_EXCEEDED`.
    pub limit: Option<&'static str>,
}

const HEADER: &str = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>id</t></is></c></row>";
const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n";

/// All of them.
pub fn all() -> Vec<Broken> {
    let mut files = everyday();
    files.extend(hostile());
    files
}

/// What people upload by mistake.
pub fn everyday() -> Vec<Broken> {
    let good = small_workbook();
    vec![
        broken("empty", "a.xlsx", Vec::new(), "FILE_EMPTY"),
        broken("empty csv", "a.csv", Vec::new(), "FILE_EMPTY"),
        Broken { code: None, ..broken("header only", "a.xlsx", XlsxParts::new().rows(HEADER).build(), "") },
        broken("no cells", "a.xlsx", XlsxParts::new().build(), "FILE_EMPTY"),
        broken("truncated xlsx", "a.xlsx", good[..good.len() / 2].to_vec(), "FILE_CORRUPT"),
        broken("encrypted", "a.xlsx", encrypted(), "FILE_ENCRYPTED"),
        broken("pdf named xlsx", "a.xlsx", PDF.to_vec(), "FORMAT_MISMATCH"),
        broken("xlsx named csv", "a.csv", good.clone(), "FORMAT_MISMATCH"),
        broken("csv named xlsx", "a.xlsx", b"a,b\n1,2\n".to_vec(), "FORMAT_MISMATCH"),
        broken("html named xls", "a.xls", b"<html><table><tr><td>1</td></tr></table>".to_vec(), "FORMAT_MISMATCH"),
        broken("xls named xlsx", "a.xlsx", OleBuilder::new().stream("Workbook", &[]).build(), "FORMAT_MISMATCH"),
        broken("repeated headers", "a.xlsx", headers(&["id", "name", " id "]), "HEADER_REPEATED"),
        broken("empty header", "a.xlsx", headers(&["id", " ", "name"]), "HEADER_EMPTY"),
    ]
}

/// What people upload on purpose.
pub fn hostile() -> Vec<Broken> {
    let rows = |rows: &str| XlsxParts::new().rows(&format!("{HEADER}{rows}"));
    let spaces = " ".repeat(64 << 20);
    vec![
        limit("bomb by ratio", ratio_bomb(), "compression_ratio"),
        limit("bomb by white space", rows(&spaces).build(), "xml_token_bytes"),
        broken(
            "far cell",
            "a.xlsx",
            rows("<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>").build(),
            "HEADER_EMPTY",
        ),
        limit("row beyond the sheet", rows("<row r=\"1048577\"><c r=\"A1048577\"><v>1</v></c></row>").build(), "rows"),
        limit("column beyond the sheet", rows("<row r=\"2\"><c r=\"XFE2\"><v>1</v></c></row>").build(), "columns"),
        broken("document type", "a.xlsx", doctype(), "FILE_UNSAFE"),
        broken(
            "duplicate entries",
            "a.xlsx",
            small().zip().entry("xl/WORKBOOK.xml", "<workbook/>").build(),
            "FILE_UNSAFE",
        ),
        broken(
            "overlapping entries",
            "a.xlsx",
            small().zip().entry("x.xml", "<x/>").lie(Lie::SharesData).build(),
            "FILE_UNSAFE",
        ),
        broken(
            "two sizes",
            "a.xlsx",
            small().zip().entry("x.xml", "<x/>").lie(Lie::LocalSize(9)).build(),
            "FILE_UNSAFE",
        ),
        broken("larger than it says", "a.xlsx", lying(Lie::InflatedSize(10)), "FILE_UNSAFE"),
        broken("smaller than it says", "a.xlsx", lying(Lie::InflatedSize(100_000)), "FILE_UNSAFE"),
        broken("wrong checksum", "a.xlsx", lying(Lie::Checksum), "FILE_CORRUPT"),
        broken("encrypted entry", "a.xlsx", lying(Lie::Encrypted), "FILE_ENCRYPTED"),
        limit("deep nesting", rows(&"<x>".repeat(1000)).build(), "nesting"),
        limit("one huge cell", one_huge_cell(), "cell_bytes"),
        limit("one huge csv field", Vec::new(), "cell_bytes").named("a.csv", unclosed_quote()),
    ]
}

/// A workbook whose shared strings claim to be four thousand million. Its rows are fine.
pub fn false_unique_count() -> Vec<u8> {
    let strings = "<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
                   count=\"4294967295\" uniqueCount=\"4294967295\"><si><t>id</t></si></sst>";
    XlsxParts::new()
        .part("xl/sharedStrings.xml", strings)
        .rows("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row><row r=\"2\"><c r=\"A2\"><v>1</v></c></row>")
        .build()
}

impl Broken {
    fn named(self, filename: &'static str, bytes: Vec<u8>) -> Self {
        Self { filename, bytes, ..self }
    }
}

fn broken(what: &'static str, filename: &'static str, bytes: Vec<u8>, code: &'static str) -> Broken {
    Broken { what, filename, bytes, code: Some(code), limit: None }
}

fn limit(what: &'static str, bytes: Vec<u8>, name: &'static str) -> Broken {
    Broken { limit: Some(name), ..broken(what, "a.xlsx", bytes, "LIMIT_EXCEEDED") }
}

fn small() -> XlsxParts {
    XlsxParts::new().rows(&format!("{HEADER}<row r=\"2\"><c r=\"A2\"><v>1</v></c></row>"))
}

/// A good workbook: one column `id`, one row.
pub fn small_workbook() -> Vec<u8> {
    small().build()
}

/// A container as Excel makes it for a workbook with a password.
pub fn encrypted() -> Vec<u8> {
    OleBuilder::new().stream("EncryptionInfo", b"\x04\0\x04\0").stream("EncryptedPackage", b"secret").build()
}

fn headers(names: &[&str]) -> Vec<u8> {
    let cells: String = names.iter().map(|name| format!("<c t=\"inlineStr\"><is><t>{name}</t></is></c>")).collect();
    XlsxParts::new().rows(&format!("<row r=\"1\">{cells}</row>")).build()
}

fn lying(lie: Lie) -> Vec<u8> {
    let sheet = "<worksheet><sheetData/></worksheet>";
    small().without("xl/worksheets/sheet1.xml").zip().entry("xl/worksheets/sheet1.xml", sheet).lie(lie).build()
}

fn doctype() -> Vec<u8> {
    let sheet = "<!DOCTYPE w [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                 <worksheet><sheetData><row><c t=\"inlineStr\"><is><t>&b;</t></is></c></row></sheetData></worksheet>";
    small().part("xl/worksheets/sheet1.xml", sheet).build()
}

/// Tags that are nearly all white space deflate a thousandfold.
fn ratio_bomb() -> Vec<u8> {
    let row = format!("<row{}/>", " ".repeat(4000));
    XlsxParts::new().rows(&format!("{HEADER}{}", row.repeat(10_000))).build()
}

fn one_huge_cell() -> Vec<u8> {
    let text = "x".repeat(900_000);
    XlsxParts::new().rows(&format!("{HEADER}<row><c t=\"inlineStr\"><is><t>{text}</t></is></c></row>")).build()
}

fn unclosed_quote() -> Vec<u8> {
    let mut bytes = b"id,note\n1,\"".to_vec();
    bytes.extend("lorem,\n".repeat(600_000).into_bytes());
    bytes
}
