//! `filas watch`, `tail` and `completions`, where there is a WebSocket and where there is none.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};
use tungstenite::Message;

use crate::fake::{Answer, Fake, KEY, TASK, filas, run, task};

/// A WebSocket that takes one client and says these things after it was spoken to; then it closes.
fn socket(says: Vec<Value>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/live", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        let heard = socket.read().unwrap().into_text().unwrap();
        assert!(heard.contains("\"action\":\"subscribe\""), "{heard}");
        for message in says {
            socket.send(Message::text(message.to_string())).unwrap();
        }
        let _ = socket.close(None);
        while socket.read().is_ok() {}
    });
    url
}

fn seen(revision: [u64; 2], task: Value) -> Value {
    json!({ "type": "task", "revision": revision, "task": task })
}

/// An API that gives tickets for the socket, and that says of the task that it is completed.
fn api(url: String) -> Fake {
    Fake::with_tickets(move |asked, _, _| match asked.call().as_str() {
        "POST /v1/tickets" => Answer::json(201, &json!({ "ticket": "t", "url": url, "expires": "" })),
        _ => Answer::json(200, &task("completed", Some(9), 9, 0, 0)),
    })
}

#[test]
fn a_watch_is_told_and_need_not_ask() {
    let says = vec![
        seen([2, 1], task("processing", Some(9), 1, 0, 0)),
        // Older than what is known: it came the longer way.
        seen([2, 0], task("processing", Some(9), 0, 0, 0)),
        seen([3, 9], task("completed", Some(9), 9, 0, 0)),
    ];
    let fake = api(socket(says));
    let said = run(&fake, &["watch", TASK, "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let succeeded: Vec<u64> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["succeeded"].as_u64().unwrap())
        .collect();
    assert_eq!(succeeded, [1, 9]);
    assert_eq!(fake.calls(), ["POST /v1/tickets"], "and never asked");
}

#[test]
fn a_watch_whose_connection_ends_asks_instead() {
    let fake = api(socket(vec![seen([2, 1], task("processing", Some(9), 1, 0, 0))]));
    let said = run(&fake, &["watch", TASK]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(fake.calls().contains(&format!("GET /v1/tasks/{TASK}")), "{:?}", fake.calls());
}

#[test]
fn a_tail_tells_each_change_once_and_not_what_was_before() {
    let says = vec![
        json!({ "type": "snapshot", "tasks": [{ "revision": [2, 1], "task": task("processing", Some(9), 1, 0, 0) }] }),
        seen([2, 1], task("processing", Some(9), 1, 0, 0)),
        seen([2, 4], task("processing", Some(9), 3, 1, 0)),
        seen([3, 9], task("completed_with_failures", Some(9), 8, 1, 0)),
    ];
    let fake = api(socket(says));
    let said = run(&fake, &["tail", "--changes", "2"]);
    assert_eq!(said.code, 0, "{said:?}");
    let lines: Vec<_> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("processing 4/9 rows, 1 failed"), "{lines:?}");
    assert!(lines[1].contains("completed_with_failures 9/9 rows"), "{lines:?}");
}

#[test]
fn a_tail_of_one_task_ends_with_it_however_late_it_began() {
    let before = json!({ "type": "snapshot", "tasks": [
        { "revision": [2, 1], "task": task("processing", Some(9), 1, 0, 0) }
    ] });
    let after = json!({ "type": "snapshot", "tasks": [
        { "revision": [3, 9], "task": task("completed", Some(9), 9, 0, 0) }
    ] });
    let end = seen([3, 9], task("completed", Some(9), 9, 0, 0));
    // A change of something else than the task's end keeps it waiting.
    let change = seen([2, 4], task("processing", Some(9), 4, 0, 0));
    for (says, expected) in [(vec![before, change, end], 2), (vec![after], 1)] {
        let said = run(&api(socket(says)), &["tail", TASK, "--changes", "9", "--json"]);
        assert_eq!(said.code, 0, "{said:?}");
        let changes: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(changes.len(), expected, "{said:?}");
        assert_eq!(changes[expected - 1]["task"]["state"], json!("completed"), "{said:?}");
    }
}

#[test]
fn a_tail_of_a_deleted_task_ends() {
    let says = vec![
        json!({ "type": "snapshot", "tasks": [{ "revision": [2, 1], "task": task("processing", Some(9), 1, 0, 0) }] }),
        json!({ "type": "deleted", "task": TASK }),
    ];
    let said = run(&api(socket(says)), &["tail", TASK]);
    assert_eq!((said.code, said.stdout.as_str()), (0, format!("{TASK} deleted\n").as_str()), "{said:?}");
}

#[test]
fn a_tail_without_a_socket_asks_every_second_and_says_so() {
    let states = [task("processing", Some(9), 1, 0, 0), task("completed", Some(9), 9, 0, 0)];
    let fake = Fake::new(move |_, number, _| {
        Answer::json(200, &json!({ "items": [states[number.min(1)]], "next_cursor": null }))
    });
    let said = run(&fake, &["tail", "--changes", "1", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let change: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&change["change"], &change["task"]["succeeded"]), (&json!("state"), &json!(9)));
    assert!(said.stderr.contains("asking every second instead"), "{said:?}");
}

#[test]
fn a_tail_whose_connection_ends_connects_again() {
    let fake = api(socket(vec![]));
    let mut child = filas(&["tail"])
        .env("FILAS_URL", &fake.url)
        .env("FILAS_KEY", KEY)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("connecting again"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn completions_are_scripts_that_know_the_commands() {
    for (shell, beginning) in [("bash", "_filas()"), ("zsh", "#compdef filas"), ("fish", "# Print an optspec")] {
        let output = filas(&["completions", shell]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.starts_with(beginning), "{shell}: {text:.80}");
        assert!(text.contains("redrive") && text.contains("tail"), "{shell}");
    }
}
