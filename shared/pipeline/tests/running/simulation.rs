//! `simulate` and `deliver: none`.

use super::*;

const PIPELINE: &str = "name: a\nsimulate: { cost: row.cost, fail: row.fail, crash: row.crash }\ndeliver: none\n";

#[tokio::test(start_paused = true)]
async fn rows_cost_fail_and_crash_as_they_say() {
    let cases = [
        (json!({}), "succeeded", 0),
        (json!({"cost": 40}), "succeeded", 40),
        (json!({"cost": "40"}), "succeeded", 40),
        (json!({"cost": 0.5}), "succeeded", 1),
        (json!({"cost": "soon"}), "Deliver SIMULATED_COST_INVALID: the cost \"soon\" is no number", 0),
        (json!({"cost": -1}), "Deliver SIMULATED_COST_INVALID: the cost -1 is no number", 0),
        (json!({"cost": 900_001}), "Deliver SIMULATED_COST_INVALID: the cost 900001", 0),
        (json!({"cost": 61_000}), "interrupted: the deadline came", 0),
        (json!({"cost": 10, "fail": "out of stock"}), "Deliver SIMULATED_FAILURE: out of stock", 10),
        (json!({"fail": true}), "Deliver SIMULATED_FAILURE: the row asks for a failure", 0),
        (json!({"fail": "TRUE"}), "Deliver SIMULATED_FAILURE: the row asks for a failure", 0),
        (json!({"fail": 1}), "Deliver SIMULATED_FAILURE: the row asks for a failure", 0),
        (json!({"fail": null, "crash": false}), "succeeded", 0),
        (json!({"fail": "no", "crash": 0}), "succeeded", 0),
        (json!({"crash": "yes"}), "Deliver SIMULATED_CRASH_REFUSED", 0),
    ];
    for (record, expected, milliseconds) in cases {
        let pipeline = compile(PIPELINE, &Variables::new().with("ALLOW_SIMULATED_CRASH", "1"));
        let begun = Instant::now();
        let seen = told(pipeline.run_row(row(2, &record), &context()).await);
        assert!(seen.starts_with(expected), "{record}: {seen}");
        assert_eq!(begun.elapsed().as_millis(), milliseconds, "{record}");
    }
}

#[tokio::test]
async fn literals_stand_for_every_row() {
    let pipeline = compile("name: a\nsimulate: { cost: 0, fail: broken }\ndeliver: none\n", &Variables::new());
    let seen = told(pipeline.run_row(row(2, &json!({})), &context()).await);
    assert_eq!(seen, "Deliver SIMULATED_FAILURE: broken");
}

#[tokio::test]
async fn nothing_is_begun_after_the_deadline() {
    let pipeline = compile("name: a\ndeliver: none\n", &Variables::new());
    let late = RowContext { task: "task".to_owned(), trace: TraceParent::begun_by("task"), deadline: Instant::now() };
    assert_eq!(pipeline.run_row(row(2, &json!({})), &late).await, Err(Interrupted::OutOfTime));
}

#[tokio::test]
async fn a_row_that_could_not_be_read_fails_with_its_reason() {
    let pipeline = compile("name: a\ndeliver: none\n", &Variables::new());
    let line = br#"{"row":5,"error":{"code":"RAGGED_ROW","message":"7 cells, not 12"}}"#;
    let seen = told(pipeline.run_row(SourceRow::parse(line).unwrap(), &context()).await);
    assert_eq!(seen, "Read RAGGED_ROW: 7 cells, not 12");
}

/// This very test again in a process of its own, which a crash may end.
#[test]
fn an_allowed_crash_ends_the_process() {
    const MARK: &str = "FILAS_TEST_CRASH_HERE";
    if std::env::var_os(MARK).is_some() {
        let pipeline = compile(PIPELINE, &Variables::new().with("ALLOW_SIMULATED_CRASH", "true"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = runtime.block_on(pipeline.run_row(row(2, &json!({"crash": true})), &context()));
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["simulation::an_allowed_crash_ends_the_process", "--exact", "--nocapture"])
        .env(MARK, "1")
        .output()
        .unwrap();
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(output.status.signal(), Some(6), "{output:?}");
}
