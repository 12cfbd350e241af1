//! A word that is planted in cells comes out in the outcomes, and nowhere that others look: no log, no metric, no dead
//! letter, no event.
#![cfg(feature = "cloud")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use filas_cli::client::Upload;
use filas_domain::TaskId;
use filas_domain::task::TaskState;
use filas_e2e::logs::logged;
use filas_e2e::subscriber::Subscriber;
use filas_e2e::{PATIENCE, Stack, folder, write};

/// The word; no other test has it.
const CANARY: &str = "Kanarienvogel-9c41";

/// What the functions and the emulator said so far. Metrics are lines in it.
fn log() -> Result<String> {
    let path = PathBuf::from(std::env::var_os("FILAS_TEST_LOG").context("FILAS_TEST_LOG does not name the log")?);
    Ok(String::from_utf8_lossy(&std::fs::read(&path).with_context(|| path.display().to_string())?).into_owned())
}

/// Every message in every queue of the cloud, as the emulator shows them.
fn messages(stack: &Stack) -> Result<String> {
    Ok(ureq::get(format!("{}/_ministack/sqs/messages", stack.cloud()?)).call()?.into_body().read_to_string()?)
}

/// The outcomes of a task have the word, or the test would look for what was never there.
fn outcomes_have_it(stack: &Stack, id: TaskId) -> Result<()> {
    let told = format!("{:?}", stack.outcomes(id)?);
    ensure!(told.contains(CANARY), "the word never came in: {told}");
    Ok(())
}

#[test]
fn what_is_in_a_cell_is_in_no_log_no_metric_no_dead_letter_and_no_event() -> Result<()> {
    let (main, chaos, folder) = (Stack::main()?, Stack::chaos()?, folder()?);
    let everything = Subscriber::new(&main, "subscriber-canary", None)?;

    // Rows that break the schema are told with what they have.
    let orders = format!(
        "order_id,sku,customer,quantity,unit_price,currency,order_date\n\
         {CANARY},00012345,{CANARY},1,1.50,EUR,2024-01-02\n\
         A-2,{CANARY},José,{CANARY},1.50,EUR,{CANARY}\n"
    );
    let wrong = main.process(&Upload::new(write(folder.path(), "orders.csv", orders)?, "orders-check"))?;
    outcomes_have_it(&main, wrong.id)?;

    // A row that fails with its own text, and one that ends its worker until the batch is a dead letter.
    let jobs = format!("id,cost,fail,crash\n{CANARY}-1,1,{CANARY},\n{CANARY}-2,1,,yes\n");
    let mut upload = Upload::new(write(folder.path(), "jobs.csv", jobs)?, "simulate");
    upload.batch_size = Some(1);
    let dead = chaos.process(&upload)?;
    ensure!(dead.state == TaskState::CompletedWithFailures && dead.batches.dead == 1, "{dead:?}");
    outcomes_have_it(&chaos, dead.id)?;

    let events =
        everything.events(wrong.id, |events| events.iter().any(|event| event.kind == "filas.task.completed"))?;
    let told = serde_json::to_string(&events)?;
    ensure!(!told.contains(CANARY), "an event has the word: {told}");
    let queued = messages(&main)?;
    ensure!(!queued.contains(CANARY), "a message has the word: {queued}");

    // Lambda collects what a function says a moment later.
    let begun = Instant::now();
    let said = loop {
        let said = log()?;
        let has_metrics = said.contains("\"RowsFailed\"") && said.contains("\"BatchDuration\"");
        if has_metrics && said.contains(&wrong.id.to_string()) && said.contains(&dead.id.to_string()) {
            break said;
        }
        ensure!(begun.elapsed() < PATIENCE, "the log says nothing of the tasks, or has no metrics");
        std::thread::sleep(Duration::from_millis(200));
    };
    // The emulator's log has only what functions said that it started for queues and streams.
    let said = [said.lines().map(str::to_owned).collect(), logged(&main)?, logged(&chaos)?].concat();
    let line = said.iter().find(|line| line.contains(CANARY));
    ensure!(line.is_none(), "the log has the word: {line:?}");
    Ok(())
}
