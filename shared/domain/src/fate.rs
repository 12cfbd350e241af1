//! What is known of each row of a batch, from the batch and the outcomes that it points to: nothing is stored per row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::batch::{Batch, BatchState};
use crate::clock::Timestamp;
use crate::ids::RowNumber;
use crate::outcome::{OutcomeLine, Stage, latest};
use crate::plan::BatchPlan;

/// Where a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// Waiting for a worker.
    Queued,
    /// A worker has its batch.
    Processing,
    /// It went through.
    Succeeded,
    /// It failed.
    Failed,
    /// It was not tried, or it is not known what became of it.
    Unprocessed,
}

impl RowState {
    /// Every state, in the order of a row's life.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Processing, Self::Succeeded, Self::Failed, Self::Unprocessed];

    /// The name, as shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Unprocessed => "unprocessed",
        }
    }

    /// The state with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What is known of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Fate {
    /// Where it is.
    pub state: RowState,
    /// In which stage it failed.
    pub stage: Option<Stage>,
    /// Why it did not succeed, for programs.
    pub code: Option<String>,
    /// Why it did not succeed, for people.
    pub message: Option<String>,
    /// What the pipeline kept of a partner's answer.
    pub kept: Option<Value>,
}

impl Fate {
    /// A row about which there is nothing else to say.
    pub const fn plain(state: RowState) -> Self {
        Self { state, stage: None, code: None, message: None, kept: None }
    }

    /// A row that was not tried, and why.
    pub fn unprocessed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: Some(code.into()), message: Some(message.into()), ..Self::plain(RowState::Unprocessed) }
    }
}

impl From<OutcomeLine> for Fate {
    fn from(line: OutcomeLine) -> Self {
        match line {
            OutcomeLine::Succeeded { kept, .. } => Self { kept, ..Self::plain(RowState::Succeeded) },
            OutcomeLine::Failed { failure, .. } => Self {
                stage: Some(failure.stage),
                code: Some(failure.code),
                message: Some(failure.message),
                ..Self::plain(RowState::Failed)
            },
            OutcomeLine::Unprocessed { code, message, .. } => Self::unprocessed(code, message),
        }
    }
}

/// The code of unprocessed rows of a batch in this state.
pub const fn unprocessed_code(state: BatchState) -> &'static str {
    if matches!(state, BatchState::Cancelled) { "CANCELLED" } else { "BATCH_DEAD" }
}

/// The rows of a batch, where the plan alone tells them: no row number is left out between the first and the last.
pub fn numbers_of_plan(plan: &BatchPlan) -> Option<Vec<RowNumber>> {
    let (first, last) = (plan.first_row.get(), plan.last_row.get());
    let is_dense = last.checked_sub(first)?.checked_add(1)? == plan.rows;
    is_dense.then(|| (first..=last).map(RowNumber::new).collect())
}

/// The row of a line of a rows object.
#[derive(Deserialize)]
struct Numbered {
    row: RowNumber,
}

/// The rows of these lines of a rows object.
///
/// # Errors
/// When a line has no row: the object is damaged.
pub fn numbers_of_lines(lines: &[u8]) -> Result<Vec<RowNumber>, serde_json::Error> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice::<Numbered>(line).map(|numbered| numbered.row)).collect()
}

/// Whether every row of the batch has an outcome in its parts, so that nothing else need be read.
pub fn is_complete(batch: &Batch) -> bool {
    batch.redo.is_none() && batch.rows_left() == 0
}

/// What is known at `now` of each row of a batch. `parts` are the bytes of the batch's parts, in order; `rows` are its
/// rows, and may be left out of a [complete](is_complete) one.
///
/// # Errors
/// When a part has a line that is no outcome: it is damaged.
pub fn fates(
    batch: &Batch,
    parts: &[Vec<u8>],
    rows: &[RowNumber],
    now: Timestamp,
) -> Result<BTreeMap<RowNumber, Fate>, serde_json::Error> {
    let mut outcomes = latest(&parts.concat())?;
    if let Some(redo) = &batch.redo {
        // Those that are done again and have not come to it have no outcome.
        let before = latest(&parts[..redo.parts.min(parts.len())].concat())?;
        let selected = before.into_iter().filter(|(_, line)| redo.selects(line)).map(|(row, _)| row);
        for row in selected.skip(batch.processed as usize) {
            outcomes.remove(&row);
        }
    }
    let mut fates: BTreeMap<RowNumber, Fate> = rows.iter().map(|row| (*row, open(batch, now))).collect();
    fates.extend(outcomes.into_iter().map(|(row, line)| (row, line.into())));
    Ok(fates)
}

/// What is known of a row of the batch that has no outcome.
fn open(batch: &Batch, now: Timestamp) -> Fate {
    match batch.state {
        BatchState::Processing if batch.is_held(now) => Fate::plain(RowState::Processing),
        BatchState::Queued | BatchState::Processing | BatchState::Parked => Fate::plain(RowState::Queued),
        BatchState::Done | BatchState::Dead | BatchState::Cancelled => Fate::unprocessed(
            unprocessed_code(batch.state),
            batch.reason.as_deref().unwrap_or("The task ended before this row."),
        ),
    }
}

#[cfg(test)]
mod tests;
