//! `cargo xtask bench cost`: what a file asks of the cloud, from the counters of its task, and about what that costs.

use anyhow::{Result, ensure};
use clap::Args;
use filas_cli::client::{Client, Upload};
use filas_cli::progress::Silent;
use filas_domain::usage::Prices;
use filas_domain::view::TaskView;

use super::rows;
use crate::cloud::{self, Cloud, UpOptions};
use crate::progress::step;
use crate::workspace::Workspace;

/// The bench of costs.
#[derive(Debug, Args)]
pub struct Cost {
    /// Rows of the file.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
}

/// Sends a file of so many orders through the pipeline `orders-check` and prints what it asked for, for a million rows.
///
/// # Errors
/// When the file does not go through.
pub fn bench(workspace: &Workspace, options: &Cost) -> Result<()> {
    let folder = workspace.made().join("bench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("orders-{}.csv", options.rows));
    step(&format!("making a file of {} orders", options.rows), || rows::write(&file, options.rows))?;
    let cloud = Cloud::up(workspace, &UpOptions::new("bench"))?;
    let client = Client::new(&cloud.deployed.api_url, &cloud.access.api_key);
    let task = step("sending it through", || {
        let task = client.upload(&Upload::new(&file, "orders-check"), &mut Silent)?;
        Ok(client.watch(task.id, &mut Silent)?)
    });
    cloud::down(workspace, &cloud.instance)?;
    std::fs::remove_file(&file)?;
    let task = task?;
    ensure!(task.total == Some(u64::from(options.rows)), "it ended otherwise: {task:?}");
    print(&task, f64::from(options.rows));
    Ok(())
}

fn print(task: &TaskView, rows: f64) {
    let (usage, prices) = (&task.usage, Prices::US_EAST_1);
    println!(
        "\n| a million rows, in {} batches of {} | counted | a million cost | dollars |",
        task.batches.done, task.batches.size
    );
    println!("| --- | ---: | ---: | ---: |");
    let mut requests = 0.0;
    for (name, count, price) in [
        ("invocations of Lambda", usage.lambda_requests, prices.lambda_requests),
        ("requests to SQS", usage.sqs_requests, prices.sqs_requests),
        ("writes to S3", usage.s3_writes, prices.s3_writes),
        ("reads of S3", usage.s3_reads, prices.s3_reads),
        ("write units of DynamoDB", usage.table_writes, prices.table_writes),
        ("read units of DynamoDB", usage.table_reads, prices.table_reads),
    ] {
        let count = count as f64 * 1e6 / rows;
        let dollars = count * price / 1e6;
        requests += dollars;
        println!("| {name} | {count:.0} | {price:.3} | {dollars:.6} |");
    }
    println!("| **requests together** | | | **{requests:.6}** |");
    let seconds = usage.lambda_gb_seconds * 1e6 / rows;
    let time = seconds * prices.lambda_gb_second;
    println!("| time of functions, GB × s | {seconds:.1} | {:.2} | {time:.6} |", prices.lambda_gb_second * 1e6);
    println!("| **all** | | | **{:.6}** |", requests + time);
}
