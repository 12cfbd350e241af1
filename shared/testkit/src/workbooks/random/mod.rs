//! Random sheets whose truth is known, and writers that put them into files of every format.
//!
//! * [`RandomSheet`]: columns and values by seed; [`Value`]: one cell, and what a reader has to make of it
//! * [`by_hand`]: xlsx with every habit that real writers have; [`by_library`]: xlsx by `rust_xlsxwriter`
//! * [`other_formats`]: xlsb, ods, csv and JSON; [`old_binary`]: xls
//! * [`Dice`]: random choices that a seed repeats

pub mod by_hand;
pub mod by_library;
mod dice;
pub mod old_binary;
pub mod other_formats;
mod texts;
mod value;

pub use dice::Dice;
pub use value::{Value, iso_date};

use serde_json::json;

/// A sheet with a header row and random values below it. A failing one is repeated by its seed.
#[derive(Debug, Clone, PartialEq)]
pub struct RandomSheet {
    /// What it was made of.
    pub seed: u64,
    /// Names of the columns, all different, from column A on.
    pub columns: Vec<String>,
    /// Rows below the header, each as wide as it. A row may be empty.
    pub rows: Vec<Vec<Value>>,
}

impl RandomSheet {
    /// The sheet of a seed: up to 24 columns and 40 rows, and at least one value.
    pub fn new(seed: u64) -> Self {
        Self::sized(seed, 24, 40)
    }

    /// The sheet of a seed, not larger than asked for.
    pub fn sized(seed: u64, most_columns: usize, most_rows: usize) -> Self {
        let mut dice = Dice::new(seed, 0);
        let width = 1 + dice.below(most_columns);
        let columns = (0..width).map(|column| texts::column_name(&mut dice, column)).collect();
        let height = 1 + dice.below(most_rows);
        let mut rows: Vec<Vec<Value>> = (0..height)
            .map(|_| {
                let is_empty = dice.once_in(12);
                let mut value = || if is_empty { Value::Empty } else { Value::random(&mut dice) };
                (0..width).map(|_| value()).collect()
            })
            .collect();
        rows.push((0..width).map(|column| Value::Number(column as f64)).collect());
        Self { seed, columns, rows }
    }

    /// Sheet row number of the n-th row below the header.
    pub fn row_number(index: usize) -> u32 {
        index as u32 + 2
    }

    /// The rows that hold a value a person sees, with their sheet row numbers.
    pub fn visible_rows(&self) -> impl Iterator<Item = (u32, &[Value])> {
        let numbered = self.rows.iter().enumerate().map(|(index, row)| (Self::row_number(index), row.as_slice()));
        numbered.filter(|(_, row)| row.iter().any(|value| !value.is_blank()))
    }

    /// The sheet for writers in other languages: `{"columns":[…],"rows":[[value, …], …]}`, a value as
    /// [`Value::to_json`] says.
    pub fn to_json(&self) -> String {
        let rows: Vec<Vec<serde_json::Value>> =
            self.rows.iter().map(|row| row.iter().map(Value::to_json).collect()).collect();
        json!({ "columns": self.columns, "rows": rows }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_sheet_and_many_seeds_make_every_kind_of_value() {
        assert_eq!(RandomSheet::new(7), RandomSheet::new(7));
        assert_ne!(RandomSheet::new(7).rows, RandomSheet::new(8).rows);
        let sheets: Vec<RandomSheet> = (0..50).map(RandomSheet::new).collect();
        let values: Vec<&Value> = sheets.iter().flat_map(|sheet| sheet.rows.iter().flatten()).collect();
        let kinds = |kind: fn(&Value) -> bool| values.iter().filter(|value| kind(value)).count();
        for (name, count) in [
            ("empty", kinds(|value| matches!(value, Value::Empty))),
            ("text", kinds(|value| matches!(value, Value::Text(_)))),
            ("number", kinds(|value| matches!(value, Value::Number(_)))),
            ("bool", kinds(|value| matches!(value, Value::Bool(_)))),
            ("error", kinds(|value| matches!(value, Value::Error(_)))),
            ("date", kinds(|value| matches!(value, Value::Date(_)))),
            ("moment", kinds(|value| matches!(value, Value::Moment { .. }))),
            ("time", kinds(|value| matches!(value, Value::Time(_)))),
            ("elapsed", kinds(|value| matches!(value, Value::Elapsed(_)))),
        ] {
            assert!(count > 100, "{name}: {count}");
        }
        for sheet in &sheets {
            let mut names = sheet.columns.clone();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), sheet.columns.len(), "{}", sheet.seed);
        }
    }
}
