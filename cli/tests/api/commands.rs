//! The commands that ask, against a small server.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use crate::fake::{Answer, Fake, KEY, Said, TASK, filas, run, task};
use filas_cli::client::{Client, Patience};
use filas_cli::progress::Silent;
use serde_json::{Value, json};

pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_exit_code_of_watch_tells_what_became_of_the_rows() {
    let check = |last: Value, code: i32, said: &str| {
        let fake = Fake::new(move |_, number, _| match number {
            0 => Answer::json(200, &task("processing", Some(10), 1, 0, 0)),
            _ => Answer::json(200, &last),
        });
        let human = run(&fake, &["watch", TASK]);
        assert_eq!(human.code, code, "{human:?}");
        assert!(human.stdout.contains(said), "{human:?}");
        let json = run(&fake, &["watch", TASK, "--json"]);
        assert_eq!(json.code, code, "{json:?}");
    };
    check(task("completed", Some(10), 10, 0, 0), 0, "succeeded    10");
    check(task("completed_with_failures", Some(10), 9, 1, 0), 3, "INVALID_ROW 1");
    check(task("completed_with_failures", Some(10), 9, 0, 1), 3, "unprocessed  1");
    check(task("cancelled", Some(10), 4, 0, 6), 3, "unprocessed  6");
    check(task("failed", None, 0, 0, 0), 1, "FILE_ENCRYPTED: Remove the password.");
    check(task("expired", None, 0, 0, 0), 1, "never uploaded");
}

#[test]
fn watching_for_a_program_gives_whole_tasks_line_by_line() {
    let fake = Fake::script(vec![
        |_| Answer::json(200, &task("splitting", None, 0, 0, 0)),
        |_| Answer::json(200, &task("processing", Some(10), 0, 0, 0)),
        |_| Answer::json(200, &task("completed", Some(10), 10, 0, 0)),
    ]);
    let said = run(&fake, &["watch", TASK, "--json"]);
    let states: Vec<_> = json_lines(&said.stdout).iter().map(|task| task["state"].clone()).collect();
    assert_eq!(states, ["splitting", "processing", "completed"]);
    assert_eq!(said.stderr, "");
}

#[test]
fn watching_goes_on_after_a_connection_that_fails() {
    let fake = Fake::script(vec![
        |_| Answer::json(200, &task("processing", Some(10), 1, 0, 0)),
        |_| Answer::HangUp,
        |_| Answer::status(502),
        |_| Answer::json(200, &task("completed", Some(10), 10, 0, 0)),
    ]);
    let said = run(&fake, &["watch", TASK]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.stderr.matches("trying again").count(), 2, "{said:?}");
}

#[test]
fn watching_does_not_go_on_for_ever_without_an_answer_nor_at_all_after_a_no() {
    let patience = Patience { silence: Duration::from_millis(300), ..Patience::default() };
    let watch = |fake: &Fake| {
        let id = TASK.parse().unwrap();
        Client::new(&fake.url, KEY).with_patience(patience.clone()).watch(id, &mut Silent).unwrap_err()
    };
    let silent = Fake::script(vec![|_| Answer::HangUp]);
    assert!(watch(&silent).to_string().starts_with("no answer from the API at http://127.0.0.1"));
    let missing = Fake::script(vec![|_| Answer::problem(404, "Not found", "There is no task.")]);
    assert_eq!(watch(&missing).to_string(), "Not found: There is no task.");
    assert_eq!(missing.asked().len(), 1);
}

#[test]
fn counters_that_lag_behind_the_end_are_waited_for() {
    let fake = Fake::script(vec![|_| Answer::json(200, &task("completed", Some(10), 9, 0, 0)), |_| {
        Answer::json(200, &task("completed", Some(10), 10, 0, 0))
    }]);
    assert_eq!(run(&fake, &["watch", TASK]).code, 0);
}

#[test]
fn problems_are_shown_in_the_words_of_the_api() {
    let fake = Fake::script(vec![|_| Answer::problem(409, "Not possible", "The task is\u{1b}[0m paused.")]);
    let said = run(&fake, &["status", TASK]);
    assert_eq!((said.code, said.stdout.as_str()), (1, ""));
    assert_eq!(said.stderr, "error: Not possible: The task is\u{fffd}[0m paused.\n");
    let said = run(&fake, &["status", TASK, "--json"]);
    assert_eq!(json_lines(&said.stderr)[0]["problem"]["status"], 409);
    assert_eq!(fake.asked().len(), 2, "a no is not asked again");
}

