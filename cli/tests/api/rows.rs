//! `filas rows`, `row`, `receipts`, `records`, `delete` and `tasks` against a small server.

use serde_json::{Value, json};

use crate::commands::json_lines;
use crate::fake::{Answer, Fake, TASK, run, task};

fn row(number: u32, code: &str) -> Value {
    let failed = !code.is_empty();
    json!({
        "row": number, "receipt": format!("{TASK}.{number}"), "batch": 0,
        "state": if failed { "failed" } else { "succeeded" },
        "stage": failed.then_some("validate"), "code": failed.then_some(code),
        "message": failed.then_some("quantity: \u{1b}[2J0 is too few"), "kept": null,
        "record": {"quantity": 0.10},
    })
}

#[test]
fn rows_are_asked_for_by_outcome_and_code_until_no_page_is_left() {
    let api = Fake::new(|_, number, _| {
        let (items, next) = match number {
            0 => (vec![row(7, "INVALID_ROW")], json!("7")),
            // A page may be empty without being the last.
            1 => (vec![], json!("4000")),
            _ => (vec![row(4001, "INVALID_ROW")], Value::Null),
        };
        Answer::json(200, &json!({"items": items, "next_cursor": next}))
    });
    let done = run(&api, &["rows", TASK, "--outcome", "failed", "--code", "INVALID_ROW"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let lines: Vec<_> = done.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines[1..],
        [
            "7 failed validate INVALID_ROW quantity: \u{fffd}[2J0 is too few",
            "4001 failed validate INVALID_ROW quantity: \u{fffd}[2J0 is too few"
        ]
    );
    let asked = api.asked();
    assert_eq!(asked[0].target, format!("/v1/tasks/{TASK}/rows?outcome=failed&code=INVALID_ROW&limit=500"));
    assert!(asked[2].target.ends_with("cursor=4000"), "{}", asked[2].target);
    assert_eq!(run(&api, &["rows", TASK, "--outcome", "lost"]).code, 1);
}

#[test]
fn one_row_is_shown_with_what_the_file_says_in_it() {
    let api = Fake::new(|_, _, _| Answer::json(200, &row(7, "INVALID_ROW")));
    let done = run(&api, &["row", TASK, "7"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stdout.ends_with("{\"quantity\":0.1}\n"), "{}", done.stdout);
    assert_eq!(api.asked()[0].call(), format!("GET /v1/tasks/{TASK}/rows/7"));
    assert_eq!(json_lines(&run(&api, &["row", TASK, "7", "--json"]).stdout)[0]["record"]["quantity"], 0.1);
    assert_eq!(run(&api, &["row", TASK, "0"]).code, 1);
}

#[test]
fn receipts_are_asked_for_one_by_one() {
    let api = Fake::new(|_, number, _| Answer::json(200, &row(7 + number as u32, "")));
    let done = run(&api, &["receipts", &format!("{TASK}.7"), &format!("{TASK}.8"), "--json"]);
    assert_eq!(json_lines(&done.stdout).iter().map(|row| row["row"].clone()).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(api.calls(), [format!("GET /v1/receipts/{TASK}.7"), format!("GET /v1/receipts/{TASK}.8")]);
    assert_eq!(run(&api, &["receipts", "nothing"]).code, 1);
}

#[test]
fn records_are_shown_by_key() {
    let record = json!({
        "key": "A-1", "task": TASK, "row": 7, "receipt": format!("{TASK}.7"), "stored": "2024-03-01T00:00:00Z",
        "record": {"total": 12},
    });
    let api = Fake::new(move |_, _, _| Answer::json(200, &json!({"items": [record], "next_cursor": null})));
    let done = run(&api, &["records", "orders"]);
    assert!(done.stdout.lines().nth(1).is_some_and(|line| line.ends_with("{\"total\":12}")), "{done:?}");
    assert_eq!(api.asked()[0].target, "/v1/records/orders?limit=500");
    assert_eq!(json_lines(&run(&api, &["records", "orders", "--json"]).stdout)[0]["key"], "A-1");
}

#[test]
fn a_deletion_whose_answer_was_lost_is_done() {
    let gone = |_: &str| Answer::Say(204, vec![], vec![]);
    let missing = |_: &str| Answer::problem(404, "Not found", "There is no task.");
    let api = Fake::script(vec![gone]);
    let done = run(&api, &["delete", TASK]);
    assert_eq!((done.code, done.stdout), (0, format!("task {TASK} and everything of it is gone\n")));
    assert_eq!(api.calls(), [format!("DELETE /v1/tasks/{TASK}")]);
    let lost = Fake::script(vec![|_| Answer::HangUp, missing]);
    assert_eq!(run(&lost, &["delete", TASK, "--json"]).code, 0);
    assert_eq!(run(&Fake::script(vec![missing]), &["delete", TASK]).code, 1);
}

#[test]
fn records_are_sent_for_receipts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.json");
    std::fs::write(&path, "[{},{}]").unwrap();
    let mut accepted = task("awaiting_upload", None, 0, 0, 0);
    let receipt = |row: u32, state: &str, code: Value| json!({"receipt": format!("{TASK}.{row}"), "row": row, "state": state, "code": code, "message": code});
    accepted["receipts"] = json!([receipt(1, "queued", Value::Null), receipt(2, "failed", json!("INVALID_ROW"))]);
    let api = Fake::new(move |_, _, _| Answer::json(202, &accepted));
    let done = run(&api, &["upload", path.to_str().unwrap(), "--pipeline", "orders", "--receipts"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.stdout.lines().filter(|line| line.contains(TASK)).count(), 2);
    let asked = &api.asked()[0];
    assert_eq!(
        (asked.target.as_str(), asked.header("content-type")),
        ("/v1/tasks?pipeline=orders", Some("application/json"))
    );
}

#[test]
fn tasks_are_listed_by_their_own_name_as_well() {
    let api =
        Fake::new(|_, _, _| Answer::json(200, &json!({"items": [task("failed", None, 0, 0, 0)], "next_cursor": null})));
    let by_name = run(&api, &["tasks", "--state", "failed"]);
    assert_eq!(by_name.stdout, run(&api, &["status", "--state", "failed"]).stdout);
    assert_eq!(api.asked()[0].target, api.asked()[1].target);
}
