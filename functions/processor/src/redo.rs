//! The failed rows of a batch that are done again: which they are is in the outcomes of before.

use std::collections::BTreeSet;

use filas_domain::batch::{Batch, Redo};
use filas_domain::error_chain;
use filas_domain::ids::RowNumber;
use filas_domain::outcome::latest;
use filas_domain::ports::{BatchLedger, BatchQueue, Clock, Deliveries, ObjectReader, ObjectWriter, PortError};
use serde::Deserialize;

use crate::handler::Processor;

#[derive(Deserialize)]
struct Numbered {
    row: RowNumber,
}

impl<L, O, Q, D, C> Processor<L, O, Q, D, C>
where
    L: BatchLedger,
    O: ObjectReader + ObjectWriter,
    Q: BatchQueue,
    D: Deliveries,
    C: Clock,
{
    /// Those of the batch's `lines` that are still to be done again, in order.
    pub async fn lines_to_redo(&self, batch: &Batch, redo: &Redo, lines: &[u8]) -> Result<Vec<u8>, PortError> {
        let damaged = |error: serde_json::Error| {
            let operation = format!("find the failed rows of batch {} of task {}", batch.number, batch.task);
            PortError::transient(operation, error_chain(&error))
        };
        let mut outcomes = Vec::new();
        for part in batch.parts.iter().take(redo.parts) {
            outcomes.extend(self.objects.get(&part.key, Some(part.bytes)).await?);
        }
        let before = latest(&outcomes).map_err(damaged)?;
        let selected: BTreeSet<RowNumber> =
            before.iter().filter(|(_, line)| redo.selects(line)).map(|(row, _)| *row).collect();
        let mut chosen = Vec::new();
        let mut to_skip = batch.processed;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let Numbered { row } = serde_json::from_slice(line).map_err(damaged)?;
            if !selected.contains(&row) {
                continue;
            }
            match to_skip {
                0 => chosen.extend_from_slice(line),
                _ => to_skip -= 1,
            }
        }
        Ok(chosen)
    }
}
