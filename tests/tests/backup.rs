//! A table is restored beside the one in use, and what that one lost is put back, as docs/DEPLOY.md says.
#![cfg(feature = "cloud")]

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use filas_cli::client::Upload;
use filas_domain::task::TaskState;
use filas_e2e::tables::Tables;
use filas_e2e::{Stack, check_books, folder, write};
use serde_json::{Value, json};

/// Runs `localstack/restore.py` and returns what it counted.
fn restore(arguments: &[&str]) -> Result<Value> {
    let python =
        std::env::var_os("FILAS_TEST_PYTHON").context("FILAS_TEST_PYTHON does not name a Python with boto3")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../localstack/restore.py");
    let output = Command::new(python).arg(script).args(arguments).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn a_task_that_a_table_lost_is_put_back_from_its_backup() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let tables = Tables::new(&stack)?;
    let rows: String = (1..=30).map(|id| format!("{id},1,{}\n", if id % 7 == 0 { "no stock" } else { "" })).collect();
    let mut upload = Upload::new(write(folder.path(), "jobs.csv", format!("id,cost,fail\n{rows}"))?, "simulate");
    upload.batch_size = Some(10);
    let task = stack.process(&upload)?;
    ensure!(task.state == TaskState::CompletedWithFailures, "{task:?}");
    let outcomes = check_books(&stack, &task)?;

    let table = tables.name("Table")?;
    let backup = tables.call("CreateBackup", &json!({ "TableName": table, "BackupName": "before-the-accident" }))?;
    let backup = &backup["BackupDetails"]["BackupArn"];
    // The accident.
    let partition = format!("TASK#{}", task.id);
    let items = tables.partition(&table, &partition)?;
    ensure!(items.len() == 4, "a task and its three batches: {items:#?}");
    for item in &items {
        tables.call("DeleteItem", &json!({ "TableName": table, "Key": { "pk": item["pk"], "sk": item["sk"] } }))?;
    }
    ensure!(stack.client().task(task.id).is_err(), "the task is still there");

    let restored = format!("{table}-restored");
    let asked = json!({ "TargetTableName": restored, "BackupArn": backup });
    tables.call("RestoreTableFromBackup", &asked)?;
    let arguments = ["--from", &restored, "--into", &table, "--task", &task.id.to_string()];
    assert_eq!(restore(&arguments)?, json!({ "seen": 4, "copied": 4, "kept": 0 }));
    // Again does no harm.
    assert_eq!(restore(&arguments)?, json!({ "seen": 4, "copied": 0, "kept": 4 }));
    let back = stack.client().task(task.id)?;
    ensure!((back.state, back.succeeded, back.failed) == (task.state, task.succeeded, task.failed), "{back:?}");
    ensure!(check_books(&stack, &back)? == outcomes, "the outcomes are others");

    tables.call("DeleteTable", &json!({ "TableName": restored }))?;
    tables.call("DeleteBackup", &json!({ "BackupArn": backup }))?;
    Ok(())
}
