//! `cargo xtask bench pipeline`: rows a second through the stages of a pipeline on one core, beside the bare reading of
//! the rows' JSON in the same run. The ratio is what can be compared between machines.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use filas_domain::outcome::RowResult;
use filas_pipeline::local::LocalRunner;
use filas_pipeline::{Pipeline, SourceRow, Variables, parse};
use filas_testkit::partner::{PartnerServer, PartnerSettings};

/// The bench of the stages.
#[derive(Debug, Args)]
pub struct Stages {
    /// Rows.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
    rows: u32,
    /// Runs of each measurement, of which the best counts: the others were disturbed.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

/// The columns of an order and what is wanted of them: the same as in `pipelines/orders.yaml`.
const VALIDATE: &str = r#"
validate:
  type: object
  required: [order_id, sku, customer, quantity, unit_price, currency, order_date]
  properties:
    order_id: { type: string, minLength: 1 }
    sku: { type: string, pattern: "^[0-9]{8}$" }
    customer: { type: string }
    quantity: { type: integer, minimum: 1 }
    unit_price: { type: number, minimum: 0 }
    currency: { type: string, enum: [EUR, USD, GBP] }
    order_date: { type: string, format: date }
    ship_at: { type: string }
    express: { type: boolean }
    discount: { type: number, minimum: 0, maximum: 1 }
    country: { type: string, pattern: "^[A-Z]{2}$" }
    note: { type: string }
"#;

const COMPUTE: &str = r#"
rules:
  - { check: "row.ship_at == null || row.ship_at >= row.order_date", message: "ships before it is ordered" }
compute:
  subtotal: row.quantity * row.unit_price
  discount: "round(subtotal * (row.discount == null ? 0 : row.discount), 2)"
  shipping: "row.express ? 9.90 : subtotal >= 50 ? 0 : 4.90"
  total: subtotal - discount + shipping
"#;

const DELIVER: &str = r#"
deliver:
  http:
    put: "${PARTNER_URL}/orders/{row.order_id}"
    body: "{'sku': row.sku, 'quantity': row.quantity, 'total': total}"
    concurrency: 64
"#;

/// What is measured: its name, its pipeline, and whether it costs so much that fewer rows are enough.
struct Measured {
    name: &'static str,
    pipeline: Pipeline,
    rows: usize,
}

/// Runs the bench and prints a table.
///
/// # Errors
/// When a row does not end as it should.
pub fn bench(options: &Stages) -> Result<()> {
    let partner = PartnerServer::start_local(PartnerSettings::default()).context("start the partner")?;
    let measured = measured(options.rows as usize, &partner.url())?;
    let runner = LocalRunner::new("bench", Duration::from_secs(3_600)).context("start the runner")?;
    println!("{} orders of 12 columns, one core, the best of {} runs\n", options.rows, options.runs);
    println!("| rows | what | rows/s | × the JSON alone |");
    println!("| --- | --- | ---: | ---: |");
    for (cells, quote) in [("typed cells (xlsx)", ""), ("text cells (csv)", "\"")] {
        let lines: Vec<Vec<u8>> = (0..options.rows).map(|number| line(number, quote)).collect();
        // All are measured in turn, round by round: a machine that is busy for a while disturbs them alike.
        let mut best = vec![Duration::MAX; measured.len() + 2];
        for _ in 0..options.runs {
            keep_best(&mut best[0], || parse_alone(&lines))?;
            keep_best(&mut best[1], || read_rows(&lines))?;
            for (best, Measured { pipeline, rows, .. }) in best[2..].iter_mut().zip(&measured) {
                keep_best(best, || run(&runner, pipeline, &lines[..lines.len().min(*rows)]))?;
            }
        }
        let json = best[0].as_secs_f64() / lines.len() as f64;
        print(cells, "JSON alone", json, json);
        print(cells, "read as rows", best[1].as_secs_f64() / lines.len() as f64, json);
        for (best, Measured { name, rows, .. }) in best[2..].iter().zip(&measured) {
            print(cells, name, best.as_secs_f64() / lines.len().min(*rows) as f64, json);
        }
    }
    Ok(())
}

fn measured(rows: usize, partner: &str) -> Result<Vec<Measured>> {
    // The local partner is no public address.
    let host = partner.trim_start_matches("http://").trim_end_matches('/');
    let variables = Variables::new().with("PARTNER_URL", partner).with("OUTBOUND_ALLOW", host);
    let compile = |parts: &[&str]| -> Result<Pipeline> {
        let yaml = format!("name: bench\n{}", parts.concat());
        Ok(Pipeline::compile(&parse(&yaml)?, &variables)?)
    };
    Ok(vec![
        Measured { name: "validate", pipeline: compile(&[VALIDATE, "deliver: none\n"])?, rows },
        Measured { name: "validate, compute", pipeline: compile(&[VALIDATE, COMPUTE, "deliver: none\n"])?, rows },
        Measured {
            name: "validate, compute, deliver to an instant partner",
            pipeline: compile(&[VALIDATE, COMPUTE, DELIVER])?,
            rows: rows / 10 + 1,
        },
    ])
}

fn run(runner: &LocalRunner, pipeline: &Pipeline, lines: &[Vec<u8>]) -> Result<()> {
    let mut trouble = None;
    let mut succeeded = 0;
    let rows = lines.iter().map_while(|line| SourceRow::parse(line).ok());
    runner.run(pipeline, rows, |row, result| match result {
        Ok(RowResult::Succeeded { .. }) => succeeded += 1,
        other => trouble = Some(format!("row {row}: {other:?}")),
    });
    ensure!(trouble.is_none(), "a row ended otherwise: {}", trouble.unwrap_or_default());
    ensure!(succeeded == lines.len(), "{succeeded} of {} rows ended", lines.len());
    Ok(())
}

fn parse_alone(lines: &[Vec<u8>]) -> Result<()> {
    for line in lines {
        black_box(serde_json::from_slice::<serde_json::Value>(black_box(line))?);
    }
    Ok(())
}

fn read_rows(lines: &[Vec<u8>]) -> Result<()> {
    for line in lines {
        black_box(SourceRow::parse(black_box(line))?);
    }
    Ok(())
}

fn keep_best(best: &mut Duration, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    work()?;
    *best = begun.elapsed().min(*best);
    Ok(())
}

fn print(cells: &str, what: &str, seconds: f64, json: f64) {
    println!("| {cells} | {what} | {:.0} | {:.2} |", 1.0 / seconds, seconds / json);
}

/// An order of 12 columns as the split writes it.
fn line(number: u32, quote: &str) -> Vec<u8> {
    let quantity = number % 9 + 1;
    let note = if number.is_multiple_of(3) { "null" } else { "\"deliver to the café next door\"" };
    format!(
        r#"{{"row":{row},"record":{{"order_id":"A-{number}","sku":"{sku:08}","customer":"José Peña","quantity":{quote}{quantity}{quote},"unit_price":{quote}{euros}.99{quote},"currency":"EUR","order_date":"2026-01-31","ship_at":"2026-02-01T10:30:00","express":{quote}true{quote},"discount":{quote}0.15{quote},"country":"ES","note":{note}}}}}"#,
        row = u64::from(number) + 2,
        sku = number % 100_000_000,
        euros = number % 500,
    )
    .into_bytes()
}
