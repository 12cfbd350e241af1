//! OpenDocument spreadsheets, which may say how often something is repeated.

use super::{INFLATED, TOKEN, limit, named};
use crate::workbooks::OdsParts;
use crate::workbooks::broken::Broken;

const HEADER: &str = "<table:table-row><table:table-cell office:value-type=\"string\"><text:p>id</text:p>\
                      </table:table-cell></table:table-row>";

pub(super) fn all() -> Vec<Broken> {
    [repeats(), bombs()].concat()
}

fn table(rows: &str) -> OdsParts {
    OdsParts::new().table("T", &format!("{HEADER}{rows}"))
}

/// One row, so often, of one cell, so often.
fn row(times: &str, cell_times: &str, text: &str) -> String {
    format!(
        "<table:table-row table:number-rows-repeated=\"{times}\"><table:table-cell office:value-type=\"string\" \
         table:number-columns-repeated=\"{cell_times}\"><text:p>{text}</text:p></table:table-cell></table:table-row>"
    )
}

fn repeats() -> Vec<Broken> {
    let passes = |what, rows: &str, name| limit("a.ods", what, table(rows).build(), name);
    let header: String = (0..100)
        .map(|name| {
            format!("<table:table-cell office:value-type=\"string\"><text:p>n{name}</text:p></table:table-cell>")
        })
        .collect();
    let wide = format!("<table:table-row>{header}</table:table-row>{}", row("1048575", "100", &"x".repeat(5000)));
    vec![
        passes("rows repeated for ever", &row("18446744073709551615", "1", "x"), "rows"),
        passes("a row repeated beyond the sheet", &row("1048576", "1", "x"), "rows"),
        passes("columns repeated for ever", &row("1", "18446744073709551615", "x"), "columns"),
        passes("rows and columns repeated", &row("1048575", "16384", "x"), "HEADER_EMPTY"),
        limit("a.ods", "a long row repeated", OdsParts::new().table("T", &wide).build(), "output_ratio"),
        passes("a long cell repeated in one row", &row("1", "1000", &"x".repeat(100_000)), "record_bytes"),
        passes("spaces repeated", &row("1", "1", "<text:s text:c=\"4294967295\"/>"), "cell_bytes"),
        passes("spaces repeated often", &row("1", "1", &"<text:s text:c=\"100000\"/>".repeat(100_000)), "cell_bytes"),
    ]
    .into_iter()
    .map(|file| match file.limit {
        // Repeated beyond the names, which is found at the second cell.
        Some("HEADER_EMPTY") => Broken { code: Some("HEADER_EMPTY"), limit: None, ..file },
        _ => file,
    })
    .collect()
}

fn bombs() -> Vec<Broken> {
    let passes = |what, rows: &str, name| limit("a.ods", what, table(rows).build(), name);
    let padded = format!("<table:table-row{}/>", " ".repeat(4000));
    let doctype = "<!DOCTYPE d [<!ENTITY a \"aaaa\">]><d>&a;</d>";
    let plain = |content: &str| {
        crate::workbooks::ZipBuilder::new()
            .entry("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            .entry("content.xml", content)
            .build()
    };
    let tables = (0..2000).fold(OdsParts::new(), |parts, name| parts.table(&name.to_string(), ""));
    vec![
        passes("bomb by ratio", &padded.repeat(INFLATED / padded.len()), "compression_ratio"),
        passes("bomb by white space", &" ".repeat(TOKEN), "xml_token_bytes"),
        passes("bomb by one cell", &row("1", "1", &"x".repeat(TOKEN)), "xml_token_bytes"),
        passes("one huge cell", &row("1", "1", &"x".repeat(900_000)), "cell_bytes"),
        passes("deep nesting", &"<x>".repeat(100_000), "nesting"),
        passes("nested tables", &"<table:table-row><table:table-cell><table:table>".repeat(100), "nesting"),
        limit("a.ods", "many tables", tables.build(), "sheets"),
        named("a.ods", "document type", plain(doctype), "FILE_UNSAFE"),
    ]
}
