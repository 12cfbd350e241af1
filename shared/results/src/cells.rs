//! What a value becomes in a workbook: a date stays a date, a number a number, and text is text, whatever it looks like.

use filas_sheets::{is_moment_format, moment_text};
use rust_xlsxwriter::ExcelDateTime;
use serde_json::{Number, Value};

use crate::table::{Column, Source};
use crate::text::plain;

/// The most characters of a cell.
pub const LONGEST_TEXT: usize = 32_767;

/// Whole numbers beyond this lose digits in a workbook.
const EXACT: f64 = 9_007_199_254_740_991.0;

/// The format under which a number stays text that is typed, and a formula too.
pub const TEXT_FORMAT: &str = "@";

/// A cell of a workbook.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing, in the format of its column.
    Empty,
    /// A truth value.
    Bool(bool),
    /// A number, a date or a time, under a number format; the general one unless given.
    Number(f64, Option<String>),
    /// Text, under a number format; that of the column unless given.
    Text(String, Option<&'static str>),
}

/// The cell of a value.
pub fn cell(value: &Value, column: &Column, source: Source) -> Cell {
    match value {
        Value::Null => Cell::Empty,
        Value::Bool(truth) => Cell::Bool(*truth),
        Value::Number(number) => number_cell(number, column),
        Value::String(text) => moment(text, column, source).unwrap_or_else(|| text_cell(text.clone())),
        Value::Array(_) | Value::Object(_) => text_cell(plain(value)),
    }
}

fn number_cell(number: &Number, column: &Column) -> Cell {
    match number.as_f64().filter(|exact| exact.abs() <= EXACT || number.is_f64()) {
        Some(exact) => Cell::Number(exact, column.format.clone().filter(|format| !is_moment_format(format))),
        None => text_cell(number.to_string()),
    }
}

/// Text stays as it is when somebody opens the cell and closes it again: what a spreadsheet program would take for
/// something else then is under the format for text.
fn text_cell(text: String) -> Cell {
    let looks_like_more = text.starts_with(|first: char| first.is_ascii_digit() || first.is_whitespace())
        || text.starts_with(['=', '+', '-', '@', '.', '\'', '#', '(', '$', '€', '£', '¥', '%'])
        || ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word));
    Cell::Text(text, looks_like_more.then_some(TEXT_FORMAT))
}

/// The date, the time or the duration that is spelled so: only if it will be read as the same again.
fn moment(text: &str, column: &Column, source: Source) -> Option<Cell> {
    let own = column.format.as_deref().filter(|format| is_moment_format(format));
    // Of a workbook whose formats are known, text in a column without dates is text; csv and JSON have nothing but text.
    if source == Source::Text || (source == Source::Formatted && own.is_none()) {
        return None;
    }
    let (serial, usual) = serial(text)?;
    let format = own.into_iter().chain([usual]).find(|format| moment_text(serial, format).as_deref() == Some(text))?;
    Some(Cell::Number(serial, Some(format.to_owned())))
}

/// The serial number of ISO text, and a format that shows all of it.
fn serial(text: &str) -> Option<(f64, &'static str)> {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|some| some.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let has_fraction = text.contains('.');
    if let Some(hours) = text.strip_prefix("PT").or_else(|| text.strip_prefix("-PT")) {
        let days = elapsed(hours)?;
        let format = if has_fraction { "[h]:mm:ss.000" } else { "[h]:mm:ss" };
        return Some((if text.starts_with('-') { -days } else { days }, format));
    }
    let format = match text.len() {
        10 if digits(0..4) && digits(5..7) && digits(8..10) => "yyyy-mm-dd",
        19 | 23 if digits(0..4) && text.as_bytes()[10] == b'T' => match has_fraction {
            true => "yyyy-mm-dd hh:mm:ss.000",
            false => "yyyy-mm-dd hh:mm:ss",
        },
        8 | 12 if digits(0..2) && text.as_bytes()[2] == b':' => match has_fraction {
            true => "hh:mm:ss.000",
            false => "hh:mm:ss",
        },
        _ => return None,
    };
    let moment = ExcelDateTime::parse_from_str(text).ok()?.to_excel();
    Some((moment, format))
}

