//! Files of orders with a known number of bad rows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Formula, Workbook, Worksheet, XlsxError};
use serde::{Deserialize, Serialize};

use super::orders_row::{OrderRow, OrderRows};
use crate::partner::is_known;

const COLUMNS: [&str; 12] = [
    "order_id",
    "sku",
    "customer",
    "quantity",
    "unit_price",
    "currency",
    "order_date",
    "ship_at",
    "express",
    "discount",
    "country",
    "note",
];

/// What is known of a file of orders. Every bad row breaks the schema in `pipelines/orders.yaml` and `pipelines/orders-check.yaml`, no other does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersTruth {
    /// All rows below the header.
    pub rows: u32,
    /// How many of them are bad.
    pub bad_rows: u32,
    /// Bad rows by kind.
    pub bad_by_kind: BTreeMap<String, u32>,
    /// Row numbers of the bad rows as the spreadsheet shows them; for csv the lines on which they start.
    pub bad_row_numbers: Vec<u32>,
    /// Row numbers of the other rows whose product the partner's catalogue does not know.
    pub unknown_row_numbers: Vec<u32>,
}

impl OrdersTruth {
    fn add(&mut self, row: &OrderRow, number: u32) {
        self.rows += 1;
        if let Some(fault) = row.fault {
            self.bad_rows += 1;
            *self.bad_by_kind.entry(fault.name().to_owned()).or_default() += 1;
            self.bad_row_numbers.push(number);
        } else if row.sku.as_deref().is_some_and(|sku| !is_known(sku)) {
            self.unknown_row_numbers.push(number);
        }
    }
}

/// Writes a workbook of orders in 12 columns, the same bytes for the same seed.
///
/// # Errors
///
/// When the file cannot be written, or `rows` is more than a sheet holds (1,048,575 below the header).
pub fn orders(path: &Path, rows: u32, seed: u64) -> io::Result<OrdersTruth> {
    write_workbook(path, rows, seed, Strings::Shared).map_err(io::Error::other)
}

/// Writes the same workbook as [`orders`] with every text in its own cell, as programs do that cannot look back.
///
/// # Errors
///
/// As [`orders`].
pub fn orders_inline(path: &Path, rows: u32, seed: u64) -> io::Result<OrdersTruth> {
    write_workbook(path, rows, seed, Strings::Inline).map_err(io::Error::other)
}

/// Where the texts of a workbook are.
#[derive(Clone, Copy)]
enum Strings {
    Shared,
    Inline,
}

/// The formats of the date columns.
struct DateFormats {
    day: Format,
    moment: Format,
}

fn write_workbook(path: &Path, rows: u32, seed: u64, strings: Strings) -> Result<OrdersTruth, XlsxError> {
    let mut workbook = Workbook::new();
    let created = ExcelDateTime::from_ymd(2024, 1, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
    let formats = DateFormats {
        day: Format::new().set_num_format("yyyy-mm-dd"),
        moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
    };
    // Rows go to a temporary file as they come; Excel itself shares its texts.
    let sheet = match strings {
        Strings::Shared => workbook.add_worksheet_with_low_memory()?,
        Strings::Inline => workbook.add_worksheet_with_constant_memory()?,
    };
    sheet.set_name("Orders")?;
    for (column, name) in (0..).zip(COLUMNS) {
        sheet.write_string(0, column, name)?;
    }
    let (mut source, mut truth) = (OrderRows::new(seed), OrdersTruth::default());
    for index in 1..=rows {
        let row = source.next_row();
        truth.add(&row, index + 1);
        write_row(sheet, index, &row, &formats)?;
    }
    workbook.save(path)?;
    Ok(truth)
}

fn write_row(sheet: &mut Worksheet, index: u32, row: &OrderRow, formats: &DateFormats) -> Result<(), XlsxError> {
    if let Some(order_id) = &row.order_id {
        sheet.write_string(index, 0, order_id)?;
    }
    if let Some(sku) = &row.sku {
        sheet.write_string(index, 1, sku)?;
    }
    sheet.write_string(index, 2, row.customer)?;
    match row.quantity {
        Ok(quantity) => sheet.write_number(index, 3, quantity)?,
        Err(words) => sheet.write_string(index, 3, words)?,
    };
    match row.unit_price {
        Some(cents) => sheet.write_number(index, 4, f64::from(cents) / 100.0)?,
        None => sheet.write_formula(index, 4, Formula::new("=NA()").set_result("#N/A"))?,
    };
    sheet.write_string(index, 5, row.currency)?;
    sheet.write_number_with_format(index, 6, row.order_date, &formats.day)?;
    if let Some((day, second)) = row.ship_at {
        let serial = f64::from(day) + f64::from(second) / 86_400.0;
        sheet.write_number_with_format(index, 7, serial, &formats.moment)?;
    }
    sheet.write_boolean(index, 8, row.express)?;
    if let Some(hundredths) = row.discount {
        sheet.write_number(index, 9, f64::from(hundredths) / 100.0)?;
    }
    sheet.write_string(index, 10, row.country)?;
    if let Some(note) = row.note {
        sheet.write_string(index, 11, note)?;
    }
    Ok(())
}

/// Writes the same orders as [`orders`] as csv: comma, UTF-8, `\n`, dates in ISO 8601.
///
/// # Errors
///
/// When the file cannot be written.
pub fn orders_csv(path: &Path, rows: u32, seed: u64) -> io::Result<OrdersTruth> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "{}", COLUMNS.join(","))?;
    let (mut source, mut truth) = (OrderRows::new(seed), OrdersTruth::default());
    let mut line = 2;
    for _ in 0..rows {
        let row = source.next_row();
        truth.add(&row, line);
        let text = csv_line(&row);
        line += 1 + text.matches('\n').count() as u32;
        writeln!(out, "{text}")?;
    }
    out.flush()?;
    Ok(truth)
}

