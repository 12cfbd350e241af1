//! A dry run: rows through every stage but the delivery, with times.

use std::time::Duration;

use filas_domain::ids::RowNumber;
use filas_domain::outcome::Failure;
use futures::{StreamExt as _, stream};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::pipeline::Pipeline;
use crate::row::{SourceRow, Unreadable};
use crate::stage::{RowContext, RowValues, Step};
use crate::unique::{self, KeyIndex};

/// What a dry run found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The pipeline's name.
    pub pipeline: String,
    /// Rows that would be delivered.
    pub passed: usize,
    /// Rows that fail.
    pub failed: usize,
    /// Rows of which it is not known, because something that a stage needs is down or the time was up.
    pub interrupted: usize,
    /// The stages in order, the delivery left out.
    pub stages: Vec<StageReport>,
    /// The rows in order.
    pub rows: Vec<RowReport>,
}

/// What one stage did with the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageReport {
    /// `validate`, `enrich`, …
    pub stage: &'static str,
    /// Rows that came to it.
    pub rows: usize,
    /// Rows that failed in it.
    pub failed: usize,
    /// The time of all rows together, in microseconds.
    pub micros: u64,
    /// The time of the slowest row, in microseconds.
    pub slowest_micros: u64,
}

/// What became of one row.
#[derive(Debug, Serialize)]
pub struct RowReport {
    /// The number that the person sees in the spreadsheet.
    pub row: RowNumber,
    /// Whether it would be delivered, and if not, why.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The converted row with its computed values, as far as it came. Decimals have all their digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<RawValue>>,
}

/// Whether a row would be delivered.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Verdict {
    /// It would.
    Passed,
    /// It fails.
    Failed(Failure),
    /// It is not known.
    Interrupted {
        /// Why.
        reason: String,
    },
}

/// The time that one row took in one stage.
struct Lap {
    stage: usize,
    time: Duration,
    failed: bool,
}

/// Runs rows through every stage but the delivery: nothing is sent and nothing is stored, but look-ups are made.
pub async fn check(pipeline: &Pipeline, rows: Vec<SourceRow>, context: &RowContext) -> Report {
    let stages = pipeline.stages().iter().filter(|stage| !stage.is_delivery());
    let stages =
        stages.map(|stage| StageReport { stage: stage.name(), rows: 0, failed: 0, micros: 0, slowest_micros: 0 });
    let mut report = Report {
        pipeline: pipeline.name().to_owned(),
        passed: 0,
        failed: 0,
        interrupted: 0,
        stages: stages.collect(),
        rows: Vec::with_capacity(rows.len()),
    };
    let rows = with_duplicates(pipeline, rows);
    let mut checked =
        stream::iter(rows).map(|row| check_row(pipeline, row, context)).buffered(pipeline.concurrency().max(1));
    while let Some((row, laps)) = checked.next().await {
        match row.verdict {
            Verdict::Passed => report.passed += 1,
            Verdict::Failed(_) => report.failed += 1,
            Verdict::Interrupted { .. } => report.interrupted += 1,
        }
        report.rows.push(row);
        laps.iter().for_each(|lap| report.stages[lap.stage].count(lap));
    }
    report
}

/// The rows, of which those are bad whose key an earlier one has. Whoever reads a whole file does the same.
fn with_duplicates(pipeline: &Pipeline, mut rows: Vec<SourceRow>) -> Vec<SourceRow> {
    let Some(mut keys) = pipeline.key().map(KeyIndex::new) else { return rows };
    for row in &mut rows {
        let Ok(record) = &row.record else { continue };
        let json = serde_json::to_vec(record).unwrap_or_default();
        if let Ok(Some(duplicate)) = keys.check(row.number.get(), &json) {
            row.record = Err(Unreadable { code: unique::CODE.to_owned(), message: duplicate.message });
        }
    }
    rows
}

impl StageReport {
    fn count(&mut self, lap: &Lap) {
        let micros = u64::try_from(lap.time.as_micros()).unwrap_or(u64::MAX);
        self.rows += 1;
        self.failed += usize::from(lap.failed);
        self.micros = self.micros.saturating_add(micros);
        self.slowest_micros = self.slowest_micros.max(micros);
    }
}

async fn check_row(pipeline: &Pipeline, row: SourceRow, context: &RowContext) -> (RowReport, Vec<Lap>) {
    let number = row.number;
    let mut laps = Vec::new();
    let record = match row.record {
        Ok(record) => record,
        Err(unreadable) => {
            let verdict = Verdict::Failed(unreadable.into());
            return (RowReport { row: number, verdict, record: None }, laps);
        }
    };
    let mut values = RowValues::new(number, Value::Object(record));
    let mut verdict = Verdict::Passed;
    for (stage, work) in pipeline.stages().iter().filter(|stage| !stage.is_delivery()).enumerate() {
        if Instant::now() >= context.deadline {
            verdict = Verdict::Interrupted { reason: "the time was up".to_owned() };
            break;
        }
        let begun = std::time::Instant::now();
        let step = work.run(&mut values, context).await;
        laps.push(Lap { stage, time: begun.elapsed(), failed: matches!(step, Ok(Step::Fail(_))) });
        match step {
            Ok(Step::Continue) => continue,
            Ok(Step::Fail(failure)) => verdict = Verdict::Failed(failure),
            Err(interrupted) => verdict = Verdict::Interrupted { reason: interrupted.to_string() },
        }
        break;
    }
    let record =
        String::from_utf8(pipeline.scope().row_json(&values)).ok().and_then(|json| RawValue::from_string(json).ok());
    (RowReport { row: number, verdict, record }, laps)
}