/// Days of `26H30M1.500S`.
fn elapsed(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut number = String::new();
    for letter in text.chars() {
        let unit = match letter {
            'H' => 3600.0,
            'M' => 60.0,
            'S' => 1.0,
            digit => {
                number.push(digit);
                continue;
            }
        };
        seconds += unit * std::mem::take(&mut number).parse::<f64>().ok()?;
    }
    number.is_empty().then_some(seconds / 86_400.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: Value, format: Option<&str>, source: Source, expected: &str) {
        let column = Column { name: "a".into(), format: format.map(str::to_owned), expected: None };
        let found = match cell(&value, &column, source) {
            Cell::Empty => "empty".to_owned(),
            Cell::Bool(truth) => truth.to_string(),
            Cell::Number(number, format) => format!("{number} as {}", format.as_deref().unwrap_or("it is")),
            Cell::Text(text, format) => format!("'{text}' as {}", format.unwrap_or("it is")),
        };
        assert_eq!(found, expected, "{value} {format:?} {source:?}");
    }

    #[test]
    fn dates_stay_dates_where_they_were_some() {
        use Source::{Formatted, Text, Workbook};
        check(json!("2024-03-01"), Some("dd.mm.yyyy"), Formatted, "45352 as dd.mm.yyyy");
        check(json!("2024-03-01"), None, Formatted, "'2024-03-01' as @");
        check(json!("2024-03-01"), None, Workbook, "45352 as yyyy-mm-dd");
        check(json!("2024-03-01"), None, Text, "'2024-03-01' as @");
        check(json!("2024-03-01T12:00:00"), Some("dd.mm.yyyy hh:mm"), Formatted, "45352.5 as dd.mm.yyyy hh:mm");
        check(json!("2024-03-01T00:00:00"), Some("dd.mm.yyyy"), Formatted, "45352 as yyyy-mm-dd hh:mm:ss");
        check(json!("2024-03-01"), Some("dd.mm.yyyy hh:mm"), Formatted, "45352 as yyyy-mm-dd");
        check(json!("12:00:00"), Some("h:mm"), Formatted, "0.5 as h:mm");
        check(json!("PT26H30M"), Some("[h]:mm"), Formatted, "1.1041666666666667 as [h]:mm");
        check(json!("-PT12H"), None, Workbook, "-0.5 as [h]:mm:ss");
        check(json!("2024-02-30"), None, Workbook, "'2024-02-30' as @");
        // A day that there never was, but in Excel, which reads it so again.
        check(json!("1900-02-29"), Some("yyyy-mm-dd"), Formatted, "60 as yyyy-mm-dd");
        check(json!("soon"), Some("yyyy-mm-dd"), Formatted, "'soon' as it is");
    }

    #[test]
    fn numbers_stay_numbers_and_text_stays_text() {
        use Source::Formatted;
        check(json!(1.5), Some("#,##0.00"), Formatted, "1.5 as #,##0.00");
        check(json!(1.5), Some("yyyy-mm-dd"), Formatted, "1.5 as it is");
        check(json!(3), None, Formatted, "3 as it is");
        check(json!(18_446_744_073_709_551_615_u64), None, Formatted, "'18446744073709551615' as @");
        check(json!("00012345"), None, Formatted, "'00012345' as @");
        check(json!("=1+1"), None, Formatted, "'=1+1' as @");
        check(json!("+49"), None, Formatted, "'+49' as @");
        check(json!("José"), None, Formatted, "'José' as it is");
        check(json!("TRUE"), None, Formatted, "'TRUE' as @");
        check(json!(true), None, Formatted, "true");
        check(json!(null), None, Formatted, "empty");
        check(json!({"error": "#N/A"}), None, Formatted, "'#N/A' as @");
        check(json!({"a": [1]}), None, Formatted, "'{\"a\":[1]}' as it is");
    }
}
