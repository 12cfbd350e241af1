//! Rows a second of validation beside the bare reading of the rows' JSON: `cargo run --release -p filas-pipeline
//! --example validate_speed [ROWS]`. The ratio is what can be compared between machines.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use filas_pipeline::{Pipeline, RowContext, SourceRow, Variables, parse, shipped};

/// Each measurement is the best of so many: the others were disturbed.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let rows: usize = std::env::args().nth(1).map_or(Ok(100_000), |rows| rows.parse())?;
    let orders = shipped::find("orders").ok_or("the orders pipeline is not shipped")?;
    let pipeline = Pipeline::compile(&parse(orders.yaml)?, &Variables::new())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    for (name, kind) in
        [("typed cells (xlsx)", Kind::Typed), ("text cells (csv)", Kind::Text), ("1 % invalid", Kind::SomeBad)]
    {
        let lines: Vec<_> = (0..rows).map(|number| line(number, kind)).collect();
        let bare = best(|| {
            for line in &lines {
                black_box(serde_json::from_slice::<serde_json::Value>(black_box(line))?);
            }
            Ok(())
        })?;
        let whole = best(|| {
            let context = RowContext {
                task: "bench".to_owned(),
                deadline: tokio::time::Instant::now() + Duration::from_secs(3_600),
            };
            runtime.block_on(async {
                for line in &lines {
                    black_box(pipeline.run_row(SourceRow::parse(line)?, &context).await?);
                }
                Ok(())
            })
        })?;
        let per_second = |time: Duration| rows as f64 / time.as_secs_f64();
        println!(
            "{name}: JSON alone {:.0} rows/s, parsed and validated {:.0} rows/s, {:.2} x the time of JSON alone",
            per_second(bare),
            per_second(whole),
            whole.as_secs_f64() / bare.as_secs_f64()
        );
    }
    Ok(())
}

fn best(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        work()?;
        best = best.min(begun.elapsed());
    }
    Ok(best)
}

#[derive(Clone, Copy)]
enum Kind {
    Typed,
    Text,
    SomeBad,
}

/// An order of 12 columns as the split writes it.
fn line(number: usize, kind: Kind) -> Vec<u8> {
    let quantity = if matches!(kind, Kind::SomeBad) && number.is_multiple_of(100) { 0 } else { number % 9 + 1 };
    let quote = if matches!(kind, Kind::Text) { "\"" } else { "" };
    let note = if number.is_multiple_of(3) { "null" } else { "\"deliver to the café next door\"" };
    format!(
        r#"{{"row":{row},"record":{{"order_id":"A-{number}","sku":"{sku:08}","customer":"José Peña","quantity":{quote}{quantity}{quote},"unit_price":{quote}{euros}.99{quote},"currency":"EUR","order_date":"2026-01-31","ship_at":"2026-02-01T10:30:00","express":{quote}true{quote},"discount":{quote}0.15{quote},"country":"ES","note":{note}}}}}"#,
        row = number + 2,
        sku = number % 100_000_000,
        euros = number % 500,
    )
    .into_bytes()
}
