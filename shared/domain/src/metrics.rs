//! Metrics in CloudWatch's embedded metric format: a line that is printed becomes a metric, without a call.
//!
//! Every metric has the one dimension `Stack`: each combination of dimensions is billed as a metric of its own. Values are
//! numbers, and names are ours: nothing of a row can get into one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::outcome::Counts;

/// The most values of one metric in a line: "an array of up to 100" by the specification of the format.
const VALUES: usize = 100;

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Rows that went through.
    RowsSucceeded,
    /// Rows that failed.
    RowsFailed,
    /// Rows not tried, or of unknown fate.
    RowsUnprocessed,
    /// How long the rows of a batch took one worker.
    BatchDuration,
    /// How long a partner took to answer one request.
    PartnerLatency,
    /// How long a batch waited in its queue before it was delivered.
    QueueAge,
    /// What a task that has ended cost, in US dollars.
    TaskCost,
    /// Tasks whose counters are not the sums over their batches.
    LedgerDrift,
    /// Tasks that do not move.
    StuckTasks,
    /// Tasks that could not be swept.
    TasksInTrouble,
    /// Tasks for which something was to be done.
    TasksSwept,
}

impl Metric {
    /// The name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RowsSucceeded => "RowsSucceeded",
            Self::RowsFailed => "RowsFailed",
            Self::RowsUnprocessed => "RowsUnprocessed",
            Self::BatchDuration => "BatchDuration",
            Self::PartnerLatency => "PartnerLatency",
            Self::QueueAge => "QueueAge",
            Self::TaskCost => "TaskCost",
            Self::LedgerDrift => "LedgerDrift",
            Self::StuckTasks => "StuckTasks",
            Self::TasksInTrouble => "TasksInTrouble",
            Self::TasksSwept => "TasksSwept",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::BatchDuration | Self::PartnerLatency | Self::QueueAge => "Milliseconds",
            Self::TaskCost => "None",
            _ => "Count",
        }
    }

    /// Whether its values are added up, and not kept one by one.
    const fn is_sum(self) -> bool {
        matches!(self, Self::RowsSucceeded | Self::RowsFailed | Self::RowsUnprocessed)
    }
}

/// What was observed since the last line. Its clones observe together.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    values: Arc<Mutex<BTreeMap<Metric, Vec<f64>>>>,
}

impl Metrics {
    /// Nothing observed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a value. Of one metric, the first hundred values between two lines are kept.
    pub fn observe(&self, metric: Metric, value: f64) {
        let mut observed = self.values();
        let values = observed.entry(metric).or_default();
        if let (true, Some(sum)) = (metric.is_sum(), values.first_mut()) {
            *sum += value;
        } else if values.len() < VALUES {
            values.push(value);
        }
    }

    /// Notes a span of time, in milliseconds.
    pub fn observe_time(&self, metric: Metric, time: Duration) {
        self.observe(metric, time.as_secs_f64() * 1e3);
    }

    /// Notes rows by outcome.
    pub fn observe_rows(&self, counts: &Counts) {
        for (metric, rows) in [
            (Metric::RowsSucceeded, counts.succeeded),
            (Metric::RowsFailed, counts.failed),
            (Metric::RowsUnprocessed, counts.unprocessed),
        ] {
            if rows > 0 {
                self.observe(metric, rows as f64);
            }
        }
    }

    /// The line with everything since the last one, if there was anything, as metrics of `stack`.
    pub fn line(&self, stack: &str, now: Timestamp) -> Option<String> {
        let observed = std::mem::take(&mut *self.values());
        if observed.is_empty() {
            return None;
        }
        let metrics: Vec<_> =
            observed.keys().map(|metric| json!({ "Name": metric.name(), "Unit": metric.unit() })).collect();
        let mut line = json!({
            "_aws": {
                "Timestamp": now.as_millis(),
                "CloudWatchMetrics": [{ "Namespace": "Filas", "Dimensions": [["Stack"]], "Metrics": metrics }],
            },
            "Stack": stack,
        });
        for (metric, values) in observed {
            line[metric.name()] = if let [value] = values[..] { value.into() } else { values.into() };
        }
        Some(line.to_string())
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<Metric, Vec<f64>>> {
        // A panic elsewhere leaves numbers behind, not a broken structure.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_line_is_metrics_of_the_stack_and_begins_anew() {
        let metrics = Metrics::new();
        let now = Timestamp::from_millis(7);
        assert_eq!(metrics.line("filas", now), None);
        for rows in [3, 4] {
            metrics.observe_rows(&Counts { succeeded: rows, ..Counts::default() });
            metrics.clone().observe_time(Metric::BatchDuration, Duration::from_millis(rows));
        }
        metrics.observe(Metric::LedgerDrift, 0.0);
        let line: Value = serde_json::from_str(&metrics.line("filas", now).unwrap()).unwrap();
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 7,
                    "CloudWatchMetrics": [{
                        "Namespace": "Filas",
                        "Dimensions": [["Stack"]],
                        "Metrics": [
                            { "Name": "RowsSucceeded", "Unit": "Count" },
                            { "Name": "BatchDuration", "Unit": "Milliseconds" },
                            { "Name": "LedgerDrift", "Unit": "Count" },
                        ],
                    }],
                },
                "Stack": "filas",
                "RowsSucceeded": 7.0,
                "BatchDuration": [3.0, 4.0],
                "LedgerDrift": 0.0,
            })
        );
        assert_eq!(metrics.line("filas", now), None);
    }

    #[test]
    fn a_line_has_at_most_a_hundred_values_of_each() {
        let metrics = Metrics::new();
        (0..1000).for_each(|value| metrics.observe(Metric::PartnerLatency, f64::from(value)));
        let line: Value = serde_json::from_str(&metrics.line("filas", Timestamp::default()).unwrap()).unwrap();
        assert_eq!(line["PartnerLatency"].as_array().unwrap().len(), 100);
    }
}
