//! The orders workbook against its truth, and our reader against calamine's, cell by cell.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;

use crate::collect::{Collected, read};
use calamine::{DataRef, Reader, Xlsx};
use filas_sheets::{ReadOptions, SourceHint, read_rows};
use filas_testkit::workbooks::{orders, orders_csv};
use serde_json::Value;
use serde_json::value::RawValue;

fn is_bad(record: &Value) -> bool {
    let quantity = record["quantity"].as_i64().or_else(|| record["quantity"].as_str()?.parse().ok());
    let price = record["unit_price"].as_f64().or_else(|| record["unit_price"].as_str()?.parse().ok());
    record["order_id"].is_null()
        || record["sku"].is_null()
        || quantity.is_none_or(|quantity| quantity < 1)
        || price.is_none()
        || !["EUR", "USD", "GBP"].contains(&record["currency"].as_str().unwrap_or_default())
}

fn bad_rows(sink: &Collected) -> Vec<u32> {
    let parsed = sink.rows.iter().map(|(row, text)| (*row, serde_json::from_str::<Value>(text).unwrap()));
    parsed.filter(|(_, record)| is_bad(record)).map(|(row, _)| row).collect()
}

#[test]
fn orders_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    for (name, truth) in [
        ("a.xlsx", orders(&folder.path().join("a.xlsx"), 3000, 1).unwrap()),
        ("a.csv", orders_csv(&folder.path().join("a.csv"), 3000, 1).unwrap()),
    ] {
        let (summary, sink) = read(&std::fs::read(folder.path().join(name)).unwrap(), name).unwrap();
        assert_eq!((summary.rows, summary.bad_rows), (u64::from(truth.rows), 0), "{name}");
        assert_eq!(summary.columns.len(), 12);
        assert_eq!(bad_rows(&sink), truth.bad_row_numbers, "{name}");
        let errors = sink.rows.iter().filter(|(_, text)| text.contains("#N/A")).count();
        assert_eq!(errors as u32, truth.bad_by_kind["price_error"]);
        for (_, text) in &sink.rows {
            let record: Value = serde_json::from_str(text).unwrap();
            assert!(record["sku"].as_str().is_none_or(|sku| sku.len() == 8), "{text}");
            assert_eq!(record["order_date"].as_str().unwrap().len(), 10, "{text}");
            assert!(record["ship_at"].as_str().is_none_or(|at| at.len() == 19), "{text}");
        }
        assert!(sink.rows.iter().any(|(_, text)| text.contains("first line\\nsecond line")));
    }
}

/// The cells of a row as a map from column to JSON text, for both readers.
type Cells = BTreeMap<(u32, u32), String>;

fn cells_of_calamine(path: &std::path::Path, sheet: &str) -> Cells {
    let mut workbook = Xlsx::new(BufReader::new(File::open(path).unwrap())).unwrap();
    assert!(workbook.sheet_names().contains(&sheet.to_owned()));
    let mut reader = workbook.worksheet_cells_reader(sheet).unwrap();
    let mut cells = Cells::new();
    while let Some(cell) = reader.next_cell().unwrap() {
        let text = match cell.get_value() {
            DataRef::Empty => continue,
            DataRef::Int(number) => number.to_string(),
            DataRef::Float(number) => number.to_string(),
            DataRef::String(text) => serde_json::to_string(text).unwrap(),
            DataRef::SharedString(text) => serde_json::to_string(text).unwrap(),
            DataRef::Bool(value) => value.to_string(),
            DataRef::Error(error) => format!("{{\"error\":\"{error}\"}}"),
            DataRef::DateTime(moment) => {
                let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
                let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
                format!("\"{}\"", text.strip_suffix("T00:00:00").unwrap_or(&text))
            }
            other => panic!("{other:?}"),
        };
        cells.insert(cell.get_position(), text);
    }
    cells
}

