//! Failed rows as csv and as records.

use anyhow::Result;
use filas_domain::report::{
    ADDED_COLUMNS, CODE_COLUMN, REASON_COLUMN, ROW_COLUMN, ResultFile, STAGE_COLUMN, is_added, needs_guard,
};
use serde_json::Value;

use crate::table::{FailedRow, Table};

/// Says that a file is UTF-8: without it, a spreadsheet program on Windows takes it for something else.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Appends what comes before the rows in a file of this kind: the names, in csv.
pub fn begin(out: &mut Vec<u8>, file: ResultFile, table: &Table) {
    if file == ResultFile::Csv {
        csv_header(out, table);
    }
}

/// Appends a row as csv, or as a record.
///
/// # Errors
/// When the row is no JSON.
pub fn append(out: &mut Vec<u8>, file: ResultFile, table: &Table, row: FailedRow) -> Result<()> {
    match file {
        ResultFile::Csv => csv_row(out, table, &row),
        _ => record(out, row)?,
    }
    Ok(())
}

fn csv_header(out: &mut Vec<u8>, table: &Table) {
    out.extend_from_slice(BYTE_ORDER_MARK.as_bytes());
    // The names stand where the pipeline looks for them.
    for _ in 1..table.header_row {
        out.extend_from_slice(b"\r\n");
    }
    let names = table.columns.iter().flatten().map(|column| column.name.as_str()).chain(ADDED_COLUMNS);
    csv_line(out, names.map(str::to_owned));
}

fn csv_row(out: &mut Vec<u8>, table: &Table, row: &FailedRow) {
    let own = table.columns.iter().flatten().map(|column| row.record.get(&column.name).map_or_else(String::new, shown));
    let added = [row.row.to_string(), row.stage.as_str().to_owned(), row.code.clone(), row.message.clone()];
    csv_line(out, own.chain(added.map(guarded)));
}

fn csv_line(out: &mut Vec<u8>, fields: impl Iterator<Item = String>) {
    for (position, field) in fields.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        let needs_quotes =
            field.contains(['"', ',', ';', '\t', '\r', '\n', '|']) || field.starts_with(' ') || field.ends_with(' ');
        match needs_quotes {
            true => out.extend_from_slice(format!("\"{}\"", field.replace('"', "\"\"")).as_bytes()),
            false => out.extend_from_slice(field.as_bytes()),
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn guarded(text: String) -> String {
    if needs_guard(&text) { format!("'{text}") } else { text }
}

/// A cell as csv has it: text that could be taken for a formula is guarded, and no value is text that is not.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => guarded(text.clone()),
        value => guarded(plain(value)),
    }
}

/// A value that is no text, as text.
pub(crate) fn plain(value: &Value) -> String {
    let error = value.as_object().filter(|cell| cell.len() == 1).and_then(|cell| cell.get("error")?.as_str());
    error.map_or_else(|| value.to_string(), str::to_owned)
}

/// A record as it was, with what was wrong: to be mended and uploaded again like any ndjson file.
fn record(out: &mut Vec<u8>, row: FailedRow) -> Result<()> {
    let mut record = row.record;
    record.retain(|name, _| !is_added(name));
    record.insert(ROW_COLUMN.into(), row.row.into());
    record.insert(STAGE_COLUMN.into(), row.stage.as_str().into());
    record.insert(CODE_COLUMN.into(), row.code.into());
    record.insert(REASON_COLUMN.into(), row.message.into());
    serde_json::to_writer(&mut *out, &record)?;
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_csv_cell_is_never_a_formula() {
        let check = |value: Value, expected: &str| {
            let mut out = Vec::new();
            csv_line(&mut out, [shown(&value), "end".to_owned()].into_iter());
            assert_eq!(String::from_utf8(out).unwrap(), format!("{expected},end\r\n"), "{value}");
        };
        check(json!("=HYPERLINK(\"http://x\",\"y\")"), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
        check(json!("+49 170"), "'+49 170");
        check(json!("@x"), "'@x");
        check(json!("-2+3"), "'-2+3");
        check(json!("\t=1"), "\"'\t=1\"");
        check(json!("-5"), "-5");
        check(json!(-5.25), "-5.25");
        check(json!(null), "");
        check(json!(true), "true");
        check(json!({"error": "#N/A"}), "#N/A");
        check(json!(["a", 1]), "\"[\"\"a\"\",1]\"");
        check(json!("00012345"), "00012345");
        check(json!("a;b"), "\"a;b\"");
        check(json!(" x"), "\" x\"");
    }
}
