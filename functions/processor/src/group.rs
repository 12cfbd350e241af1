//! Batches that are processed together: claim → read → run.

use std::time::Duration;

use filas_domain::batch::{Batch, BatchChange, Part, Progress, Refusal};
use filas_domain::clock::Timestamp;
use filas_domain::keys::ObjectKey;
use filas_domain::plan::ByteRange;
use filas_domain::ports::{
    BatchLedger, BatchQueue, Clock, Deliveries, ObjectReader, ObjectWriter, PortError, WriteError,
};
use filas_domain::task::{Order, Task};
use filas_domain::trace::TraceParent;
use filas_domain::{TaskId, error_chain};
use filas_pipeline::RowContext;
use tokio::time::Instant;

use crate::handler::{CLOCK_SKEW, Invocation, Item, Processor, TIME_TO_SETTLE, Verdict};
use crate::rows::{self, Done, Until};

/// How often what is done of a long batch is recorded: no more than the rows of this time are delivered again, under the
/// same idempotency keys, after a worker died.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// A batch that this worker holds.
pub struct Held<'a> {
    /// Its message.
    pub item: &'a Item<'a>,
    /// The batch under our lease.
    pub batch: Batch,
}

impl Held<'_> {
    /// This attempt at the batch, as a part of what caused its message.
    pub fn trace(&self) -> TraceParent {
        self.item.cause.child(&format!("batch {} attempt {}", self.batch.number, self.batch.epoch()))
    }
}

/// A batch whose rows ran.
pub struct Ran<'a> {
    /// The batch.
    pub held: Held<'a>,
    /// What was done of it.
    pub progress: Progress,
}

