//! The rows of one batch through the pipeline.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use filas_domain::batch::{Batch, Progress};
use filas_domain::outcome::OutcomeLine;
use filas_pipeline::{Interrupted, Pipeline, RowContext, SourceRow};
use futures::{FutureExt, StreamExt, stream};

/// Why a batch could not be processed, though its rows may be fine.
#[derive(Debug, thiserror::Error)]
pub enum BatchTrouble {
    /// The bytes are not the rows that the index promises.
    #[error("the rows object is damaged: {0}")]
    Damaged(String),
    /// Something is wrong with the machine.
    #[error("the pipeline could not go on: {0}")]
    Fault(String),
    /// Our own fault.
    #[error("the pipeline panicked")]
    Panic,
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
}

/// Runs the rows in `lines`, those of `batch` that have no outcome yet, in order and as many at once as the pipeline
/// allows. Ends early, between two rows, when the time is up. Appends a line for each outcome to `outcomes`.
///
/// # Errors
/// When the lines are not those of the batch, or the machine is in trouble. `outcomes` is as it was then.
pub async fn run(
    pipeline: &Pipeline,
    batch: &Batch,
    lines: &[u8],
    context: &RowContext,
    outcomes: &mut Vec<u8>,
) -> Result<Done, BatchTrouble> {
    let before = outcomes.len();
    // A panic in one batch must not take the other batches of the invocation with it.
    let run = AssertUnwindSafe(run_in_order(pipeline, batch, lines, context, outcomes)).catch_unwind();
    let result = run.await.unwrap_or(Err(BatchTrouble::Panic));
    if result.is_err() {
        outcomes.truncate(before);
    }
    result
}

async fn run_in_order(
    pipeline: &Pipeline,
    batch: &Batch,
    lines: &[u8],
    context: &RowContext,
    outcomes: &mut Vec<u8>,
) -> Result<Done, BatchTrouble> {
    let lines: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.len() != batch.rows_left() as usize {
        return Err(BatchTrouble::Damaged(format!("{} lines where {} rows are left", lines.len(), batch.rows_left())));
    }
    let mut done = Done::default();
    let mut results = stream::iter(lines)
        .map(|line| async move {
            let row = SourceRow::parse(line).map_err(|error| BatchTrouble::Damaged(error.to_string()))?;
            let number = row.number;
            Ok::<_, BatchTrouble>((line.len(), number, pipeline.run_row(row, context).await))
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
            Err(Interrupted::OutOfTime) => break,
            Err(Interrupted::PartnerDown { reason, probe_after }) => {
                done.partner_down = Some(PartnerDown { reason, probe_after });
                break;
            }
            // With what was done before it, the batch is handed on; at its start, it is trouble: handing on what never
            // gets further could go on for ever.
            Err(Interrupted::Unavailable(_)) if done.progress.rows > 0 => break,
            Err(Interrupted::Unavailable(what) | Interrupted::Fault(what)) => return Err(BatchTrouble::Fault(what)),
        }
    }
    Ok(done)
}
