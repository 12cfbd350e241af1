//! `filas run`: files through pipelines on this machine.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::fake::{Said, filas};

const ORDERS: &str = "order_id,sku,customer,quantity,unit_price,currency,order_date\n\
    A-1,00012345,Zoë,3,1.50,EUR,2024-01-02\n\
    A-2,00012345,José,0,1.50,CHF,2024-01-02\n\
    A-1,00012346,Ann,1,2.50,EUR,2024-01-03\n\
    A-4,00012347,Zoë,2,2.50,EUR,2024-01-03\n";

fn run(folder: &Path, name: &str, content: &str, more: &[&str]) -> Said {
    let file = folder.join(name);
    fs::write(&file, content).unwrap();
    Said::from(filas(&[&["run", file.to_str().unwrap()], more].concat()).output().unwrap())
}

fn lines(folder: &TempDir, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.path().join("orders-results").join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_file_has_the_results_that_an_upload_would_have() {
    let folder = TempDir::new().unwrap();
    let said = run(folder.path(), "orders.csv", ORDERS, &["--pipeline", "orders-check", "--json"]);
    assert_eq!(said.code, 3, "{said:?}");
    let told: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (&told["succeeded"], &told["failed"], &told["unprocessed"]),
        (&2.into(), &2.into(), &0.into()),
        "{told}"
    );
    assert_eq!(told["failed_by_code"]["DUPLICATE_KEY"], 1, "{told}");
    let outcomes = lines(&folder, "outcomes.ndjson");
    let told: Vec<_> = outcomes.iter().map(|line| (line["row"].as_u64(), line["outcome"].as_str())).collect();
    let (good, bad) = (Some("succeeded"), Some("failed"));
    assert_eq!(told, [(Some(2), good), (Some(3), bad), (Some(4), bad), (Some(5), good)]);
    assert_eq!(lines(&folder, "succeeded.ndjson").len(), 2);
    assert_eq!(lines(&folder, "failed.ndjson")[0]["record"]["customer"], "José");
    assert!(lines(&folder, "unprocessed.ndjson").is_empty());
    assert_eq!(lines(&folder, "failures.ndjson")[0]["filas_code"], "INVALID_ROW");
    assert!(folder.path().join("orders-results/failures.xlsx").exists());
}

#[test]
fn failed_rows_are_mended_and_run_again() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), "orders.csv", ORDERS, &["--pipeline", "orders-check"]);
    let failures = fs::read_to_string(folder.path().join("orders-results/failures.csv")).unwrap();
    let mended = failures.replace(",0,", ",1,").replace("CHF", "EUR").replace("A-1,", "A-3,");
    let said = run(folder.path(), "mended.csv", &mended, &["--pipeline", "orders-check"]);
    assert_eq!(said.code, 0, "{said:?}\n{mended}");
    assert!(said.stdout.contains("mended-results: outcomes.ndjson"), "{said:?}");
}

#[test]
fn what_a_pipeline_stores_is_a_file() {
    let folder = TempDir::new().unwrap();
    let pipeline = folder.path().join("own.yaml");
    let yaml = "name: own\nrows: { key: id }\nvalidate: { properties: { id: { type: string } } }\n\
                deliver: { store: { record: \"{'id': row.id}\" } }\n";
    fs::write(&pipeline, yaml).unwrap();
    let said = run(folder.path(), "orders.csv", "id\nb\na\n", &["--pipeline", pipeline.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said:?}");
    let kept = lines(&folder, "records.ndjson");
    assert_eq!((kept.len(), &kept[0]["key"], &kept[0]["record"]["id"]), (2, &"a".into(), &"a".into()), "{kept:?}");
}

#[test]
fn a_row_that_needs_what_is_not_here_leaves_the_rest_unprocessed() {
    let folder = TempDir::new().unwrap();
    let pipeline = folder.path().join("own.yaml");
    let yaml = "name: own\ndeliver: { queue: { url: \"https://sqs.example/1/q\", body: row } }\n";
    fs::write(&pipeline, yaml).unwrap();
    let said = run(folder.path(), "orders.csv", "id\nb\na\n", &["--pipeline", pipeline.to_str().unwrap()]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains("stopped: "), "{said:?}");
    let left = lines(&folder, "unprocessed.ndjson");
    assert_eq!((left.len(), &left[0]["code"], &left[1]["record"]["id"]), (2, &"STOPPED".into(), &"a".into()));
}

#[test]
fn a_refused_file_and_an_unknown_pipeline_are_told() {
    let folder = TempDir::new().unwrap();
    let said = run(folder.path(), "orders.xlsx", "no workbook", &["--pipeline", "orders-check"]);
    assert_eq!(said.code, 2, "{said:?}");
    let said = run(folder.path(), "orders.csv", ORDERS, &["--pipeline", "unknown"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("neither a pipeline file (.yaml) nor one that comes with Filas"), "{said:?}");
}
