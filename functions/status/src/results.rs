//! `GET /v1/tasks/{id}/results`: all outcomes of a task as one object, in source order.
//!
//! The object is made from the parts when it is first asked for, and named after the moment at which the task ended:
//! making it twice makes the same, and a redrive makes another.

use filas_domain::batch::{Batch, BatchState, Part};
use filas_domain::ids::{BatchNumber, RowNumber};
use filas_domain::keys::ObjectKey;
use filas_domain::outcome::{OutcomeLine, latest};
use filas_domain::plan::ByteRange;
use filas_domain::ports::{BatchLedger, Clock, ObjectReader, ObjectSigner, ObjectStream, ObjectWriter, TaskCatalogue};
use filas_domain::problem::Problem;
use filas_domain::task::Task;
use filas_http::{Answer, Refusal};
use serde::Deserialize;

use crate::handler::Answers;

/// Batches that are looked at in one go.
const BATCHES_AT_ONCE: u32 = 100;

impl<L, O, B, Q, C> Answers<L, O, B, Q, C>
where
    L: BatchLedger + TaskCatalogue,
    O: ObjectReader + ObjectWriter + ObjectSigner,
    C: Clock,
{
    /// A redirect to the results, for minutes.
    pub async fn results(&self, task: &Task) -> Result<Answer, Refusal> {
        let state = task.head.state;
        let Some(batches) = task.head.batches.filter(|_| state.is_final()) else {
            let detail = match &task.head.reason {
                Some(reason) => format!("The task has no results: {}", reason.message),
                None => format!("The task is {}: its results are there when it has ended.", state.as_str()),
            };
            return Err(Problem::conflict(detail).into());
        };
        // A redrive ends at another moment, and so makes another object.
        let finished = task.head.finished.unwrap_or(task.head.updated);
        let key = ObjectKey::results(task.id, finished.as_millis());
        if self.objects.size(&key).await?.is_none() {
            self.assemble(task, batches, &key).await?;
        }
        let filename = format!("{}-outcomes.ndjson", task.id);
        let signed = self.objects.sign_get(&key, &filename, self.clock.now()).await?;
        Ok(Answer::see_other(signed.url))
    }

    async fn assemble(&self, task: &Task, batches: u32, key: &ObjectKey) -> Result<(), Refusal> {
        let mut stream = self.objects.create(key, "application/x-ndjson").await?;
        let mut written = Ok(());
        for from in (0..batches).step_by(BATCHES_AT_ONCE as usize) {
            let until = batches.min(from + BATCHES_AT_ONCE);
            let (from, until) = (BatchNumber::new(from), BatchNumber::new(until));
            let closed = self.ledger.claimed_batches(task.id, from, until).await?;
            written = self.append(&mut stream, &closed).await;
            if written.is_err() {
                break;
            }
        }
        match written {
            Ok(()) => Ok(stream.complete().await?),
            Err(refusal) => {
                // What was begun is swept up by the bucket's rule for unfinished uploads, if this fails as well.
                stream.abandon().await.ok();
                Err(refusal)
            }
        }
    }

    /// Appends the outcomes of these batches, in order. Parts that lie side by side in one object are read in one go.
    async fn append(&self, stream: &mut impl ObjectStream, batches: &[Batch]) -> Result<(), Refusal> {
        let mut open: Option<Part> = None;
        for batch in batches {
            if is_layered(batch) {
                self.append_part(stream, open.take()).await?;
                stream.append(self.layered(batch).await?).await?;
                continue;
            }
            for part in &batch.parts {
                match open.as_mut().filter(|open| open.key == part.key && open.bytes.end == part.bytes.start) {
                    Some(open) => open.bytes.end = part.bytes.end,
                    None => {
                        self.append_part(stream, open.replace(part.clone())).await?;
                    }
                }
            }
            if batch.rows_left() > 0 {
                self.append_part(stream, open.take()).await?;
                stream.append(self.unprocessed(batch).await?).await?;
            }
        }
        self.append_part(stream, open).await
    }

    async fn append_part(&self, stream: &mut impl ObjectStream, part: Option<Part>) -> Result<(), Refusal> {
        if let Some(part) = part {
            stream.append(self.objects.get(&part.key, Some(part.bytes)).await?).await?;
        }
        Ok(())
    }

    /// The outcomes of a batch of which rows were done again: of several for a row, the last.
    async fn layered(&self, batch: &Batch) -> Result<Vec<u8>, Refusal> {
        let mut lines = Vec::new();
        let mut selecting = Vec::new();
        for (number, part) in batch.parts.iter().enumerate() {
            let bytes = self.objects.get(&part.key, Some(part.bytes)).await?;
            if batch.redo.as_ref().is_some_and(|redo| number < redo.parts) {
                selecting.extend_from_slice(&bytes);
            }
            lines.extend(bytes);
        }
        let mut outcomes = latest(&lines).map_err(Refusal::trouble)?;
        if let Some(redo) = &batch.redo {
            // It died over them: those that it did not get to have no outcome.
            let before = latest(&selecting).map_err(Refusal::trouble)?;
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
    async fn unprocessed(&self, batch: &Batch) -> Result<Vec<u8>, Refusal> {
        let range: ByteRange = batch.bytes_left();
        let lines = self.objects.get(&ObjectKey::rows(batch.task), Some(range)).await?;
        let mut out = Vec::new();
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Numbered { row } = serde_json::from_slice(line).map_err(Refusal::trouble)?;
            unprocessed_line(batch, row).write_to(&mut out);
        }
        Ok(out)
    }
}

/// Whether rows of the batch have more than one outcome, of which one is right.
fn is_layered(batch: &Batch) -> bool {
    batch.redo.is_some() || batch.parts.iter().any(|part| part.is_overlay)
}

fn unprocessed_line(batch: &Batch, row: RowNumber) -> OutcomeLine {
    let message = batch.reason.clone().unwrap_or_else(|| "The task ended before this row.".to_owned());
    let code = if batch.state == BatchState::Cancelled { "CANCELLED" } else { "BATCH_DEAD" };
    OutcomeLine::Unprocessed { row, code: code.to_owned(), message }
}

#[derive(Deserialize)]
struct Numbered {
    row: RowNumber,
}
