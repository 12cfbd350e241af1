//! The `simulate` stage: stands in for real work in demos and tests.

use std::time::Duration;

use filas_domain::outcome::Stage as StageName;
use serde_json::Value;
use tokio::time::Instant;

use crate::spec::{SimulateSpec, Source};
use crate::stage::{Interrupted, RowContext, RowValues, Step};
use crate::text::{LONGEST_VALUE, on_one_line, shortened, shown_value};
use crate::variables::Variables;

/// Rows under way at once in one worker: a simulated cost is a wait and not work.
pub(crate) const CONCURRENCY: usize = 16;

/// The variable that allows a row to end the process.
const ALLOW_CRASH: &str = "ALLOW_SIMULATED_CRASH";
/// The highest cost, in milliseconds: no worker lives longer than 15 minutes, so a higher one would never be paid.
const HIGHEST_COST: f64 = 900_000.0;

/// Costs time, fails and crashes as the row says.
#[derive(Debug)]
pub(crate) struct Simulation {
    spec: SimulateSpec,
    crash_allowed: bool,
}

impl Simulation {
    /// A simulation; crashes are carried out only where the variable `ALLOW_SIMULATED_CRASH` is `true`.
    pub(crate) fn compile(spec: &SimulateSpec, variables: &Variables) -> Self {
        Self { spec: spec.clone(), crash_allowed: variables.get(ALLOW_CRASH) == Some("true") }
    }

    /// First the cost, then the crash, then the failure.
    pub(crate) async fn run(&self, values: &RowValues, context: &RowContext) -> Result<Step, Interrupted> {
        let cost = match cost(value_of(self.spec.cost.as_ref(), values)) {
            Ok(cost) => cost,
            Err(message) => return Ok(Step::fail(StageName::Deliver, "SIMULATED_COST_INVALID", message)),
        };
        if Instant::now() + cost > context.deadline {
            return Err(Interrupted::OutOfTime);
        }
        if !cost.is_zero() {
            tokio::time::sleep(cost).await;
        }
        if truth(value_of(self.spec.crash.as_ref(), values)) {
            if self.crash_allowed {
                std::process::abort();
            }
            let message = format!("the row asks for a crash, and {ALLOW_CRASH} is not true");
            return Ok(Step::fail(StageName::Deliver, "SIMULATED_CRASH_REFUSED", message));
        }
        let fail = value_of(self.spec.fail.as_ref(), values);
        if truth(fail) {
            return Ok(Step::fail(StageName::Deliver, "SIMULATED_FAILURE", failure_message(fail)));
        }
        Ok(Step::Continue)
    }
}

fn value_of<'a>(source: Option<&'a Source>, values: &'a RowValues) -> Option<&'a Value> {
    match source? {
        Source::Column(column) => values.cell(column),
        Source::Literal(value) => Some(value),
    }
}

/// A number of milliseconds, as a number or as text; nothing costs nothing.
fn cost(value: Option<&Value>) -> Result<Duration, String> {
    let milliseconds = match value {
        None | Some(Value::Null) => Some(0.0),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    match milliseconds {
        Some(milliseconds) if (0.0..=HIGHEST_COST).contains(&milliseconds) => {
            Ok(Duration::from_secs_f64(milliseconds / 1_000.0))
        }
        _ => {
            let shown = value.map(shown_value).unwrap_or_default();
            Err(format!("the cost {shown} is no number of milliseconds from 0 to 900000"))
        }
    }
}

/// Whether a value means yes. In a spreadsheet "no" is often said by text.
fn truth(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(truth)) => *truth,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => {
            let text = text.trim();
            !["", "false", "no", "0"].iter().any(|no| text.eq_ignore_ascii_case(no))
        }
        Some(Value::Array(_) | Value::Object(_)) => true,
    }
}

/// The row's own text, unless it only says yes.
fn failure_message(value: Option<&Value>) -> String {
    match value.and_then(Value::as_str).map(str::trim) {
        Some(text) if !["true", "yes", "1"].iter().any(|yes| text.eq_ignore_ascii_case(yes)) => {
            shortened(&on_one_line(text), LONGEST_VALUE * 2)
        }
        _ => "the row asks for a failure".to_owned(),
    }
}
