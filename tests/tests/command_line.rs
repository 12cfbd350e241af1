//! `filas` as a program uses it: `--json` on every command.
#![cfg(feature = "cloud")]

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use filas_domain::task::TaskState;
use filas_e2e::{Stack, folder, write};
use serde_json::Value;

/// The objects that a command says, one a line, and nothing else.
fn said(stack: &Stack, arguments: &[&str], code: i32) -> Result<Vec<Value>> {
    let done = stack.filas(arguments).arg("--json").output()?;
    let (out, error) = (String::from_utf8(done.stdout)?, String::from_utf8_lossy(&done.stderr).into_owned());
    ensure!(done.status.code() == Some(code), "{arguments:?}: {:?} {out} {error}", done.status);
    ensure!(!out.contains('\u{1b}') && !error.contains('\u{1b}'), "{arguments:?} draws where nobody sees it: {error}");
    let lines: Result<Vec<Value>, _> = out.lines().map(serde_json::from_str).collect();
    let lines = lines.with_context(|| format!("{arguments:?} says {out}"))?;
    ensure!(!lines.is_empty(), "{arguments:?} says nothing");
    Ok(lines)
}

#[test]
fn every_command_speaks_json() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let rows: String = (0..30).map(|row| format!("{row},1,{},\n", if row == 7 { "yes" } else { "" })).collect();
    let file = write(folder.path(), "json.csv", format!("id,cost,fail,crash\n{rows}"))?;
    let records = write(folder.path(), "json.json", r#"[{"id":"a","cost":1},{"id":"b","cost":1}]"#)?;
    // What it keeps is kept for good.
    let spoken = format!("spoken-{}", std::process::id());
    let pipeline = write(
        folder.path(),
        "json.yaml",
        format!("name: {spoken}\nrows: {{ key: id }}\ndeliver: {{ store: {{}} }}\n"),
    )?;
    let [file, records, pipeline] = [&file, &records, &pipeline].map(|path| path.to_string_lossy().into_owned());
    let to = |name: &str| folder.path().join(name).to_string_lossy().into_owned();

    let task = said(&stack, &["upload", &file, "--pipeline", "simulate"], 0)?.pop().context("a task")?;
    let id = task["id"].as_str().context("an id")?;
    ensure!(said(&stack, &["watch", id], 3)?.last().is_some_and(|last| last["failed"] == 1));
    for (arguments, code) in [
        (&["upload", &file, "--pipeline", "simulate", "--watch"][..], 3),
        (&["status", id], 0),
        (&["tasks", "--limit", "3"], 0),
        (&["batches", id], 0),
        (&["rows", id, "--outcome", "failed"], 0),
        (&["row", id, "9"], 0),
        (&["receipts", &format!("{id}.9")], 0),
        (&["results", id], 0),
        (&["results", id, "--out", &to("outcomes.ndjson")], 0),
        (&["failures", id, "--out", &to("failures.xlsx")], 0),
        (&["failures", id, "--format", "ndjson", "--out", "-"], 0),
        (&["audit", id], 0),
        (&["queues"], 0),
        (&["redrive", id, "--failed"], 0),
        (&["watch", id], 3),
        (&["check", &file, "--pipeline", "simulate"], 3),
        (&["check", &file, "--pipeline", &pipeline], 0),
        (&["pipelines", "check", &pipeline], 0),
        (&["pipelines", "apply", &pipeline], 0),
        (&["pipelines", "list"], 0),
        (&["pipelines", "show", &spoken], 0),
        (&["upload", &records, "--pipeline", "simulate", "--receipts"], 0),
        (&["upload", &file, "--pipeline", &spoken, "--watch"], 0),
        (&["records", &spoken, "--limit", "2"], 0),
        (&["cat", &file], 0),
        (&["completions", "bash"], 0),
        (&["delete", id], 0),
    ] {
        said(&stack, arguments, code)?;
    }
    Ok(())
}

#[test]
fn commands_to_a_running_task_speak_json_too() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let rows: String = (0..400).map(|row| format!("{row},2000,,\n")).collect();
    let file = write(folder.path(), "slow.csv", format!("id,cost,fail,crash\n{rows}"))?;
    let file = file.to_string_lossy().into_owned();
    let upload = ["upload", &file, "--pipeline", "simulate", "--batch-size", "10"];
    let task = said(&stack, &upload, 0)?.pop().context("a task")?;
    let id = task["id"].as_str().context("an id")?;
    ensure!(said(&stack, &["tail", id, "--changes", "2"], 0)?.len() == 2);
    // Before the file is read there is nothing to hold back.
    while stack.client().task(id.parse()?)?.state != TaskState::Processing {
        thread::sleep(Duration::from_millis(50));
    }
    for (command, state) in [("pause", "paused"), ("resume", "processing")] {
        let told = said(&stack, &[command, id], 0)?;
        ensure!(told[0]["state"] == state, "{told:?}");
    }
    said(&stack, &["cancel", id], 0)?;
    Ok(())
}

#[test]
fn what_goes_wrong_is_said_in_json_with_the_next_step() -> Result<()> {
    let stack = Stack::main()?;
    let done = stack.filas(&["status", "01a202e8-2cdb-73e7-a48a-262b14f47a0d", "--json"]).output()?;
    ensure!(done.status.code() == Some(1) && done.stdout.is_empty(), "{done:?}");
    let told: Value = serde_json::from_slice(&done.stderr)?;
    ensure!(told["problem"]["status"] == 404 && told["error"].is_string(), "{told}");
    let done = stack.filas(&["status", "--json"]).env("FILAS_KEY", "wrong").output()?;
    let told: Value = serde_json::from_slice(&done.stderr)?;
    ensure!(told["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{told}");
    Ok(())
}