#[test]
fn a_key_that_is_not_known_is_told_with_how_to_give_one() {
    let fake = Fake::script(vec![|_| Answer::problem(401, "A key is needed", "Send the header.")]);
    let said = run(&fake, &["queues"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("hint: give the key of this API with --key KEY or in FILAS_KEY"), "{said:?}");
}

#[test]
fn something_else_at_the_address_is_told() {
    let fake = Fake::script(vec![|_| Answer::Say(200, vec![], b"<html>hello</html>".to_vec())]);
    let said = run(&fake, &["queues"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("is the address right?"), "{said:?}");
}

#[test]
fn without_an_api_the_next_step_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let run_there = |arguments: &[&str]| Said::from(filas(arguments).current_dir(folder.path()).output().unwrap());
    let said = run_there(&["status"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("cargo xtask up") && said.stderr.contains("--url"), "{said:?}");

    let local = folder.path().join(".filas/local");
    std::fs::create_dir_all(&local).unwrap();
    // Port 1 is nobody's.
    let cloud = json!({"api_url": "http://127.0.0.1:1/api", "api_key": KEY});
    std::fs::write(local.join("cloud.json"), cloud.to_string()).unwrap();
    let said = run_there(&["status"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.starts_with("error: no answer from the API at http://127.0.0.1:1/api"), "{said:?}");
    assert!(said.stderr.contains("hint: start the local cloud with `cargo xtask up`"), "{said:?}");
}

#[test]
fn the_local_cloud_is_found_and_its_key_used() {
    let fake = Fake::script(vec![|_| Answer::json(200, &json!({"items": [], "next_cursor": null}))]);
    let folder = tempfile::tempdir().unwrap();
    let (local, deep) = (folder.path().join(".filas/local"), folder.path().join("a/b"));
    std::fs::create_dir_all(&local).unwrap();
    std::fs::create_dir_all(&deep).unwrap();
    let cloud = json!({"api_url": fake.url, "api_key": KEY});
    std::fs::write(local.join("cloud.json"), cloud.to_string()).unwrap();
    let said = Said::from(filas(&["status"]).current_dir(&deep).output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (0, "no tasks\n"));
    assert_eq!(fake.asked()[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
}

#[test]
fn wrong_usage_is_1_because_2_is_a_refused_file() {
    for wrong in [
        &["upload"][..],
        &["status", "not-an-id"],
        &["status", "--state", "gone"],
        &[],
        &["status", "--limit", "0"],
        &["upload", "x", "--pipeline", "p", "--idempotency-key", "é"],
        &["cat", "x", "--header-row", "0"],
    ] {
        let said = Said::from(filas(wrong).output().unwrap());
        assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{said:?}");
    }
    let help = Said::from(filas(&["--help"]).output().unwrap());
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("Exit codes:"));
}

#[test]
fn lists_are_read_page_by_page() {
    let fake = Fake::new(|asked, _, _| {
        let (items, next) = match asked.target.contains("cursor=a%2Bb") {
            false => (vec![task("failed", None, 0, 0, 0)], json!("a+b")),
            true => (vec![task("completed", Some(1000), 1000, 0, 0); 2], Value::Null),
        };
        Answer::json(200, &json!({"items": items, "next_cursor": next}))
    });
    let said = run(&fake, &["status", "--state", "failed", "--limit", "2"]);
    let lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{said:?}");
    assert!(lines[0].starts_with("TASK ") && lines[2].contains("1,000"), "{said:?}");
    assert!(lines[1].contains("orders\u{fffd}[31m.csv"), "{said:?}");
    assert_eq!(fake.asked()[0].target, "/v1/tasks?state=failed&limit=2");
    assert_eq!(fake.asked()[1].target, "/v1/tasks?state=failed&limit=1&cursor=a%2Bb");
    assert_eq!(json_lines(&run(&fake, &["status", "--json"]).stdout).len(), 3);
}

#[test]
fn batches_are_shown_with_their_attempts() {
    let batch = json!({
        "number": 7, "state": "dead", "first_row": 7002, "last_row": 8001, "rows": 1000, "succeeded": 0, "failed": 0,
        "unprocessed": 1000, "reason": "used up its deliveries",
        "attempts": [{"number": 1, "worker": "w", "started": "2024-03-01T00:00:00Z", "ended": null, "result": null, "error": null}],
    });
    let fake = Fake::new(move |_, _, _| Answer::json(200, &json!({"items": [batch], "next_cursor": null})));
    let said = run(&fake, &["batches", TASK]);
    let row = said.stdout.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(row, "7 dead 7002 8001 1,000 0 0 1,000 1 used up its deliveries");
    assert_eq!(fake.asked()[0].target, format!("/v1/tasks/{TASK}/batches?limit=500"));
    assert_eq!(json_lines(&run(&fake, &["batches", TASK, "--json"]).stdout)[0]["attempts"][0]["worker"], "w");
}

#[test]
fn queues_are_shown_once_and_again_when_they_change() {
    let depths = |number: usize| {
        let visible = number / 2;
        Answer::json(
            200,
            &json!({"queues": [{"name": "batch", "visible": visible, "in_flight": 2, "delayed": 0, "dead": 0}]}),
        )
    };
    let fake = Fake::new(move |_, number, _| depths(number));
    let said = run(&fake, &["queues"]);
    assert_eq!(said.stdout, "QUEUE  VISIBLE  IN FLIGHT  DELAYED  DEAD\nbatch        0          2        0     0\n");
    let mut child = filas(&["queues", "--watch"])
        .env("FILAS_URL", &fake.url)
        .env("FILAS_KEY", KEY)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(4);
    let lines: Vec<_> = lines.map(Result::unwrap).collect();
    assert_eq!(
        (lines[1].as_str(), lines[3].as_str()),
        ("batch        0          2        0     0", "batch        1          2        0     0")
    );
    // The reader is gone, so the next change ends it, quietly.
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn commands_are_posted_and_say_what_became_of_the_task() {
    for (command, state) in [("cancel", "cancelling"), ("pause", "paused"), ("resume", "processing")] {
        let api = Fake::new(move |_, _, _| Answer::json(202, &task(state, Some(10), 1, 0, 0)));
        let done = run(&api, &[command, TASK]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(done.stdout, format!("task {TASK} is {state}\n"));
        assert_eq!(api.asked()[0].call(), format!("POST /v1/tasks/{TASK}/{command}"));
    }
}

#[test]
fn a_redrive_says_what_is_to_go_through_again() {
    for (arguments, body) in [
        (vec!["--dead"], json!({"dead": true})),
        (vec!["--failed"], json!({"failed": {}})),
        (vec!["--failed", "--code", "HTTP_422"], json!({"failed": {"code": "HTTP_422"}})),
    ] {
        let task = task("processing", Some(10), 1, 0, 0);
        let api = Fake::new(move |_, _, _| Answer::json(202, &json!({"rows": 1234, "task": task})));
        let done = run(&api, &[&["redrive", TASK][..], &arguments].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert!(done.stdout.starts_with("1,234 rows go through again."), "{}", done.stdout);
        assert_eq!(api.asked()[0].json(), body);
    }
    let api = Fake::new(|_, _, _| Answer::json(500, &json!({})));
    assert_eq!(run(&api, &["redrive", TASK]).code, 1, "it must be said what");
    assert!(api.asked().is_empty());
}

#[test]
fn an_audit_that_finds_something_ends_with_another_code() {
    let audit =
        |agrees: bool, findings: &[&str]| json!({"task": TASK, "batches": 7, "agrees": agrees, "findings": findings});
    let agrees = audit(true, &[]);
    let api = Fake::new(move |_, _, _| Answer::json(200, &agrees));
    let done = run(&api, &["audit", TASK]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "the counters agree with the 7 batches that were claimed\n"));
    let drifts = audit(false, &["Batch 3 is open, and the task has ended."]);
    let api = Fake::new(move |_, _, _| Answer::json(200, &drifts));
    let done = run(&api, &["audit", TASK]);
    assert_eq!((done.code, done.stdout.as_str()), (3, "Batch 3 is open, and the task has ended.\n"));
}
