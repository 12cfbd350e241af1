//! One line of a rows object as a row.

use std::fmt;

use filas_domain::ids::RowNumber;
use filas_domain::outcome::{Failure, Stage as StageName};
use filas_domain::report::is_added;
use serde::Deserialize;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

/// One row as the split wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRow {
    /// The number that the person sees in the spreadsheet.
    pub number: RowNumber,
    /// The cells by column, in column order, or why the row could not be read. An empty cell is not there: it counts as
    /// absent in every stage.
    pub record: Result<Map<String, Value>, Unreadable>,
}

/// Why a row could not be read from the file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Unreadable {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        // Whoever reads the file compares its keys, because nobody else sees all of them; it is a check all the same.
        let stage = if unreadable.code == crate::unique::CODE { StageName::Validate } else { StageName::Read };
        Self { stage, code: unreadable.code, message: unreadable.message }
    }
}

impl SourceRow {
    /// Reads one line of a rows object, with or without its line end. An error means that the object is damaged: it is the
    /// machine's trouble and not the row's.
    pub fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        let parsed: Line = serde_json::from_slice(line)?;
        match (parsed.record, parsed.error) {
            // What is wrong with a row counts, though its cells may stand there as well, for a person to see.
            (_, Some(unreadable)) => Ok(Self { number: parsed.row, record: Err(unreadable) }),
            (Some(Record(record)), None) => Ok(Self { number: parsed.row, record: Ok(record) }),
            (None, None) => Err(serde_json::Error::custom("a row has a record or an error")),
        }
    }
}

impl SourceRow {
    /// The row of one element of a JSON array, as the split would read it. An element that is no object is a bad row.
    pub fn of_element(number: RowNumber, json: &str) -> Self {
        let record = serde_json::from_str::<Record>(json).map(|Record(record)| record);
        // In the words of the reader, which finds the same.
        let unreadable =
            || Unreadable { code: "INVALID_RECORD".to_owned(), message: "the record is not a JSON object".to_owned() };
        Self { number, record: record.map_err(|_| unreadable()) }
    }
}

#[derive(Deserialize)]
struct Line {
    row: RowNumber,
    record: Option<Record>,
    error: Option<Unreadable>,
}

/// The cells that are not empty, but for those that Filas added. They are left out while reading, because taking them out afterwards would cost more.
struct Record(Map<String, Value>);

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor).map(Self)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Map<String, Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the cells of a row by column")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut cells: A) -> Result<Self::Value, A::Error> {
        let mut record = Map::new();
        while let Some(column) = cells.next_key::<String>()? {
            let value = cells.next_value::<Value>()?;
            // A file of failed rows that was mended is uploaded as it is, with the columns that say what was wrong.
            if !value.is_null() && !is_added(&column) {
                record.insert(column, value);
            }
        }
        Ok(record)
    }
}

/// The text of an error cell, such as `#N/A`, if `value` is one.
pub(crate) fn cell_error(value: &Value) -> Option<&str> {
    let cell = value.as_object().filter(|cell| cell.len() == 1)?;
    cell.get("error")?.as_str().filter(|text| text.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_become_rows() {
        let row = SourceRow::of_element(RowNumber::new(3), r#"{"b":1,"a":"x","c":null}"#);
        assert_eq!(serde_json::to_string(&row.record.unwrap()).unwrap(), r#"{"b":1,"a":"x"}"#);
        for no_record in ["[1]", "7", "null", "\"text\""] {
            let unreadable = SourceRow::of_element(RowNumber::new(3), no_record).record.unwrap_err();
            assert_eq!(unreadable.code, "INVALID_RECORD", "{no_record}");
        }
    }

    #[test]
    fn lines_become_rows() {
        let check = |line: &str, number: u32, record: &str| {
            let row = SourceRow::parse(line.as_bytes()).unwrap();
            assert_eq!(row.number, RowNumber::new(number));
            let seen = match row.record {
                Ok(record) => serde_json::to_string(&record).unwrap(),
                Err(unreadable) => format!("{}: {}", unreadable.code, unreadable.message),
            };
            assert_eq!(seen, record, "{line}");
        };
        check(r#"{"row":2,"record":{"b":1,"a":"x","c":null}}"#, 2, r#"{"b":1,"a":"x"}"#);
        check("{\"row\":3,\"record\":{}}\n", 3, "{}");
        check(
            r#"{"row":6,"record":{"a":"x","filas_row":7,"filas_stage":"validate","filas_code":"C","filas_reason":"r","filas":1}}"#,
            6,
            r#"{"a":"x","filas":1}"#,
        );
        check(r##"{"row":4,"record":{"a":{"error":"#N/A"}}}"##, 4, r##"{"a":{"error":"#N/A"}}"##);
        check(r#"{"row":5,"error":{"code":"RAGGED_ROW","message":"7 cells"}}"#, 5, "RAGGED_ROW: 7 cells");
    }

    #[test]
    fn damaged_lines_are_errors() {
        for damaged in ["", "{}", "[]", r#"{"row":2}"#, r#"{"row":2,"record":{"a":1}"#, r#"{"row":-1,"record":{}}"#] {
            assert!(SourceRow::parse(damaged.as_bytes()).is_err(), "{damaged}");
        }
    }

    #[test]
    fn only_error_cells_are_error_cells() {
        let check = |value: &str, expected| assert_eq!(cell_error(&serde_json::from_str(value).unwrap()), expected);
        check(r##"{"error":"#DIV/0!"}"##, Some("#DIV/0!"));
        check(r#"{"error":"late"}"#, None);
        check(r##"{"error":"#N/A","more":1}"##, None);
        check(r##""#N/A""##, None);
    }
}
