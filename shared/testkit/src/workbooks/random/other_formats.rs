//! xlsb, ods, csv and JSON of a random sheet. Each writer says what is left of the sheet in its format.

use std::fmt::Write;

use super::old_binary::error_code;
use super::{RandomSheet, Value};
use crate::workbooks::{OdsParts, XlsbParts};
use serde_json::json;

/// A binary workbook, and its truth: our builder has no format for a time of day, so that is a number there.
pub fn xlsb(sheet: &RandomSheet) -> (Vec<u8>, RandomSheet) {
    let mut truth = sheet.clone();
    for value in truth.rows.iter_mut().flatten() {
        match value {
            Value::Time(second) => *value = Value::Number(f64::from(*second) / 86_400.0),
            // The one date format of the builder shows no time, so midnight is not seen.
            Value::Moment { day, second: 0 } => *value = Value::Date(*day),
            _ => {}
        }
    }
    let mut parts = XlsbParts::new().row(1);
    let mut strings = 0_u32;
    for (column, name) in (0..).zip(&truth.columns) {
        parts = parts.text(column, name);
    }
    for (index, row) in truth.rows.iter().enumerate() {
        parts = parts.row(RandomSheet::row_number(index));
        for (column, value) in (0..).zip(row) {
            let real = value.serial().unwrap_or_default().to_le_bytes();
            parts = match value {
                Value::Empty => parts,
                Value::Text(text) if index % 2 == 0 => parts.text(column, text),
                Value::Text(text) => {
                    strings += 1;
                    parts.shared(text).cell(7, column, 0, &(strings - 1).to_le_bytes())
                }
                Value::Bool(value) => parts.cell(4, column, 0, &[u8::from(*value)]),
                Value::Error(code) => parts.cell(3, column, 0, &[error_code(code)]),
                Value::Number(_) | Value::Time(_) => parts.cell(5, column, 0, &real),
                Value::Date(_) | Value::Moment { .. } => parts.cell(5, column, 1, &real),
                Value::Elapsed(_) => parts.cell(5, column, 2, &real),
            };
        }
    }
    let parts = parts.claimed_extent(truth.rows.len() as u32, truth.columns.len() as u32 - 1);
    (parts.claimed_strings(strings).build(), truth)
}

/// An OpenDocument spreadsheet, and its truth: XML cannot hold control characters, and ods has no escape for them.
pub fn ods(sheet: &RandomSheet) -> (Vec<u8>, RandomSheet) {
    let mut truth = sheet.clone();
    for value in truth.rows.iter_mut().flatten() {
        if let Value::Text(text) = value {
            text.retain(|character| character == '\t' || character == '\n' || u32::from(character) >= 0x20);
        }
    }
    let mut rows = String::new();
    let names: Vec<Value> = truth.columns.iter().map(|name| Value::Text(name.clone())).collect();
    for row in std::iter::once(&names).chain(&truth.rows) {
        let cells: String = row.iter().map(ods_cell).collect();
        let _infallible = write!(rows, "<table:table-row>{cells}</table:table-row>");
    }
    let manifest = "<?xml version=\"1.0\"?><manifest:manifest \
                    xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>";
    let container = OdsParts::new().table("Sheet1", &rows).zip().entry("META-INF/manifest.xml", manifest);
    (container.build(), truth)
}

fn ods_cell(value: &Value) -> String {
    let cell =
        |kind: &str, inside: &str| format!("<table:table-cell office:value-type=\"{kind}\"{inside}</table:table-cell>");
    let iso = value.iso().unwrap_or_default();
    match value {
        Value::Empty => "<table:table-cell/>".to_owned(),
        Value::Text(text) => cell("string", &format!(">{}", paragraphs(text))),
        Value::Number(number) => cell("float", &format!(" office:value=\"{number:?}\">")),
        Value::Bool(value) => cell("boolean", &format!(" office:boolean-value=\"{value}\">")),
        Value::Error(code) => cell("string", &format!(" calcext:value-type=\"error\"><text:p>{code}</text:p>")),
        Value::Date(_) | Value::Moment { .. } => cell("date", &format!(" office:date-value=\"{iso}\">")),
        Value::Time(second) => {
            let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
            cell("time", &format!(" office:time-value=\"PT{hours:02}H{minutes:02}M{seconds:02}S\">"))
        }
        Value::Elapsed(minutes) => {
            let (hours, minutes) = (minutes / 60, minutes % 60);
            cell("time", &format!(" office:time-value=\"PT{hours}H{minutes:02}M00S\">"))
        }
    }
}

/// A line is a paragraph; every space is an element, because bare ones are folded.
fn paragraphs(text: &str) -> String {
    let line = |line: &str| {
        let escaped = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!("<text:p>{}</text:p>", escaped.replace(' ', "<text:s/>").replace('\t', "<text:tab/>"))
    };
    text.split('\n').map(line).collect()
}

/// Comma-separated values as text, all quoted; numbers and dates as they stand in a record.
pub fn csv(sheet: &RandomSheet) -> Vec<u8> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let line = |fields: Vec<String>| format!("{}\n", fields.join(","));
    let mut out = line(sheet.columns.iter().map(|name| quoted(name)).collect());
    for row in &sheet.rows {
        out.push_str(&line(row.iter().map(|value| quoted(&field(value))).collect()));
    }
    out.into_bytes()
}

/// The text of a value in a csv file.
pub fn field(value: &Value) -> String {
    match value {
        Value::Empty => String::new(),
        Value::Text(text) => text.clone(),
        Value::Number(number) => format!("{number}"),
        Value::Bool(value) => value.to_string(),
        Value::Error(code) => (*code).to_owned(),
        _ => value.iso().unwrap_or_default(),
    }
}

/// The rows as JSON, one a line and as an array, with numbers and nested values as the format has them.
pub fn json(sheet: &RandomSheet) -> [Vec<u8>; 2] {
    let record = |row: &Vec<Value>| {
        let fields = sheet.columns.iter().zip(row).map(|(name, value)| {
            let value = match value {
                Value::Empty => serde_json::Value::Null,
                Value::Text(text) => json!(text),
                Value::Number(number) => json!(number),
                Value::Bool(value) => json!(value),
                Value::Error(code) => json!({ "error": code, "at": [1, [2.5, null]] }),
                other => json!(other.iso()),
            };
            (name.clone(), value)
        });
        serde_json::Value::Object(fields.collect())
    };
    let records: Vec<serde_json::Value> = sheet.rows.iter().map(record).collect();
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    [lines.into_bytes(), format!("{:#}", serde_json::Value::Array(records)).into_bytes()]
}
