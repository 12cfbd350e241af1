//! `deliver: store`.

use filas_domain::ids::{Receipt, RowNumber};

use super::*;

const YAML: &str =
    "name: orders\nrows: { key: order_id }\ncompute: { total: row.quantity * 0.1 }\ndeliver: { store: {} }\n";

fn order(id: &str) -> Value {
    json!({"order_id": id, "quantity": 3})
}

async fn store(pipeline: &Pipeline, task: TaskId, number: u32, record: &Value) -> String {
    let context = RowContext { task: task.to_string(), ..context() };
    told(pipeline.run_row(row(number, record), &context).await)
}

#[tokio::test]
async fn a_row_is_kept_once_with_its_task_and_row() {
    let outside = Outside::new();
    let pipeline = outside.worker(YAML);
    assert_eq!(store(&pipeline, task(1), 2, &order("A-1")).await, "succeeded");
    // The same row coming again is a success, in another worker too.
    assert_eq!(store(&outside.worker(YAML), task(1), 2, &order("A-1")).await, "succeeded");
    let [record] = &outside.records.all()[..] else { panic!("{:?}", outside.records.all()) };
    assert_eq!(record.source, Receipt { task: task(1), row: RowNumber::new(2) });
    assert_eq!((record.id.key.as_str(), record.id.pipeline.as_str()), ("A-1", "orders"));
    // A decimal, and not 0.30000000000000004.
    assert_eq!(record.json, r#"{"order_id":"A-1","quantity":3,"total":0.3}"#);
}

#[tokio::test]
async fn another_row_with_the_key_fails_and_names_the_first() {
    let outside = Outside::new();
    let pipeline = outside.worker(YAML);
    assert_eq!(store(&pipeline, task(1), 2, &order("A-1")).await, "succeeded");
    let of_this = "Deliver DUPLICATE_KEY: the key \"A-1\" was stored before, by row 2 of this task";
    assert_eq!(store(&pipeline, task(1), 7, &order("A-1")).await, of_this);
    let of_another = format!("Deliver DUPLICATE_KEY: the key \"A-1\" was stored before, by row 2 of task {}", task(1));
    assert_eq!(store(&pipeline, task(2), 2, &order("A-1")).await, of_another);
    // Another owner's is another record.
    let other = Outside { owner: "globex".parse().unwrap(), ..outside.clone() };
    assert_eq!(store(&other.worker(YAML), task(3), 2, &order("A-1")).await, "succeeded");
    assert_eq!(outside.records.all().len(), 2);
}

#[tokio::test]
async fn rows_that_make_no_record_fail() {
    let outside = Outside::new();
    let pipeline = outside.worker(YAML);
    let empty = store(&pipeline, task(1), 2, &json!({"quantity": 1})).await;
    assert_eq!(empty, "Deliver INVALID_KEY: order_id: the record's key is empty, or no text");
    let long = store(&pipeline, task(1), 2, &order(&"é".repeat(513))).await;
    assert_eq!(long, "Deliver INVALID_KEY: order_id: a record's key may have 1024 bytes, this has 1026");
    let mut large = order("A-1");
    large["note"] = "x".repeat(400_000).into();
    let large = store(&pipeline, task(1), 2, &large).await;
    assert!(large.starts_with("Deliver RECORD_TOO_LARGE: a record may have 380000 bytes, this has 4000"), "{large}");
    assert_eq!(outside.records.all(), []);
}

#[tokio::test(start_paused = true)]
async fn trouble_with_the_table_is_not_the_rows() {
    let outside = Outside::new();
    let pipeline = outside.worker(YAML);
    // It passes: the row is stored, once, though an answer was lost.
    outside.records.fail_next("keep", 2);
    assert_eq!(store(&pipeline, task(1), 2, &order("A-1")).await, "succeeded");
    outside.records.lose_answers("keep", 1);
    assert_eq!(store(&pipeline, task(1), 3, &order("A-2")).await, "succeeded");
    // It does not pass while there is time.
    outside.records.fail_next("keep", 1000);
    let seen = store(&pipeline, task(1), 4, &order("A-3")).await;
    assert!(seen.starts_with("unavailable: keep in memory"), "{seen}");
    assert_eq!(outside.records.all().len(), 2);
}

#[tokio::test]
async fn without_a_key_nothing_can_be_stored() {
    let spec = parse("name: a\ndeliver: { store: {} }\n").unwrap();
    let error = Pipeline::compile(&spec, &Variables::new()).unwrap_err().to_string();
    assert!(error.contains("deliver.store: name the column that tells records apart: `rows: { key: … }`"), "{error}");
    // Without services a pipeline can be checked and not run.
    let pipeline = Pipeline::compile(&parse(YAML).unwrap(), &Variables::new()).unwrap();
    let seen = store(&pipeline, task(1), 2, &order("A-1")).await;
    assert_eq!(seen, "fault: nobody's pipeline has no records and no secrets");
}
