//! xlsx by `rust_xlsxwriter`, with texts shared or inline.

use std::path::Path;

use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet, XlsxError};

use super::{RandomSheet, Value};

/// Writes the sheet as the first of a workbook. Every other seed writes its texts inline.
///
/// # Errors
/// When the file cannot be written.
pub fn write(sheet: &RandomSheet, path: &Path) -> Result<(), XlsxError> {
    let mut workbook = Workbook::new();
    let target = match sheet.seed.is_multiple_of(2) {
        true => workbook.add_worksheet_with_constant_memory()?,
        false => workbook.add_worksheet(),
    };
    for (column, name) in (0..).zip(&sheet.columns) {
        target.write_string(0, column, name)?;
    }
    let formats = Formats::new();
    for (row, values) in (1..).zip(&sheet.rows) {
        for (column, value) in (0..).zip(values) {
            formats.write(target, row, column, value)?;
        }
    }
    workbook.save(path)
}

struct Formats {
    date: Format,
    moment: Format,
    time: Format,
    elapsed: Format,
}

impl Formats {
    fn new() -> Self {
        let format = |code: &str| Format::new().set_num_format(code);
        Self {
            date: format("d/m/yyyy"),
            moment: format("yyyy\\-mm\\-dd\\ hh:mm:ss"),
            time: format("[$-409]h:mm:ss AM/PM;@"),
            elapsed: format("[h]:mm"),
        }
    }

    fn write(&self, sheet: &mut Worksheet, row: u32, column: u16, value: &Value) -> Result<(), XlsxError> {
        let number = value.serial().unwrap_or_default();
        match value {
            Value::Empty => sheet,
            Value::Text(text) => sheet.write_string(row, column, text)?,
            Value::Number(_) => sheet.write_number(row, column, number)?,
            Value::Bool(value) => sheet.write_boolean(row, column, *value)?,
            Value::Error(code) => sheet.write_formula(row, column, Formula::new("=1/0").set_result(*code))?,
            Value::Date(_) => sheet.write_number_with_format(row, column, number, &self.date)?,
            Value::Moment { .. } => sheet.write_number_with_format(row, column, number, &self.moment)?,
            Value::Time(_) => sheet.write_number_with_format(row, column, number, &self.time)?,
            Value::Elapsed(_) => sheet.write_number_with_format(row, column, number, &self.elapsed)?,
        };
        Ok(())
    }
}
