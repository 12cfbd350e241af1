//! What a reader says of a cell, and whether that is the truth.

use std::collections::BTreeMap;

use filas_testkit::workbooks::random::{RandomSheet, Value, iso_date};

/// A cell as one of the readers gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Text(String),
    Number(f64),
    Bool(bool),
    Error(String),
    /// A number that the reader knows to be a date, a time or a duration.
    Serial(f64),
    /// A day, or a day with its time, or a time, as `2024-03-01T12:30:00` or `12:30:00`.
    Clock(String),
    /// Elapsed seconds.
    Seconds(f64),
}

/// Cells by row (from 1) and column (from 0). Row 1 holds the names of the columns.
pub type Cells = BTreeMap<(u32, u32), Cell>;

/// The cell says what the value is.
pub fn says(cell: &Cell, value: &Value) -> bool {
    match (cell, value) {
        (Cell::Text(found), Value::Text(text)) => found == text,
        (Cell::Bool(found), Value::Bool(value)) => found == value,
        (Cell::Error(found), Value::Error(code)) => found == code,
        // The two zeros are the same to a person, and to JSON.
        (Cell::Number(found), Value::Number(number)) => found == number,
        (Cell::Serial(found), Value::Date(_) | Value::Moment { .. } | Value::Time(_) | Value::Elapsed(_)) => {
            value.serial().is_some_and(|serial| (found - serial).abs() < 1e-9 * serial.abs().max(1.0))
        }
        (Cell::Clock(found), Value::Date(day)) => found.strip_suffix("T00:00:00").unwrap_or(found) == iso_date(*day),
        (Cell::Clock(found), _) => Some(found) == value.iso().as_ref(),
        (Cell::Seconds(found), Value::Elapsed(minutes)) => (found - f64::from(*minutes) * 60.0).abs() < 1e-3,
        (Cell::Seconds(found), Value::Time(second)) => (found - f64::from(*second)).abs() < 1e-3,
        _ => false,
    }
}

/// What our own records have to say, word for word: dates are ISO texts there.
pub fn ours_says(cell: &Cell, value: &Value) -> bool {
    match value.iso() {
        Some(iso) => *cell == Cell::Text(iso),
        None => says(cell, value),
    }
}

/// The sheet as values by place, without what a person does not see.
pub fn values(sheet: &RandomSheet) -> BTreeMap<(u32, u32), Value> {
    let names = (0..).zip(&sheet.columns).map(|(column, name)| ((1, column), Value::Text(name.clone())));
    let rows = sheet.visible_rows().flat_map(|(row, values)| {
        let cells = (0..).zip(values).map(move |(column, value)| ((row, column), value.clone()));
        cells.filter(|(_, value)| *value != Value::Empty)
    });
    names.chain(rows).collect()
}
