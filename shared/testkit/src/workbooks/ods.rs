//! An OpenDocument spreadsheet from hand-written tables.

use super::zip_builder::ZipBuilder;

/// Collects tables.
#[derive(Default)]
pub struct OdsParts {
    styles: String,
    tables: String,
}

impl OdsParts {
    /// A document without tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds automatic styles.
    #[must_use]
    pub fn styles(mut self, xml: &str) -> Self {
        self.styles.push_str(xml);
        self
    }

    /// Adds a table with these rows.
    #[must_use]
    pub fn table(self, name: &str, rows: &str) -> Self {
        self.styled_table(name, "", rows)
    }

    /// Adds a table of a style.
    #[must_use]
    pub fn styled_table(mut self, name: &str, style: &str, rows: &str) -> Self {
        let table = format!("<table:table table:name=\"{name}\" table:style-name=\"{style}\">{rows}</table:table>");
        self.tables.push_str(&table);
        self
    }

    /// The container, still open to changes.
    pub fn zip(&self) -> ZipBuilder {
        let spaces: String = ["office", "table", "text", "style"]
            .iter()
            .map(|name| format!(" xmlns:{name}=\"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0\""))
            .collect();
        let content = format!(
            "<?xml version=\"1.0\"?><office:document-content{spaces} xmlns:calcext=\"urn:calc\">\
             <office:automatic-styles>{}</office:automatic-styles><office:body><office:spreadsheet>{}\
             </office:spreadsheet></office:body></office:document-content>",
            self.styles, self.tables
        );
        ZipBuilder::new()
            .entry("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            .entry("content.xml", content)
    }

    /// The bytes of the document.
    pub fn build(&self) -> Vec<u8> {
        self.zip().build()
    }
}
