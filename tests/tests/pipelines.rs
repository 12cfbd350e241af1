//! The shipped pipelines on their own workbooks, against the partner server; and pipelines of one's own.
#![cfg(feature = "cloud")]

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Result, ensure};
use filas_cli::client::{ClientError, Upload};
use filas_cli::progress::Silent;
use filas_domain::outcome::{Failure, OutcomeLine};
use filas_domain::task::TaskState;
use filas_domain::view::TaskView;
use filas_e2e::{Stack, check_books, folder, write};
use filas_testkit::workbooks;

/// The failures of a task by row.
fn failures(stack: &Stack, task: &TaskView) -> Result<BTreeMap<u32, Failure>> {
    let outcomes = check_books(stack, task)?;
    let failed = outcomes.into_iter().filter_map(|outcome| match outcome {
        OutcomeLine::Failed { row, failure } => Some((row.get(), failure)),
        _ => None,
    });
    Ok(failed.collect())
}

fn rows_with(failures: &BTreeMap<u32, Failure>, code: &str) -> Vec<u32> {
    failures.iter().filter(|(_, failure)| failure.code == code).map(|(row, _)| *row).collect()
}

#[test]
fn orders_are_validated_looked_up_computed_and_each_is_kept_once() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = folder.path().join("orders.xlsx");
    let truth = workbooks::orders(&file, 3_000, 11)?;
    ensure!(!truth.unknown_row_numbers.is_empty(), "the catalogue is to miss some: {truth:?}");
    let task = stack.process(&Upload::new(file.clone(), "orders"))?;
    ensure!(task.state == TaskState::CompletedWithFailures, "{task:?}");
    let failed = failures(&stack, &task)?;
    assert_eq!(rows_with(&failed, "INVALID_ROW"), truth.bad_row_numbers);
    assert_eq!(rows_with(&failed, "NOT_FOUND"), truth.unknown_row_numbers);
    assert_eq!(failed.len() as u32, truth.bad_rows + truth.unknown_row_numbers.len() as u32, "{failed:?}");
    let unknown = &failed[&truth.unknown_row_numbers[0]];
    ensure!(unknown.message.contains("product"), "the reason names the look-up: {unknown:?}");
    // The same orders in another file are other rows with the same keys: each names the row that came first.
    let again = stack.process(&Upload::new(file, "orders"))?;
    let refused = failures(&stack, &again)?;
    let duplicates = rows_with(&refused, "DUPLICATE_KEY");
    assert_eq!(duplicates.len() as u64, task.succeeded);
    let first = &refused[&duplicates[0]];
    let named = format!("{}.{}", task.id, duplicates[0]);
    let names_both = first.message.contains(&named) || first.message.contains(&task.id.to_string());
    ensure!(names_both && again.succeeded == 0, "{first:?} {again:?}");
    Ok(())
}

#[test]
fn prices_reach_the_partner_once_each_and_no_faster_than_it_allows() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = folder.path().join("prices.xlsx");
    let truth = workbooks::prices(&file, 3_000, 5)?;
    let begun = Instant::now();
    let task = stack.process(&Upload::new(file, "prices"))?;
    let seconds = begun.elapsed().as_secs_f64();
    let failed = failures(&stack, &task)?;
    assert_eq!(rows_with(&failed, "INVALID_ROW"), truth.bad_row_numbers);
    assert_eq!(failed.len(), truth.bad_row_numbers.len(), "{failed:?}");
    let journal = stack.journal(task.id)?;
    assert_eq!(journal.len() as u64, task.succeeded);
    assert!(journal.iter().all(|entry| entry.effects == 1), "every row had its effect once");
    // 500 a second of all workers together, and one block more at once. Other tasks of this pipeline share the rate.
    let at_least = (task.succeeded as f64 - 100.0) / 500.0 - 0.5;
    ensure!(seconds >= at_least, "{} rows took {seconds} s, which is more than the rate of 500/s", task.succeeded);
    Ok(())
}