fn csv_line(row: &OrderRow) -> String {
    let quantity = match row.quantity {
        Ok(quantity) => quantity.to_string(),
        Err(words) => words.to_owned(),
    };
    let price = row.unit_price.map_or("#N/A".to_owned(), |cents| format!("{}.{:02}", cents / 100, cents % 100));
    let ship_at = row.ship_at.map(|(day, second)| {
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{}T{hour:02}:{minute:02}:{second:02}", iso_day(day))
    });
    let fields = [
        row.order_id.clone().unwrap_or_default(),
        row.sku.clone().unwrap_or_default(),
        quoted(row.customer),
        quantity,
        price,
        row.currency.to_owned(),
        iso_day(row.order_date),
        ship_at.unwrap_or_default(),
        row.express.to_string(),
        row.discount.map_or(String::new(), |hundredths| format!("0.{hundredths:02}")),
        row.country.to_owned(),
        quoted(row.note.unwrap_or_default()),
    ];
    fields.join(",")
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', ';']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

/// The ISO date of a serial number from 2024 on.
fn iso_day(serial: u32) -> String {
    const FIRST_DAY: u32 = 45_292;
    let (mut year, mut day) = (2024, serial - FIRST_DAY);
    let is_leap = |year: u32| year.is_multiple_of(4);
    while day >= 365 + u32::from(is_leap(year)) {
        day -= 365 + u32::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u32::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (serial, date) in
            [(45_292, "2024-01-01"), (45_351, "2024-02-29"), (45_657, "2024-12-31"), (45_658, "2025-01-01")]
        {
            assert_eq!(iso_day(serial), date);
        }
    }

    #[test]
    fn the_truth_is_the_same_for_the_same_seed_and_has_every_kind() {
        let folder = std::env::temp_dir().join(format!("filas-orders-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let truth = orders(&folder.join("a.xlsx"), 2000, 7).unwrap();
        let again = orders(&folder.join("b.xlsx"), 2000, 7).unwrap();
        let as_csv = orders_csv(&folder.join("a.csv"), 2000, 7).unwrap();
        let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
        let (first, second) = (bytes("a.xlsx"), bytes("b.xlsx"));
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(truth, again);
        assert!(first == second, "the workbook is not deterministic");
        assert_eq!(truth.bad_by_kind, as_csv.bad_by_kind);
        assert_eq!(truth.bad_by_kind.len(), super::super::orders_row::Fault::ALL.len());
        assert!((15..=40).contains(&truth.bad_rows), "{}", truth.bad_rows);
        assert_eq!(truth.bad_rows as usize, truth.bad_row_numbers.len());
    }
}
