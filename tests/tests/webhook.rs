//! Webhooks of pipelines, on the stack `chaos`: it may call the tests' receiver, and gives up after three deliveries.
#![cfg(feature = "cloud")]

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use filas_cli::client::{ClientError, Upload};
use filas_domain::event::Event;
use filas_domain::task::TaskState;
use filas_domain::view::TaskView;
use filas_e2e::subscriber::put_secret;
use filas_e2e::{PATIENCE, Stack, folder, write};
use filas_testkit::receiver::Received;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A task of three rows of a pipeline of its own that has this webhook.
fn process(stack: &Stack, pipeline: &str, webhook: &str) -> Result<TaskView> {
    put_secret(stack, "local", "hook", SECRET)?;
    let yaml = format!("name: {pipeline}\ndeliver: none\nwebhook: {{ sign: secret:hook, {webhook} }}\n");
    stack.client().put_pipeline(pipeline, &yaml)?;
    let folder = folder()?;
    let task = stack.process(&Upload::new(write(folder.path(), "three.csv", "n\n1\n2\n3\n")?, pipeline))?;
    ensure!(task.state == TaskState::Completed, "{task:?}");
    Ok(task)
}

/// What came to a path, as soon as it is enough.
fn wait(stack: &Stack, path: &str, enough: usize) -> Result<Vec<Received>> {
    let begun = Instant::now();
    loop {
        let came = stack.received(path)?;
        if came.len() >= enough {
            return Ok(came);
        }
        if begun.elapsed() > PATIENCE {
            bail!("{path} was told {} times in {PATIENCE:?}: {came:#?}", came.len());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// A path of this run alone, on which the receiver answers so.
fn path(how: &str) -> String {
    format!("/{how}/{}", std::process::id())
}

fn dead(stack: &Stack) -> Result<u64> {
    let queues = stack.client().queues()?;
    Ok(queues.iter().filter(|queue| queue.name == "webhook").map(|queue| queue.dead).sum())
}

#[test]
fn a_webhook_is_told_of_its_tasks_signed_and_as_the_event_was_published() -> Result<()> {
    let stack = Stack::chaos()?;
    let events = "[filas.task.created, filas.task.completed]";
    let task = process(&stack, "hook-ok", &format!("url: '{}{}', events: {events}", stack.receiver, path("ok")))?;
    let came = wait(&stack, &path("ok"), 2)?;
    let mut told = Vec::new();
    for request in &came {
        ensure!(request.is_signed_by(SECRET) && !request.is_signed_by("whsec_b3RoZXI="), "{request:?}");
        let event: Event = serde_json::from_str(&request.body)?;
        ensure!(request.header("webhook-id") == event.id && event.task == Some(task.id), "{request:?}");
        told.push(event.kind);
    }
    told.sort();
    told.dedup();
    assert_eq!(told, ["filas.task.completed", "filas.task.created"]);
    Ok(())
}

#[test]
fn a_receiver_that_refuses_at_first_is_told_again_under_the_same_id() -> Result<()> {
    let stack = Stack::chaos()?;
    let webhook = format!("url: '{}{}', events: [filas.task.completed]", stack.receiver, path("flaky"));
    process(&stack, "hook-flaky", &webhook)?;
    let came = wait(&stack, &path("flaky"), 3)?;
    let ids: Vec<_> = came.iter().map(|request| request.header("webhook-id")).collect();
    ensure!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    ensure!(came.iter().all(|request| request.is_signed_by(SECRET)), "each attempt is signed anew: {came:?}");
    Ok(())
}

#[test]
fn a_receiver_that_never_answers_ends_as_a_dead_letter_that_people_see() -> Result<()> {
    let stack = Stack::chaos()?;
    let before = dead(&stack)?;
    let webhook = format!("url: '{}{}', events: [filas.task.completed]", stack.receiver, path("silent"));
    let task = process(&stack, "hook-silent", &webhook)?;
    ensure!(task.succeeded == 3, "a webhook is nothing that a task waits for");
    let begun = Instant::now();
    while dead(&stack)? == before {
        ensure!(begun.elapsed() < PATIENCE, "no dead letter in {PATIENCE:?}");
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(stack.received(&path("silent"))?.len(), 3, "as often as the template says");
    Ok(())
}

#[test]
fn a_webhook_to_an_address_inside_is_refused_with_its_place() -> Result<()> {
    let stack = Stack::main()?;
    let yaml =
        |url: &str| format!("name: hook-inside\ndeliver: none\nwebhook: {{ url: '{url}', sign: secret:hook }}\n");
    for inside in ["https://169.254.169.254/latest", "https://127.0.0.1:9/", &stack.receiver] {
        let refused = stack.client().put_pipeline("hook-inside", &yaml(inside));
        let Err(ClientError::Problem { problem, .. }) = &refused else { bail!("{inside}: {refused:?}") };
        ensure!(problem.status == 422 && problem.detail.contains("line 3"), "{problem:?}");
    }
    Ok(())
}
