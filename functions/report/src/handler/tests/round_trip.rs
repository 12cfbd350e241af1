//! The failed rows are read again as what they were.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use filas_domain::report::{ResultFile, is_added};
use filas_sheets::{ReadOptions, RowSink, SourceHint, column_formats, read_rows};
use serde_json::{Map, Value, json};

use super::world::{World, failed};

/// Cells of every kind, with what a spreadsheet program would make of them if it were let.
fn rows() -> Vec<Value> {
    vec![
        json!({"order_id": "=1+1", "sku": "00012345", "quantity": 0, "order_date": "2024-03-01", "note": null, "express": true}),
        json!({"order_id": "+49 170", "sku": null, "quantity": "three", "order_date": "soon", "note": "a\nb \"c\"; d", "express": false}),
        json!({"order_id": "'tis", "sku": "1.50", "quantity": -3.25, "order_date": "2024-03-01T12:30:00", "note": "2024-03-01", "express": "TRUE"}),
        json!({"order_id": "@x", "sku": "007", "quantity": 12_345_678.5, "order_date": "2024-02-29", "note": "José 李雷", "express": null}),
    ]
}

const COLUMNS: &[(&str, Option<&str>)] = &[
    ("order_id", None),
    ("sku", None),
    ("quantity", Some("#,##0.00")),
    ("order_date", Some("dd.mm.yyyy")),
    ("note", None),
    ("express", None),
];

#[derive(Default)]
struct Records(Vec<Map<String, Value>>);

impl RowSink for Records {
    fn columns(&mut self, _names: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, _row: u32, record: &[u8]) -> io::Result<()> {
        self.0.push(serde_json::from_slice(record)?);
        Ok(())
    }

    fn bad_row(&mut self, _row: u32, code: &str, message: &str) -> io::Result<()> {
        Err(io::Error::other(format!("{code}: {message}")))
    }
}

fn on_disk(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// The rows of a file, without what Filas added, as a second upload would have them.
fn read(bytes: &[u8], name: &str) -> Vec<Value> {
    let hint = SourceHint { filename: Some(name.to_owned()), media_type: None };
    let mut records = Records::default();
    read_rows(on_disk(bytes), &hint, &ReadOptions::default(), &mut records).unwrap();
    let own = records.0.into_iter().map(|mut record| {
        assert!(record.keys().any(|name| is_added(name)));
        record.retain(|name, _| !is_added(name));
        Value::Object(record)
    });
    own.collect()
}

/// The failures of a task with these rows, read from a file of `format`.
async fn reported(format: &str) -> (World, filas_domain::TaskId) {
    let world = World::new();
    let id = world.split(format, COLUMNS, &rows()).await;
    let wrong = "sku: is required; quantity: \"three\" is not of type \"integer\"";
    let outcomes: Vec<_> =
        (2..6).map(|row| failed(row, "INVALID_ROW", if row == 3 { wrong } else { "quantity: no" })).collect();
    world.end(id, &outcomes).await;
    world.report(id).await;
    (world, id)
}

#[tokio::test(start_paused = true)]
async fn a_workbook_of_failed_rows_is_read_as_the_rows_that_failed() {
    let (world, id) = reported("xlsx").await;
    assert_eq!(read(&world.bytes(id, ResultFile::Workbook).await.unwrap(), "a.xlsx"), rows());
}

#[tokio::test(start_paused = true)]
async fn a_workbook_of_rows_from_text_leaves_text_alone() {
    let (world, id) = reported("csv").await;
    assert_eq!(read(&world.bytes(id, ResultFile::Workbook).await.unwrap(), "a.xlsx"), rows());
}

#[tokio::test(start_paused = true)]
async fn a_csv_file_of_failed_rows_is_read_as_the_text_of_the_rows_that_failed() {
    let (world, id) = reported("csv").await;
    let as_text = |value: &Value| match value {
        Value::Null | Value::String(_) => value.clone(),
        other => json!(other.to_string()),
    };
    let expected: Vec<Value> = rows()
        .iter()
        .map(|row| row.as_object().unwrap().iter().map(|(name, value)| (name.clone(), as_text(value))).collect())
        .collect();
    assert_eq!(read(&world.bytes(id, ResultFile::Csv).await.unwrap(), "a.csv"), expected);
}

#[tokio::test(start_paused = true)]
async fn failed_records_are_read_as_they_were() {
    let (world, id) = reported("ndjson").await;
    assert_eq!(read(&world.bytes(id, ResultFile::Records).await.unwrap(), "a.ndjson"), rows());
}

fn part(workbook: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(io::Cursor::new(workbook)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[tokio::test(start_paused = true)]
async fn a_workbook_keeps_the_formats_and_has_no_formula_and_a_note_on_each_cell_that_is_to_blame() {
    let (world, id) = reported("xlsx").await;
    let workbook = world.bytes(id, ResultFile::Workbook).await.unwrap();
    let hint = SourceHint::default();
    let formats = column_formats(&on_disk(&workbook), &hint, &ReadOptions::default()).unwrap();
    let format = |position| formats.iter().find(|(found, _)| *found == position).map(|(_, format)| format.as_str());
    assert_eq!((format(2), format(3)), (Some("#,##0.00"), Some("dd.mm.yyyy")));
    let sheet = part(&workbook, "xl/worksheets/sheet1.xml");
    assert!(!sheet.contains("<f>") && !sheet.contains("<f "), "no cell is a formula");
    // The sku of the second row is missing: the cell is there all the same, and marked.
    let notes = part(&workbook, "xl/comments1.xml");
    for (cell, says) in [
        ("B3", "sku: is required\nIt should be: text, of the pattern ^[0-9]{8}$"),
        ("C3", "quantity: \"three\" is not of type \"integer\"\nIt should be: a whole number, at least 1"),
        ("C2", "quantity: no\nIt should be: a whole number, at least 1"),
    ] {
        let after = notes.split_once(&format!("ref=\"{cell}\"")).unwrap_or_else(|| panic!("no note on {cell}")).1;
        let note = after.split_once("</comment>").unwrap().0.replace("&quot;", "\"");
        assert!(note.contains(says), "{cell}: {note}");
    }
    assert_eq!(notes.matches("<comment ").count(), 5);
    assert!(part(&workbook, "xl/worksheets/sheet1.xml").contains("r=\"B3\""));
}

#[tokio::test(start_paused = true)]
async fn the_same_failures_make_the_same_bytes() {
    let (first, second) = (reported("xlsx").await, reported("xlsx").await);
    assert_eq!(first.0.left_behind(), second.0.left_behind());
    // And so does writing them again after everything but the outcomes is lost.
    let (world, id) = first;
    let before = world.left_behind();
    for key in world.objects.keys() {
        let key_text = key.as_str();
        if ["failures.xlsx", "failures.csv", "manifest.json", "claim.json"].iter().any(|lost| key_text.ends_with(lost))
        {
            world.objects.forget(&key);
        }
    }
    world.report(id).await;
    assert!(world.left_behind() == before);
}
