//! What is in the files.

use filas_domain::batch::Selection;
use filas_domain::commands;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::Clock as _;
use filas_domain::report::{Manifest, ResultFile};
use filas_testkit::memory::MemoryQueue;
use serde_json::{Value, json};

use super::world::{World, failed, succeeded};

const COLUMNS: &[(&str, Option<&str>)] =
    &[("order_id", None), ("sku", None), ("quantity", Some("#,##0")), ("order_date", Some("dd.mm.yyyy"))];

fn order(id: &str, quantity: impl Into<Value>) -> Value {
    json!({"order_id": id, "sku": "00012345", "quantity": quantity.into(), "order_date": "2024-03-01"})
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_in_order_and_each_kind_has_a_file_of_its_own() {
    let world = World::new();
    let rows = [
        order("A", 1),
        order("B", 0),
        json!("3 fields where 4 are named"),
        order("D", 1),
        order("E", 1),
        order("F", 2),
    ];
    let id = world.split("csv", COLUMNS, &rows).await;
    world.record(id, 0, &[succeeded(2), failed(3, "INVALID_ROW", "quantity: 0 is less than the minimum of 1")]).await;
    world.record(id, 1, &[failed(4, "RAGGED_ROW", "3 fields where 4 are named"), succeeded(5)]).await;
    world.change(id, 2, |batch| batch.buried(world.clock.now())).await;
    world.finish(id).await;
    world.report(id).await;
    assert_eq!(
        world.outcomes(id, ResultFile::Outcomes).await,
        ["2 succeeded", "3 INVALID_ROW", "4 RAGGED_ROW", "5 succeeded", "6 BATCH_DEAD", "7 BATCH_DEAD"]
    );
    assert_eq!(world.outcomes(id, ResultFile::Succeeded).await, ["2 succeeded", "5 succeeded"]);
    assert_eq!(world.outcomes(id, ResultFile::Failed).await, ["3 INVALID_ROW", "4 RAGGED_ROW"]);
    assert_eq!(world.outcomes(id, ResultFile::Unprocessed).await, ["6 BATCH_DEAD", "7 BATCH_DEAD"]);
    let failed: Value = serde_json::from_str(world.text(id, ResultFile::Failed).await.lines().next().unwrap()).unwrap();
    assert_eq!(failed["record"], order("B", 0));
    let unprocessed = world.text(id, ResultFile::Unprocessed).await;
    assert!(unprocessed.contains("\"record\":{\"order_id\":\"E\""), "{unprocessed}");
    let finished = world.task(id).await.head.finished.unwrap();
    let manifest: Manifest =
        serde_json::from_slice(&world.objects.bytes(&ObjectKey::manifest(id, finished)).unwrap()).unwrap();
    assert_eq!((manifest.files.len(), manifest.workbook_rows, manifest.failed_rows), (7, 2, 2));
    assert_eq!(
        (manifest.usage.lambda_requests, manifest.usage.s3_writes),
        (1, 1),
        "the meter of tests counts no writes"
    );
    for file in ResultFile::ALL {
        assert_eq!(world.objects.media_type(&world.key(id, file).await).as_deref(), Some(file.media_type()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_of_which_every_row_succeeded_has_no_failures() {
    let world = World::new();
    let id = world.split("csv", COLUMNS, &[order("A", 1)]).await;
    world.end(id, &[succeeded(2)]).await;
    world.report(id).await;
    assert_eq!(world.text(id, ResultFile::Failed).await, "");
    for file in ResultFile::ALL.into_iter().filter(|file| file.is_of_failures()) {
        assert_eq!(world.bytes(id, file).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_without_rows_has_files_with_nothing_in_them() {
    let world = World::new();
    let id = world.split("csv", COLUMNS, &[]).await;
    world.report(id).await;
    assert_eq!(world.text(id, ResultFile::Outcomes).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_task_of_many_batches_has_no_gap() {
    let world = World::new();
    let rows: Vec<Value> = (0..450).map(|_| json!({"order_id": "A"})).collect();
    let id = world.split("csv", COLUMNS, &rows).await;
    let outcomes: Vec<_> =
        (2..452).map(|row| if row % 7 == 0 { failed(row, "X", "no") } else { succeeded(row) }).collect();
    world.end(id, &outcomes).await;
    world.report(id).await;
    let expected: Vec<String> =
        (2..452).map(|row| format!("{row} {}", if row % 7 == 0 { "X" } else { "succeeded" })).collect();
    assert_eq!(world.outcomes(id, ResultFile::Outcomes).await, expected);
    assert_eq!(world.outcomes(id, ResultFile::Failed).await.len(), 64);
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_cancelled_task_that_were_not_tried_are_unprocessed() {
    let world = World::new();
    let id = world.split("csv", COLUMNS, &[order("A", 1), order("B", 0), order("C", 1)]).await;
    world.record(id, 0, &[succeeded(2), failed(3, "INVALID_ROW", "quantity: 0")]).await;
    commands::cancel(&world.ledger, &world.objects, &world.clock, id, None).await.unwrap();
    world.report(id).await;
    assert_eq!(world.outcomes(id, ResultFile::Outcomes).await, ["2 succeeded", "3 INVALID_ROW", "4 CANCELLED"]);
    assert_eq!(world.outcomes(id, ResultFile::Unprocessed).await, ["4 CANCELLED"]);
    assert!(world.bytes(id, ResultFile::Workbook).await.is_some());
}

/// Puts failed rows through again: of batches 0 and 1 of `id`, which have one each.
async fn redrive(world: &World, id: filas_domain::TaskId) {
    let queue = MemoryQueue::new("batch", &world.manual, std::time::Duration::from_secs(60), 5);
    let selection = Selection::Failed { code: None };
    let rows = commands::redrive(&world.ledger, &world.objects, &queue, &world.clock, id, &selection).await.unwrap();
    assert_eq!(rows, 2);
}

#[tokio::test(start_paused = true)]
async fn a_redrive_makes_other_files_in_which_the_last_outcome_is_right() {
    let world = World::new();
    let id = world.split("csv", COLUMNS, &[order("A", 0), order("B", 1), order("C", 0), order("D", 1)]).await;
    world.end(id, &[failed(2, "X", "no"), succeeded(3), failed(4, "Y", "no"), succeeded(5)]).await;
    world.report(id).await;
    let before = world.key(id, ResultFile::Outcomes).await;
    redrive(&world, id).await;
    world.record(id, 0, &[succeeded(2)]).await;
    // The worker that has the other one dies of it.
    world.change(id, 1, |batch| batch.buried(world.clock.now())).await;
    world.finish(id).await;
    world.report(id).await;
    assert_ne!(world.key(id, ResultFile::Outcomes).await, before);
    assert_eq!(
        world.outcomes(id, ResultFile::Outcomes).await,
        ["2 succeeded", "3 succeeded", "4 BATCH_DEAD", "5 succeeded"]
    );
    assert_eq!(world.text(id, ResultFile::Failed).await, "");
    let old = String::from_utf8(world.objects.bytes(&before).unwrap()).unwrap();
    assert_eq!(old.lines().count(), 4, "what was written of the first end stays what it was");
}

#[tokio::test(start_paused = true)]
async fn failed_rows_as_csv_cannot_be_taken_for_formulas() {
    let world = World::new();
    let rows = [json!({"order_id": "=cmd|' /C calc'!A0", "sku": "00012345", "quantity": -5, "order_date": "a,\"b\""})];
    let id = world.split("csv", COLUMNS, &rows).await;
    world.end(id, &[failed(2, "INVALID_ROW", "quantity: -5 is less")]).await;
    world.report(id).await;
    assert_eq!(
        world.text(id, ResultFile::Csv).await,
        "\u{feff}order_id,sku,quantity,order_date,filas_row,filas_stage,filas_code,filas_reason\r\n\
         \"'=cmd|' /C calc'!A0\",00012345,-5,\"a,\"\"b\"\"\",2,validate,INVALID_ROW,quantity: -5 is less\r\n"
    );
}

#[tokio::test(start_paused = true)]
async fn failed_records_keep_what_they_held_whatever_they_have_in_common() {
    let world = World::new();
    let rows = [json!({"a": 1, "nested": {"b": [1]}}), json!({"c": "x", "filas_code": "OLD"})];
    let id = world.split("ndjson", &[("a", None)], &rows).await;
    world.end(id, &[failed(2, "X", "no"), failed(3, "Y", "no")]).await;
    world.report(id).await;
    let records: Vec<Value> =
        world.text(id, ResultFile::Records).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records[0]["nested"], json!({"b": [1]}));
    assert_eq!((&records[1]["c"], &records[1]["filas_code"]), (&json!("x"), &json!("Y")));
    let csv = world.text(id, ResultFile::Csv).await;
    assert!(csv.starts_with("\u{feff}a,nested,c,filas_row,"), "{csv}");
}

#[tokio::test(start_paused = true)]
async fn rows_with_more_columns_than_a_spreadsheet_are_there_as_records_only() {
    let world = World::new();
    let wide: serde_json::Map<String, Value> = (0..16_400).map(|column| (format!("c{column}"), json!(1))).collect();
    let id = world.split("ndjson", &[], &[Value::Object(wide)]).await;
    world.end(id, &[failed(2, "X", "no")]).await;
    world.report(id).await;
    assert!(world.bytes(id, ResultFile::Records).await.is_some());
    assert_eq!(world.bytes(id, ResultFile::Workbook).await, None);
    assert_eq!(world.bytes(id, ResultFile::Csv).await, None);
}