#[test]
fn simulated_jobs_fail_where_they_say_so() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = folder.path().join("jobs.xlsx");
    let truth = workbooks::jobs(&file, 2_000, 3)?;
    let task = stack.process(&Upload::new(file, "simulate"))?;
    let failed = failures(&stack, &task)?;
    assert_eq!(rows_with(&failed, "SIMULATED_FAILURE"), truth.bad_row_numbers);
    assert_eq!(failed.len(), truth.bad_row_numbers.len());
    Ok(())
}

#[test]
fn a_task_keeps_the_version_that_it_began_with() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let client = stack.client();
    let yaml = |least: u32| {
        format!(
            "name: own-versions\nvalidate: {{ properties: {{ n: {{ type: integer, minimum: {least} }} }} }}\ndeliver: none\n"
        )
    };
    let file = write(folder.path(), "n.csv", "n\n1\n5\n9\n")?;
    let first = client.put_pipeline("own-versions", &yaml(5))?;
    let began = client.upload(&Upload::new(file.clone(), "own-versions"), &mut Silent)?;
    let second = client.put_pipeline("own-versions", &yaml(9))?;
    ensure!(first.version != second.version, "{first:?} {second:?}");
    let [before, after] = [stack.wait(began.id)?, stack.process(&Upload::new(file, "own-versions"))?];
    assert_eq!((&before.pipeline.version, before.failed), (&first.version, 1), "{before:?}");
    assert_eq!((&after.pipeline.version, after.failed), (&second.version, 2), "{after:?}");
    let shown = client.pipeline("own-versions", Some(&first.version))?;
    assert_eq!(shown.yaml, Some(yaml(5)));
    ensure!(client.pipelines()?.iter().any(|view| view.name == "own-versions" && view.version == second.version));
    // Nobody else has it, and what cannot work is said at once, with its place.
    let missing = stack.other_client().pipeline("own-versions", None);
    ensure!(matches!(&missing, Err(ClientError::Problem { problem, .. }) if problem.status == 404), "{missing:?}");
    let wrong = client.put_pipeline("own-versions", &yaml(5).replace("minimum", "minimun"));
    let Err(ClientError::Problem { problem, .. }) = &wrong else { panic!("{wrong:?}") };
    ensure!(problem.status == 422 && problem.detail.contains("line 2"), "{problem:?}");
    Ok(())
}

#[test]
fn keys_that_come_twice_in_a_file_name_both_rows() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = write(folder.path(), "jobs.csv", "id,cost,fail\nA,0,\nB,0,\nA,0,\n")?;
    let task = stack.process(&Upload::new(file, "simulate"))?;
    let failed = failures(&stack, &task)?;
    assert_eq!(rows_with(&failed, "DUPLICATE_KEY"), [4]);
    assert_eq!(failed[&4].message, "id: \"A\" is the key of row 2 already");
    Ok(())
}

#[test]
fn a_dry_run_of_a_workbook_delivers_nothing() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = folder.path().join("orders.xlsx");
    workbooks::orders(&file, 300, 11)?;
    let url = format!("{}/v1/pipelines/orders/check?rows=50&filename=orders.xlsx", stack.url);
    let checked: serde_json::Value = ureq::post(&url)
        .header("authorization", format!("Bearer {}", stack.key))
        .header("content-type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        .send(&std::fs::read(&file)?[..])?
        .body_mut()
        .read_json()?;
    let stages: Vec<_> = checked["stages"].as_array().into_iter().flatten().map(|stage| &stage["stage"]).collect();
    assert_eq!(stages, ["validate", "enrich", "compute"], "{checked}");
    assert_eq!(checked["rows"].as_array().map(Vec::len), Some(50), "{checked}");
    assert_eq!((&checked["interrupted"], &checked["has_more"]), (&0.into(), &true.into()), "{checked}");
    ensure!(checked["rows"][0]["record"]["total"].is_number(), "{checked}");
    Ok(())
}
