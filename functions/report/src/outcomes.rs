//! The outcomes of batches, in source order, with the rows of those that did not succeed.

use anyhow::{Context as _, Result};
use filas_domain::batch::{Batch, BatchState};
use filas_domain::ids::RowNumber;
use filas_domain::keys::ObjectKey;
use filas_domain::outcome::{OutcomeLine, latest};
use filas_domain::ports::ObjectReader;
use filas_results::{SourceLine, lines_of};

/// What is stored of a batch that is closed.
#[derive(Debug, Default)]
pub struct Stored {
    /// A line for each row, in order.
    pub outcomes: Vec<u8>,
    /// The lines of its rows, where one of them did not succeed.
    pub rows: Option<Vec<u8>>,
}

/// Reads what is stored of a batch.
///
/// # Errors
/// When something of it is missing or damaged, or the store is in trouble.
pub async fn read(objects: &impl ObjectReader, batch: &Batch) -> Result<Stored> {
    let outcomes =
        outcomes(objects, batch).await.with_context(|| format!("read the outcomes of batch {}", batch.number))?;
    let all_succeeded = batch.counts.failed + batch.counts.unprocessed == 0;
    let rows = match all_succeeded {
        true => None,
        false => Some(objects.get(&ObjectKey::rows(batch.task), Some(batch.plan.bytes)).await?),
    };
    Ok(Stored { outcomes, rows })
}

async fn outcomes(objects: &impl ObjectReader, batch: &Batch) -> Result<Vec<u8>> {
    if is_layered(batch) {
        return layered(objects, batch).await;
    }
    let mut lines = Vec::new();
    for part in &batch.parts {
        lines.extend(objects.get(&part.key, Some(part.bytes)).await?);
    }
    if batch.rows_left() > 0 {
        lines.extend(unprocessed(objects, batch).await?);
    }
    Ok(lines)
}

/// Whether rows of the batch have more than one outcome, of which one is right.
fn is_layered(batch: &Batch) -> bool {
    batch.redo.is_some() || batch.parts.iter().any(|part| part.is_overlay)
}

/// The outcomes of a batch of which rows were done again: of several for a row, the last.
async fn layered(objects: &impl ObjectReader, batch: &Batch) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    let mut selecting = Vec::new();
    for (number, part) in batch.parts.iter().enumerate() {
        let bytes = objects.get(&part.key, Some(part.bytes)).await?;
        if batch.redo.as_ref().is_some_and(|redo| number < redo.parts) {
            selecting.extend_from_slice(&bytes);
        }
        lines.extend(bytes);
    }
    let mut outcomes = latest(&lines)?;
    if let Some(redo) = &batch.redo {
        // It died over them: those that it did not get to have no outcome.
        let before = latest(&selecting)?;
        let selected = before.into_iter().filter(|(_, line)| redo.selects(line)).map(|(row, _)| row);
        for row in selected.skip(batch.processed as usize) {
            outcomes.insert(row, unprocessed_line(batch, row));
        }
    }
    let mut out = Vec::new();
    outcomes.values().for_each(|line| line.write_to(&mut out));
    Ok(out)
}

/// A line for each row of a batch that ended before it.
async fn unprocessed(objects: &impl ObjectReader, batch: &Batch) -> Result<Vec<u8>> {
    let lines = objects.get(&ObjectKey::rows(batch.task), Some(batch.bytes_left())).await?;
    let mut out = Vec::new();
    for line in lines_of(&lines) {
        unprocessed_line(batch, SourceLine::read(line)?.row).write_to(&mut out);
    }
    Ok(out)
}

fn unprocessed_line(batch: &Batch, row: RowNumber) -> OutcomeLine {
    let message = batch.reason.clone().unwrap_or_else(|| "The task ended before this row.".to_owned());
    let code = if batch.state == BatchState::Cancelled { "CANCELLED" } else { "BATCH_DEAD" };
    OutcomeLine::Unprocessed { row, code: code.to_owned(), message }
}
