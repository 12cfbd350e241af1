//! The rows of one batch through the pipeline.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use filas_domain::batch::{Batch, Progress};
use filas_domain::outcome::{OutcomeLine, RowResult};
use filas_pipeline::{Interrupted, Pipeline, RowContext, SourceRow};
use futures::{FutureExt, StreamExt, stream};
use tokio::time::Instant;

/// Why a batch could not be processed, though its rows may be fine.
#[derive(Debug, thiserror::Error)]
pub enum BatchTrouble {
    /// The bytes are not the rows that the index promises.
    #[error("the rows object is damaged: {0}")]
    Damaged(String),
    /// Something is wrong with the machine.
    #[error("the pipeline could not go on: {0}")]
    Fault(String),
}

/// A partner that is down: no row of the task gets further until it is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerDown {
    /// Why, for people.
    pub reason: String,
    /// How long to wait before it is tried again.
    pub probe_after: Duration,
}

/// What was done of a batch.
#[derive(Debug, Default)]
pub struct Done {
    /// The rows that have an outcome now.
    pub progress: Progress,
    /// Why the others have none, when it is because of a partner.
    pub partner_down: Option<PartnerDown>,
    /// Whether the next of the others did not get its turn at a partner.
    pub had_no_turn: bool,
    /// Whether the others only wait until these are recorded.
    pub is_checkpoint: bool,
}

/// When to stop.
#[derive(Debug, Clone)]
pub struct Until<'a> {
    /// What ends the rows that are under way as well.
    pub context: &'a RowContext,
    /// When no further row is begun, so that what is done can be recorded.
    pub checkpoint: Option<Instant>,
}

/// Runs the rows in `lines`, those of `batch` that have no outcome yet, in order and as many at once as the pipeline
/// allows. Ends early, between two rows, when the time is up, or a checkpoint is due. Appends a line for each outcome to
/// `outcomes`.
///
/// # Errors
/// When the lines are not those of the batch, or the machine is in trouble before any row is done. `outcomes` is as it was
/// then.
pub async fn run(
    pipeline: &Pipeline,
    batch: &Batch,
    lines: &[u8],
    until: &Until<'_>,
    outcomes: &mut Vec<u8>,
) -> Result<Done, BatchTrouble> {
    let before = outcomes.len();
    let result = run_in_order(pipeline, batch, lines, until, outcomes).await;
    if result.is_err() {
        outcomes.truncate(before);
    }
    result
}

async fn run_in_order(
    pipeline: &Pipeline,
    batch: &Batch,
    lines: &[u8],
    until: &Until<'_>,
    outcomes: &mut Vec<u8>,
) -> Result<Done, BatchTrouble> {
    let lines: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.len() != batch.rows_left() as usize {
        return Err(BatchTrouble::Damaged(format!("{} lines where {} rows are left", lines.len(), batch.rows_left())));
    }
    let mut done = Done::default();
    let is_due = || until.checkpoint.is_some_and(|checkpoint| Instant::now() >= checkpoint);
    let begun = lines.iter().take_while(|_| !is_due());
    let mut results = stream::iter(begun)
        .map(|line| async move {
            let row = SourceRow::parse(line).map_err(|error| BatchTrouble::Damaged(error.to_string()))?;
            let number = row.number;
            Ok::<_, BatchTrouble>((line.len(), number, caught(pipeline.run_row(row, until.context)).await))
        })
        .buffered(pipeline.concurrency().max(1));
    while let Some(result) = results.next().await {
        let (bytes, row, result) = result?;
        match result {
            Ok(result) => {
                let line = OutcomeLine::new(row, result);
                line.write_to(outcomes);
                done.progress.counts.count(&line);
                done.progress.rows += 1;
                done.progress.bytes += bytes as u64;
            }
            // What is recorded is a run of rows from the start. The few behind this one that were under way are tried
            // again under the same idempotency key.
            Err(Interrupted::OutOfTime) => return Ok(done),
            Err(Interrupted::NoTurn) => {
                done.had_no_turn = true;
                return Ok(done);
            }
            Err(Interrupted::PartnerDown { reason, probe_after }) => {
                done.partner_down = Some(PartnerDown { reason, probe_after });
                return Ok(done);
            }
            // With what was done before it, the batch is handed on; at its start, it is trouble: handing on what never
            // gets further could go on for ever.
            Err(Interrupted::Unavailable(what) | Interrupted::Fault(what)) if done.progress.rows > 0 => {
                done.progress.trouble = Some(what);
                return Ok(done);
            }
            Err(Interrupted::Unavailable(what) | Interrupted::Fault(what)) => return Err(BatchTrouble::Fault(what)),
        }
    }
    done.is_checkpoint = done.progress.rows < batch.rows_left();
    Ok(done)
}

/// A panic in one row is that row's, and takes neither its neighbours nor the invocation with it.
async fn caught(run: impl Future<Output = Result<RowResult, Interrupted>>) -> Result<RowResult, Interrupted> {
    let panicked = || Interrupted::Fault("the pipeline panicked".to_owned());
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_| Err(panicked()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_row_is_a_fault_of_the_machine() {
        let fine = caught(async { Ok(RowResult::Succeeded { kept: None }) }).await;
        assert_eq!(fine, Ok(RowResult::Succeeded { kept: None }));
        let panicked = caught(async { panic!("as the test wants") }).await;
        assert_eq!(panicked, Err(Interrupted::Fault("the pipeline panicked".into())));
    }
}
