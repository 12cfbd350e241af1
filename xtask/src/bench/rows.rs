//! `cargo xtask bench rows`: one row out of a million by its number, beside the cheapest question there is.

use std::io::Write as _;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use filas_cli::client::{Client, ClientError, Upload};
use filas_cli::progress::Silent;
use filas_domain::RowNumber;

use crate::cloud::{self, Cloud, UpOptions};
use crate::progress::step;
use crate::workspace::Workspace;

/// The bench of finding rows.
#[derive(Debug, Args)]
pub struct Rows {
    /// Rows of the file.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
    /// Questions of each kind.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    questions: u32,
}

/// Sends a file of so many orders, of which every thousandth is wrong, and asks for rows.
///
/// # Errors
/// When the file does not go through, or an answer is wrong.
pub fn bench(workspace: &Workspace, options: &Rows) -> Result<()> {
    let folder = workspace.made().join("bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("orders-{}.csv", options.rows));
    step(&format!("making a file of {} orders", options.rows), || write(&file, options.rows))?;
    let cloud = Cloud::up(workspace, &UpOptions::new("bench"))?;
    let client = Client::new(&cloud.deployed.api_url, &cloud.access.api_key);
    let asked = ask(&client, &file, options);
    cloud::down(workspace, &cloud.instance)?;
    std::fs::remove_file(&file)?;
    asked
}

/// Writes so many orders, of which every thousandth is wrong.
pub(super) fn write(file: &std::path::Path, rows: u32) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    writeln!(out, "order_id,sku,customer,quantity,unit_price,currency,order_date")?;
    for row in 1..=rows {
        writeln!(out, "A-{row},00012345,Zoë,{},1.25,EUR,2024-01-02", u32::from(row % 1000 != 0))?;
    }
    Ok(out.flush()?)
}

fn ask(client: &Client, file: &std::path::Path, options: &Rows) -> Result<()> {
    let task = step("sending it through", || {
        let task = client.upload(&Upload::new(file, "orders-check"), &mut Silent)?;
        Ok(client.watch(task.id, &mut Silent)?)
    })?;
    ensure!(task.total == Some(u64::from(options.rows)), "it ended otherwise: {task:?}");
    let id = task.id;
    // Anywhere in the file, and nowhere twice in a row.
    let anywhere = |number: u32| RowNumber::new(2 + number.wrapping_mul(2_654_435_761) % options.rows);
    let task_times = times(options.questions, |_| client.task(id).map(drop))?;
    let row_times = times(options.questions, |number| client.row(id, anywhere(number)).map(drop))?;
    let page_times = times(options.questions, |_| client.rows(id, Some("failed"), None, 50).map(drop))?;
    println!("1 of {} rows, medians and slowest of {} questions\n", options.rows, options.questions);
    println!("| question | median s | slowest s | × one task |");
    println!("| --- | ---: | ---: | ---: |");
    for (name, times) in [
        ("one task", &task_times),
        ("one row by its number", &row_times),
        ("the first 50 failed rows, in 50 batches", &page_times),
    ] {
        let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
        println!("| {name} | {median:.3} | {slowest:.3} | {:.1} |", median / task_times[task_times.len() / 2]);
    }
    Ok(())
}

/// How long each question took in seconds, the shortest first.
fn times(questions: u32, question: impl Fn(u32) -> Result<(), ClientError>) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for number in 0..=questions {
        let begun = Instant::now();
        question(number)?;
        // The first is not counted: it may be the one that starts the function.
        if number > 0 {
            times.push(begun.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}