impl<L, O, Q, D, C> Processor<L, O, Q, D, C>
where
    L: BatchLedger,
    O: ObjectReader + ObjectWriter,
    Q: BatchQueue,
    D: Deliveries,
    C: Clock,
{
    /// Claims, processes, stores and counts these batches together.
    pub async fn run_group(&self, task: &Task, items: &[&Item<'_>], invocation: &Invocation) -> Vec<Verdict> {
        let claims = futures::future::join_all(items.iter().map(|item| self.claim(item, invocation))).await;
        let mut verdicts: Vec<Option<Verdict>> = vec![None; items.len()];
        let mut held = Vec::new();
        for ((index, item), claim) in items.iter().enumerate().zip(claims) {
            match claim {
                Ok(batch) => held.push((index, Held { item, batch })),
                Err(verdict) => verdicts[index] = Some(verdict),
            }
        }
        let (indices, held): (Vec<usize>, Vec<Held>) = held.into_iter().unzip();
        for (index, verdict) in indices.into_iter().zip(self.process(task, held, invocation).await) {
            verdicts[index] = Some(verdict);
        }
        verdicts.into_iter().map(|verdict| verdict.unwrap_or(Verdict::Again(None))).collect()
    }

    /// The batch under a lease, or what is to happen with its message instead.
    pub async fn claim(&self, item: &Item<'_>, invocation: &Invocation) -> Result<Batch, Verdict> {
        let message = item.delivery.message_id();
        let lease_until = invocation.deadline.plus(CLOCK_SKEW);
        self.change(item, "claim", |batch, now| batch.claimed(&invocation.worker, message, now, lease_until)).await
    }

    /// The batch after a change that needs nobody to hold it, or what is to happen with its message instead.
    pub async fn change(
        &self,
        item: &Item<'_>,
        what: &str,
        change: impl Fn(&Batch, Timestamp) -> Result<Batch, Refusal>,
    ) -> Result<Batch, Verdict> {
        let mut before = Batch::unclaimed(&item.message);
        loop {
            let now = self.clock.now();
            let after = match change(&before, now) {
                Ok(after) => after,
                Err(Refusal::Closed | Refusal::Duplicate) => return Err(Verdict::Settled),
                Err(Refusal::Leased(until)) => return Err(Verdict::Again(Some(until.since(now)))),
            };
            let change = BatchChange { before: before.clone(), after: after.clone() };
            match self.ledger.write_batches(&[change]).await {
                Ok(()) => return Ok(after),
                Err(WriteError::Stale) => {}
                Err(WriteError::Port(error)) => return Err(self.trouble(item, what, &error)),
            }
            // It has been claimed before, or somebody is quicker right now. See what it is, and decide on that.
            match self.ledger.batches(item.message.task, &[item.message.batch]).await {
                Ok(mut stored) => match stored.pop() {
                    // Nobody was quicker: the task is gone, before its batches are. The next delivery sees that.
                    Some(stored) if stored.version == before.version => return Err(Verdict::soon(item)),
                    Some(stored) => before = stored,
                    None => return Err(Verdict::Settled),
                },
                Err(error) => return Err(self.trouble(item, what, &error)),
            }
        }
    }

    /// One verdict for each batch, in order.
    async fn process(&self, task: &Task, held: Vec<Held<'_>>, invocation: &Invocation) -> Vec<Verdict> {
        let deadline = self.row_deadline(invocation);
        let mut outcomes = Vec::new();
        let mut verdicts = vec![Verdict::Again(None); held.len()];
        let mut ran = Vec::new();
        let lines = self.read_lines(task.id, &held).await;
        let is_alone = held.len() == 1;
        for ((index, mut held), lines) in held.into_iter().enumerate().zip(lines) {
            let has_whole_time = invocation.take_whole_time();
            let processed = held.batch.processed;
            let context = RowContext { task: task.id.to_string(), trace: held.trace(), deadline };
            let ran_rows = self.run_rows(&task.head.order, &mut held, lines, &context, &mut outcomes, is_alone).await;
            let is_stuck = held.batch.processed == processed;
            match ran_rows {
                Ok(Done { progress, partner_down: Some(down), .. }) => {
                    // Nothing of the task gets further: its batches wait without a message until the partner is tried
                    // again. What was done counts; the rest costs no delivery.
                    self.pause(task.id, down).await;
                    ran.push((index, Ran { held, progress }));
                }
                Ok(Done { progress, had_no_turn: true, .. }) if progress.rows == 0 => {
                    // Others have their turns meanwhile, so it is no trouble. Handed on at once, it would be back at once:
                    // a round of messages that comes to nothing.
                    tokio::time::sleep_until(deadline).await;
                    ran.push((index, Ran { held, progress }));
                }
                Ok(Done { progress, .. }) if progress.rows == 0 && is_stuck && has_whole_time => {
                    // Handing it on could go on for ever. It is trouble, and uses up the batch's deliveries.
                    let operation = format!("process batch {} of task {}", held.batch.number, held.batch.task);
                    let error = PortError::transient(operation, "no row ended within the worker's time");
                    verdicts[index] = self.release(&held, &error).await;
                }
                Ok(Done { progress, .. }) => ran.push((index, Ran { held, progress })),
                Err(error) => verdicts[index] = self.release(&held, &error).await,
            }
        }
        let (indices, mut ran): (Vec<usize>, Vec<Ran>) = ran.into_iter().unzip();
        let settled = match self.store_outcomes(task.id, &mut ran, outcomes).await {
            Ok(()) => self.count(task, ran).await,
            Err(error) => {
                let mut released = Vec::new();
                for ran in &ran {
                    released.push(self.release(&ran.held, &error).await);
                }
                released
            }
        };
        for (index, verdict) in indices.into_iter().zip(settled) {
            verdicts[index] = verdict;
        }
        verdicts
    }

    /// Whether a batch need not be begun any more.
    pub fn is_time_up(&self, invocation: &Invocation) -> bool {
        invocation.deadline.since(self.clock.now()) <= TIME_TO_SETTLE
    }

    fn row_deadline(&self, invocation: &Invocation) -> tokio::time::Instant {
        let left = invocation.deadline.since(self.clock.now());
        tokio::time::Instant::now() + left.saturating_sub(TIME_TO_SETTLE)
    }

    /// The lines of each batch that have no outcome yet; of batches that lie side by side in one go.
    async fn read_lines(&self, id: TaskId, held: &[Held<'_>]) -> Vec<Result<Vec<u8>, String>> {
        let mut lines = Vec::with_capacity(held.len());
        let side_by_side = |one: &Held, other: &Held| one.batch.bytes_left().end == other.batch.bytes_left().start;
        for run in held.chunk_by(side_by_side) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let range = ByteRange { start: first.batch.bytes_left().start, end: last.batch.bytes_left().end };
            match self.objects.get(&ObjectKey::rows(id), Some(range)).await {
                Ok(mut bytes) => {
                    for held in run {
                        let mine = usize::try_from(held.batch.bytes_left().len()).unwrap_or(usize::MAX);
                        let rest = bytes.split_off(mine.min(bytes.len()));
                        lines.push(Ok(std::mem::replace(&mut bytes, rest)));
                    }
                }
                Err(error) => lines.extend(run.iter().map(|_| Err(error_chain(&error)))),
            }
        }
        lines
    }

    /// Runs the rows of a batch. Of one that is processed alone, what is done is recorded every few seconds on the way.
    async fn run_rows(
        &self,
        order: &Order,
        held: &mut Held<'_>,
        lines: Result<Vec<u8>, String>,
        context: &RowContext,
        outcomes: &mut Vec<u8>,
        is_alone: bool,
    ) -> Result<Done, PortError> {
        let (task, number) = (held.batch.task, held.batch.number);
        let operation = || format!("process batch {number} of task {task}");
        let lines = lines.map_err(|error| PortError::transient(operation(), error))?;
        let pipeline = self.pipelines.get(&order.owner, &order.pipeline).await?;
        let lines = match &held.batch.redo {
            Some(redo) => self.lines_to_redo(&held.batch, redo, &lines).await?,
            None => lines,
        };
        let mut rest = lines.as_slice();
        let (start, mut done) = loop {
            let checkpoint = is_alone.then(|| Instant::now() + CHECKPOINT_EVERY);
            let start = outcomes.len() as u64;
            let done = rows::run(&pipeline, &held.batch, rest, &Until { context, checkpoint }, outcomes)
                .await
                .map_err(|trouble| PortError::transient(operation(), trouble))?;
            if !done.is_checkpoint {
                break (start, done);
            }
            let bytes = usize::try_from(done.progress.bytes).unwrap_or(usize::MAX);
            rest = rest.get(bytes..).unwrap_or_default();
            self.checkpoint(held, done.progress, std::mem::take(outcomes)).await?;
        };
        if done.progress.rows == 0 {
            return Ok(done);
        }
        let bytes = ByteRange { start, end: outcomes.len() as u64 };
        // Which object they go into is known once it is known which batches ran.
        let key = ObjectKey::part(held.batch.task, held.batch.number, held.batch.epoch());
        done.progress.part = Some(Part { key, bytes, rows: done.progress.rows, is_overlay: false });
        Ok(done)
    }
}
