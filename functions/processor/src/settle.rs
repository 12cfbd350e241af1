//! What was done is stored and counted, and what is left is handed on.

use filas_domain::batch::{Batch, BatchChange, Part, Progress};
use filas_domain::keys::ObjectKey;
use filas_domain::metrics::Metric;
use filas_domain::plan::ByteRange;
use filas_domain::ports::{
    BatchLedger, BatchQueue, Clock, Deliveries, ObjectReader, ObjectWriter, PortError, WriteError,
};
use filas_domain::task::Task;
use filas_domain::usage::Usage;
use filas_domain::{TaskId, error_chain};
use tracing::{info, warn};

use crate::group::{Held, Ran};
use crate::handler::{Item, Processor, Verdict};

impl<L, O, Q, D, C> Processor<L, O, Q, D, C>
where
    L: BatchLedger,
    O: ObjectReader + ObjectWriter,
    Q: BatchQueue,
    D: Deliveries,
    C: Clock,
{
    /// Stores the outcomes of all these batches as one object, named after the first of them.
    pub async fn store_outcomes(&self, id: TaskId, ran: &mut [Ran<'_>], outcomes: Vec<u8>) -> Result<(), PortError> {
        let Some(first) = ran.iter().find(|ran| ran.progress.part.is_some()) else { return Ok(()) };
        let key = ObjectKey::part(id, first.held.batch.number, first.held.batch.epoch());
        for part in ran.iter_mut().filter_map(|ran| ran.progress.part.as_mut()) {
            part.key = key.clone();
        }
        self.objects.put(&key, "application/x-ndjson", outcomes).await
    }

    /// Stores and counts what is done of a batch while it goes on under the same lease.
    pub async fn checkpoint(
        &self,
        held: &mut Held<'_>,
        mut progress: Progress,
        outcomes: Vec<u8>,
    ) -> Result<(), PortError> {
        let batch = &held.batch;
        let key = ObjectKey::checkpoint(batch.task, batch.number, batch.epoch(), batch.processed);
        let bytes = ByteRange { start: 0, end: outcomes.len() as u64 };
        self.objects.put(&key, "application/x-ndjson", outcomes).await?;
        progress.part = Some(Part { key, bytes, rows: progress.rows, is_overlay: false });
        progress.usage = self.used_until_written(1);
        let after = batch.checkpointed(&progress);
        let change = BatchChange { before: batch.clone(), after: after.clone() };
        match self.ledger.write_batches(&[change]).await {
            Ok(()) => {
                held.batch = after;
                Ok(())
            }
            Err(WriteError::Stale) => {
                let operation = format!("record what is done of batch {} of task {}", batch.number, batch.task);
                Err(PortError::transient(operation, "the batch was taken over"))
            }
            Err(WriteError::Port(error)) => Err(error),
        }
    }

    /// Closes these batches and counts them, in one transaction; without those that somebody took over meanwhile.
    pub async fn count(&self, task: &Task, mut ran: Vec<Ran<'_>>) -> Vec<Verdict> {
        let now = self.clock.now();
        let used = self.used_until_written(ran.len());
        if let Some(first) = ran.first_mut() {
            first.progress.usage = used;
        }
        let changes: Vec<BatchChange> = ran
            .iter()
            .map(|ran| BatchChange {
                before: ran.held.batch.clone(),
                after: ran.held.batch.recorded(&ran.progress, now),
            })
            .collect();
        match self.write_those_still_held(&changes).await {
            Ok(written) => {
                let mut verdicts = Vec::new();
                for ((ran, change), written) in ran.iter().zip(&changes).zip(written) {
                    if written {
                        self.observe(ran, &change.after);
                    }
                    verdicts.push(match written {
                        true => self.hand_on(task, &ran.held, &change.after).await,
                        // Whoever took it over has a message for it, or the task is gone: the next delivery sees which.
                        false => Verdict::soon(ran.held.item),
                    });
                }
                verdicts
            }
            Err(error) => {
                let mut verdicts = Vec::new();
                for ran in &ran {
                    verdicts.push(self.release(&ran.held, &error).await);
                }
                verdicts
            }
        }
    }

    fn observe(&self, ran: &Ran<'_>, after: &Batch) {
        let (trace, counts) = (ran.held.trace(), &ran.progress.counts);
        info!(
            batch = %after.number,
            attempt = after.epoch(),
            span_id = trace.span_id(),
            parent_id = ran.held.item.cause.span_id(),
            state = after.state.as_str(),
            succeeded = counts.succeeded,
            failed = counts.failed,
            "a batch is counted"
        );
        self.metrics.observe_rows(counts);
        if let Some(attempt) = after.attempts.last() {
            let ended = attempt.ended.unwrap_or(after.lease_until);
            self.metrics.observe_time(Metric::BatchDuration, ended.since(attempt.started));
        }
    }

    /// What was asked of the cloud, with the transaction that is about to count it: one item for each batch, and the task's,
    /// each of which is written twice.
    fn used_until_written(&self, batches: usize) -> Usage {
        let table_writes = 2 * (batches as u64 + 1);
        self.meter.take(Usage { table_writes, ..Usage::default() })
    }

    /// Says of each change whether it was written.
    async fn write_those_still_held(&self, changes: &[BatchChange]) -> Result<Vec<bool>, PortError> {
        let mut wanted = vec![true; changes.len()];
        loop {
            let chosen: Vec<BatchChange> =
                changes.iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(change, _)| change.clone()).collect();
            let Some(first) = chosen.first() else { return Ok(wanted) };
            match self.ledger.write_batches(&chosen).await {
                Ok(()) => return Ok(wanted),
                Err(WriteError::Port(error)) => return Err(error),
                Err(WriteError::Stale) => {}
            }
            let numbers: Vec<_> = chosen.iter().map(|change| change.before.number).collect();
            let stored = self.ledger.batches(first.before.task, &numbers).await?;
            let mut lost = 0;
            for (change, wanted) in changes.iter().zip(&mut wanted).filter(|(_, wanted)| **wanted) {
                let still_held = stored
                    .iter()
                    .any(|batch| batch.number == change.before.number && batch.version == change.before.version);
                if !still_held {
                    warn!(batch = %change.before.number, attempt = change.before.epoch(), "the batch was taken over");
                    *wanted = false;
                    lost += 1;
                }
            }
            if lost == 0 {
                // Only the task can be missing now: it was deleted under our hands.
                return Ok(vec![false; changes.len()]);
            }
        }
    }

    /// Sends the rest of a batch, if there is one, as a message of its own: it must not use up the batch's deliveries.
    async fn hand_on(&self, task: &Task, held: &Held<'_>, after: &Batch) -> Verdict {
        if after.state.is_closed() {
            return Verdict::Settled;
        }
        self.send_on(task, held.item).await
    }

    /// Sends the message anew, which costs the batch no delivery.
    pub async fn send_on(&self, task: &Task, item: &Item<'_>) -> Verdict {
        match self.queue.send(&task.head.order.owner, item.cause, std::slice::from_ref(&item.message)).await {
            Ok(()) => Verdict::Settled,
            Err(error) => self.trouble(item, "hand on", &error),
        }
    }

    /// Gives the batch back with the reason in its history. If even that fails, its lease runs out.
    pub async fn release(&self, held: &Held<'_>, trouble: &PortError) -> Verdict {
        let after = held.batch.released(&error_chain(trouble), self.clock.now());
        let change = BatchChange { before: held.batch.clone(), after };
        let verdict = self.trouble(held.item, "process", trouble);
        match self.ledger.write_batches(&[change]).await {
            // Taken over, or the task is gone: nobody waits for our lease.
            Ok(()) | Err(WriteError::Stale) => verdict,
            Err(WriteError::Port(error)) => {
                warn!(batch = %held.batch.number, attempt = held.batch.epoch(), error = %error_chain(&error), "the batch cannot be given back");
                Verdict::Again(None)
            }
        }
    }
}
