//! One file for each way in which a file can be bad. Each says its name, its bytes, and what has to be said of it.

use std::collections::BTreeSet;

use super::ods::OdsParts;
use super::ole::OleBuilder;
use super::xls_parts::XlsParts;
use super::xlsb::XlsbParts;
use super::xlsx_parts::XlsxParts;
use super::zip_builder::ZipBuilder;

/// A bad file and what a reader has to answer.
#[derive(Clone)]
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

/// Of every format and every error one, without those that make very much of little: their rows would have to be stored
/// before the error is found.
pub fn all() -> Vec<Broken> {
    let mut seen = BTreeSet::new();
    let mut files = everyday();
    files.extend(hostile());
    files.retain(|file| {
        let is_expensive = matches!(file.limit, Some("output_ratio" | "memory_bytes"));
        !is_expensive && seen.insert((file.filename, file.code, file.limit))
    });
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
        broken("truncated xlsb", "a.xlsb", half(XlsbParts::new().row(1).text(0, "id").build()), "FILE_CORRUPT"),
        broken("truncated ods", "a.ods", half(OdsParts::new().table("T", "").build()), "FILE_CORRUPT"),
        broken("truncated xls", "a.xls", half(XlsParts::new().text(0, 0, "id").build()), "FILE_CORRUPT"),
        broken("truncated json", "a.json", b"[{\"id\":1},{\"id\"".to_vec(), "FILE_CORRUPT"),
        broken("encrypted", "a.xlsx", encrypted(), "FILE_ENCRYPTED"),
        broken("pdf named xlsx", "a.xlsx", PDF.to_vec(), "FORMAT_MISMATCH"),
        broken("xlsx named csv", "a.csv", good.clone(), "FORMAT_MISMATCH"),
        broken("csv named xlsx", "a.xlsx", b"a,b\n1,2\n".to_vec(), "FORMAT_MISMATCH"),
        broken("html named xls", "a.xls", b"<html><table><tr><td>1</td></tr></table>".to_vec(), "FORMAT_MISMATCH"),
        broken("xls named xlsx", "a.xlsx", OleBuilder::new().stream("Workbook", &[]).build(), "FORMAT_MISMATCH"),
        broken("gzip named csv", "a.csv", b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), "FORMAT_MISMATCH"),
        broken("docx named xlsx", "a.xlsx", document(), "FORMAT_MISMATCH"),
        broken("no header in xls", "a.xls", XlsParts::new().build(), "FILE_EMPTY"),
        broken("no table in ods", "a.ods", OdsParts::new().build(), "FILE_EMPTY"),
        broken("repeated headers", "a.xlsx", headers(&["id", "name", " id "]), "HEADER_REPEATED"),
        broken("empty header", "a.xlsx", headers(&["id", " ", "name"]), "HEADER_EMPTY"),
    ]
}

/// What people upload on purpose.
pub fn hostile() -> Vec<Broken> {
    super::hostile::all()
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

fn broken(what: &'static str, filename: &'static str, bytes: Vec<u8>, code: &'static str) -> Broken {
    Broken { what, filename, bytes, code: Some(code), limit: None }
}

pub(super) fn small() -> XlsxParts {
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

fn half(bytes: Vec<u8>) -> Vec<u8> {
    bytes[..bytes.len() / 2].to_vec()
}

fn document() -> Vec<u8> {
    let relation = "<Relationship Id=\"a\" Type=\"x/officeDocument\" Target=\"word/document.xml\"/>";
    ZipBuilder::new()
        .entry("_rels/.rels", format!("<Relationships>{relation}</Relationships>"))
        .entry("word/document.xml", "<document/>")
        .build()
}
