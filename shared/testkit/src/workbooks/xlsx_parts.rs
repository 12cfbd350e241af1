//! A workbook from hand-written parts, for what no writer library will write.

use super::zip_builder::ZipBuilder;

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// The parts of a workbook with one sheet; each can be replaced, and others added.
pub struct XlsxParts {
    parts: Vec<(String, Vec<u8>)>,
}

impl Default for XlsxParts {
    fn default() -> Self {
        Self::new()
    }
}

impl XlsxParts {
    /// A workbook with the sheet `Sheet1`, without cells. Styles: 0 general, 1 `yyyy-mm-dd`, 2 `yyyy-mm-dd hh:mm:ss`,
    /// 3 `hh:mm:ss`, 4 `[h]:mm`, 5 the built-in date 14.
    pub fn new() -> Self {
        let parts = Self { parts: Vec::new() };
        parts
            .part("[Content_Types].xml", content_types())
            .part("_rels/.rels", relations(&[("rId1", "officeDocument", "xl/workbook.xml")]))
            .workbook("<sheet name=\"Sheet1\" sheetId=\"1\" r:id=\"rId1\"/>")
            .relations(&[
                ("rId1", "worksheet", "worksheets/sheet1.xml"),
                ("rId2", "styles", "styles.xml"),
                ("rId3", "sharedStrings", "sharedStrings.xml"),
            ])
            .part("xl/styles.xml", styles())
            .shared_strings("")
            .rows("")
    }

    /// Replaces or adds a part.
    #[must_use]
    pub fn part(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        match self.parts.iter_mut().find(|(existing, _)| existing == name) {
            Some(part) => part.1 = content,
            None => self.parts.push((name.to_owned(), content)),
        }
        self
    }

    /// Leaves a part out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parts.retain(|(existing, _)| existing != name);
        self
    }

    /// The rows of the first sheet, as the inside of `sheetData`.
    #[must_use]
    pub fn rows(self, rows: &str) -> Self {
        self.sheet_part("xl/worksheets/sheet1.xml", rows)
    }

    /// A sheet part with these rows.
    #[must_use]
    pub fn sheet_part(self, name: &str, rows: &str) -> Self {
        let xml =
            format!("<?xml version=\"1.0\"?><worksheet xmlns=\"{MAIN}\"><sheetData>{rows}</sheetData></worksheet>");
        self.part(name, xml)
    }

    /// The shared strings, as the inside of `sst`.
    #[must_use]
    pub fn shared_strings(self, items: &str) -> Self {
        let xml = format!("<?xml version=\"1.0\"?><sst xmlns=\"{MAIN}\" count=\"1\" uniqueCount=\"1\">{items}</sst>");
        self.part("xl/sharedStrings.xml", xml)
    }

    /// The workbook part, from the inside of `sheets`.
    #[must_use]
    pub fn workbook(self, sheets: &str) -> Self {
        self.workbook_with("", sheets)
    }

    /// The workbook part, with what stands before `sheets`.
    #[must_use]
    pub fn workbook_with(self, before: &str, sheets: &str) -> Self {
        let xml = format!(
            "<?xml version=\"1.0\"?><workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\">{before}<sheets>{sheets}</sheets></workbook>"
        );
        self.part("xl/workbook.xml", xml)
    }

    /// The relationships of the workbook: id, kind, target.
    #[must_use]
    pub fn relations(self, list: &[(&str, &str, &str)]) -> Self {
        self.part("xl/_rels/workbook.xml.rels", relations(list))
    }

    /// The container, still open to changes.
    pub fn zip(&self) -> ZipBuilder {
        let empty = ZipBuilder::new();
        self.parts.iter().fold(empty, |zip, (name, content)| zip.entry(name, content.clone()))
    }

    /// The bytes of the workbook.
    pub fn build(&self) -> Vec<u8> {
        self.zip().build()
    }
}

/// A relationships part: id, kind, target.
pub(super) fn relations(list: &[(&str, &str, &str)]) -> String {
    let items: String = list
        .iter()
        .map(|(id, kind, target)| {
            format!("<Relationship Id=\"{id}\" Type=\"{RELATIONS}/{kind}\" Target=\"{target}\"/>")
        })
        .collect();
    format!("<?xml version=\"1.0\"?><Relationships xmlns=\"{PACKAGE}\">{items}</Relationships>")
}

fn content_types() -> String {
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    format!(
        "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Override PartName=\"/xl/workbook.xml\" ContentType=\"{kind}.sheet.main+xml\"/>\
         <Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"{kind}.worksheet+xml\"/></Types>"
    )
}

fn styles() -> String {
    let formats = [(164, "yyyy-mm-dd"), (165, "yyyy-mm-dd hh:mm:ss"), (166, "hh:mm:ss"), (167, "[h]:mm")];
    let codes: String =
        formats.iter().map(|(id, code)| format!("<numFmt numFmtId=\"{id}\" formatCode=\"{code}\"/>")).collect();
    let cells: String = [0, 164, 165, 166, 167, 14].iter().map(|id| format!("<xf numFmtId=\"{id}\"/>")).collect();
    format!(
        "<?xml version=\"1.0\"?><styleSheet xmlns=\"{MAIN}\"><numFmts>{codes}</numFmts>\
         <cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs><cellXfs>{cells}</cellXfs></styleSheet>"
    )
}