fn cells_of_ours(path: &std::path::Path) -> Cells {
    let mut sink = Collected::default();
    read_rows(File::open(path).unwrap(), &SourceHint::default(), &ReadOptions::default(), &mut sink).unwrap();
    let mut cells = Cells::new();
    for (column, name) in (0..).zip(&sink.columns) {
        cells.insert((0, column), serde_json::to_string(name).unwrap());
    }
    for (row, text) in &sink.rows {
        // Raw, because serde_json reads some floats one unit in the last place off.
        let record: BTreeMap<&str, &RawValue> = serde_json::from_str(text).unwrap();
        for (column, name) in (0..).zip(&sink.columns) {
            let value = record[name.as_str()].get();
            if value != "null" {
                cells.insert((row - 1, column), value.to_owned());
            }
        }
    }
    cells
}

#[test]
fn our_cells_are_those_of_calamine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    orders(&path, 2000, 99).unwrap();
    let (theirs, ours) = (cells_of_calamine(&path, "Orders"), cells_of_ours(&path));
    assert_eq!(theirs.len(), ours.len());
    for (place, value) in &theirs {
        assert_eq!(ours.get(place), Some(value), "{place:?}");
    }
}

/// Random sheets by another writer, with strings inline and shared, gaps, odd texts and numbers of every size.
#[test]
fn random_sheets_are_read_as_calamine_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..40_u64 {
        let path = folder.path().join(format!("{seed}.xlsx"));
        write_random(&path, seed).unwrap();
        let (theirs, ours) = (cells_of_calamine(&path, "Sheet1"), cells_of_ours(&path));
        for (place, value) in &theirs {
            let same = ours.get(place) == Some(value);
            let same_number = || {
                let (ours, theirs) = (ours.get(place)?.parse::<f64>().ok()?, value.parse::<f64>().ok()?);
                Some(ours.to_bits() == theirs.to_bits())
            };
            assert!(same || same_number() == Some(true), "{seed} {place:?}: {:?}, not {value}", ours.get(place));
        }
        assert_eq!(theirs.len(), ours.len(), "{seed}");
    }
}

fn write_random(path: &std::path::Path, seed: u64) -> Result<(), rust_xlsxwriter::XlsxError> {
    const TEXTS: [&str; 10] =
        ["plain", "007", " spaces ", "a\nb", "<&>\"'", "_x000D_", "é李😀", "1e5", "true", "tab\tand\u{1}control"];
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = move |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let date = rust_xlsxwriter::Format::new().set_num_format("d/m/yyyy");
    let moment = rust_xlsxwriter::Format::new().set_num_format("yyyy\\-mm\\-dd\\ hh:mm:ss");
    let sheet =
        if seed.is_multiple_of(2) { workbook.add_worksheet_with_constant_memory()? } else { workbook.add_worksheet() };
    let columns = 1 + random(30) as u16;
    for column in 0..columns {
        sheet.write_string(0, column, format!("column {column}"))?;
    }
    for row in 1..60 {
        for column in 0..columns {
            match random(9) {
                0 => sheet.write_string(row, column, TEXTS[random(10) as usize])?,
                1 => sheet.write_number(row, column, random(1 << 40) as f64)?,
                2 => sheet.write_number(row, column, -(random(1 << 30) as f64) / 1000.0)?,
                3 => sheet.write_number(
                    row,
                    column,
                    f64::from_bits(0x3000_0000_0000_0000 + (random(1 << 59) & !(0xF << 58))),
                )?,
                4 => sheet.write_boolean(row, column, random(2) == 0)?,
                5 => sheet.write_number_with_format(row, column, (61 + random(60_000)) as f64, &date)?,
                6 => sheet.write_number_with_format(
                    row,
                    column,
                    (61 + random(60_000)) as f64 + (1 + random(86_399)) as f64 / 86_400.0,
                    &moment,
                )?,
                _ => sheet,
            };
        }
    }
    workbook.save(path)
}
