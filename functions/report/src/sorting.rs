//! The files of outcomes: all of them, and those of each kind. One pass over the batches, in order; a few of them are read
//! at once, and that is all that is in memory.

use anyhow::{Context as _, Result, ensure};
use filas_domain::batch::Batch;
use filas_domain::ids::BatchNumber;
use filas_domain::outcome::{Counts, OutcomeLine};
use filas_domain::ports::{Clock, ObjectReader, ObjectStream, ObjectWriter, PortError, TaskCatalogue, TaskLedger};
use filas_domain::report::{ReportSummary, ResultFile, SourceColumns};
use filas_domain::task::Task;
use filas_results::{Columns, Kind, lines_of, source_of, with_record};
use futures::{StreamExt as _, stream};

use crate::job::{Job, Verdict};
use crate::outcomes::{self, Stored};

/// Batches that are listed in one go.
const BATCHES_AT_ONCE: u32 = 100;

/// Batches that are read at once. Each has at most 4 MiB of rows and about as much of outcomes.
const READS_AT_ONCE: usize = 6;

/// The four files, under way.
struct Files<S> {
    outcomes: S,
    succeeded: S,
    failed: S,
    unprocessed: S,
}

/// Lines of one batch, on their way to the files.
#[derive(Default)]
struct Sorted {
    succeeded: Vec<u8>,
    failed: Vec<u8>,
    unprocessed: Vec<u8>,
}

impl<L, O, C> Job<'_, L, O, C>
where
    L: TaskLedger + TaskCatalogue,
    O: ObjectReader + ObjectWriter,
    C: Clock,
{
    /// Writes the four files, and says what they came to; or why they are not there.
    pub(crate) async fn sort_outcomes(&self, task: &Task) -> Result<Result<ReportSummary, Verdict>> {
        let create = async |file: ResultFile| self.objects.create(&self.key(file), file.media_type()).await;
        let mut files = Files {
            outcomes: create(ResultFile::Outcomes).await?,
            succeeded: create(ResultFile::Succeeded).await?,
            failed: create(ResultFile::Failed).await?,
            unprocessed: create(ResultFile::Unprocessed).await?,
        };
        let mut columns = Columns::of(self.source_columns().await?);
        let sorted = self.sort_into(&mut files, task, &mut columns).await;
        let counts = match sorted {
            // Looked at after everything was read: until then nobody put the task through again, so all of it belongs
            // together.
            Ok(Some(counts)) if self.task().await?.is_some() => counts,
            Ok(Some(_)) => {
                files.abandon().await;
                return Ok(Err(Verdict::Obsolete));
            }
            Ok(None) => {
                files.abandon().await;
                return Ok(Err(Verdict::OutOfTime));
            }
            Err(error) => {
                files.abandon().await;
                return Err(error);
            }
        };
        let counted = &task.tally.counts;
        if *counted != counts {
            files.abandon().await;
            anyhow::bail!("the outcomes come to {counts:?}, and the task counts {counted:?}");
        }
        files.complete().await?;
        Ok(Ok(ReportSummary { counts, columns: columns.into_names() }))
    }

    /// The columns of the file, as its reader saw them.
    async fn source_columns(&self) -> Result<Option<SourceColumns>> {
        let key = filas_domain::keys::ObjectKey::columns(self.id());
        if self.objects.size(&key).await?.is_none() {
            return Ok(None);
        }
        serde_json::from_slice(&self.objects.get(&key, None).await?).map(Some).context("read the columns of the file")
    }

    /// Appends every outcome to its files; `None` when the time is up.
    async fn sort_into(
        &self,
        files: &mut Files<O::Stream>,
        task: &Task,
        columns: &mut Columns,
    ) -> Result<Option<Counts>> {
        let batches = task.head.batches.unwrap_or(0);
        let mut counts = Counts::default();
        for from in (0..batches).step_by(BATCHES_AT_ONCE as usize) {
            let until = batches.min(from + BATCHES_AT_ONCE);
            let closed =
                self.ledger.claimed_batches(self.id(), BatchNumber::new(from), BatchNumber::new(until)).await?;
            ensure!(
                closed.len() == (until - from) as usize && closed.iter().all(|batch| batch.state.is_closed()),
                "not every batch from {from} to {until} is closed"
            );
            let mut read = stream::iter(&closed)
                .map(|batch| async move { (batch, outcomes::read(self.objects, batch).await) })
                .buffered(READS_AT_ONCE);
            while let Some((batch, stored)) = read.next().await {
                let sorted = sort(batch, &stored?, columns, &mut counts)
                    .with_context(|| format!("sort the outcomes of batch {}", batch.number))?;
                files.append(sorted.0, sorted.1).await?;
                if self.is_late() {
                    return Ok(None);
                }
            }
        }
        Ok(Some(counts))
    }
}

/// The lines of one batch: all of them, and each kind.
fn sort(batch: &Batch, stored: &Stored, columns: &mut Columns, counts: &mut Counts) -> Result<(Vec<u8>, Sorted)> {
    let mut all = Vec::with_capacity(stored.outcomes.len());
    let mut sorted = Sorted::default();
    let mut rows = lines_of(stored.rows.as_deref().unwrap_or_default()).peekable();
    let mut seen = 0;
    for line in lines_of(&stored.outcomes) {
        seen += 1;
        all.extend_from_slice(line);
        all.push(b'\n');
        let out = match Kind::of(line)? {
            Kind::Succeeded => {
                counts.succeeded += 1;
                sorted.succeeded.extend_from_slice(line);
                sorted.succeeded.push(b'\n');
                continue;
            }
            Kind::Failed => &mut sorted.failed,
            Kind::Unprocessed => &mut sorted.unprocessed,
        };
        let outcome: OutcomeLine = serde_json::from_slice(line).context("a stored outcome is not readable")?;
        counts.count(&outcome);
        let source = source_of(&mut rows, &outcome)?;
        with_record(out, line, &source);
        if let (OutcomeLine::Failed { .. }, Some(record)) = (&outcome, source.record) {
            columns.take(record.get())?;
        }
    }
    ensure!(seen == batch.plan.rows, "{seen} outcomes where there are {} rows", batch.plan.rows);
    Ok((all, sorted))
}

impl<S: ObjectStream> Files<S> {
    async fn append(&mut self, all: Vec<u8>, sorted: Sorted) -> Result<(), PortError> {
        let Sorted { succeeded, failed, unprocessed } = sorted;
        self.outcomes.append(all).await?;
        for (file, lines) in
            [(&mut self.succeeded, succeeded), (&mut self.failed, failed), (&mut self.unprocessed, unprocessed)]
        {
            if !lines.is_empty() {
                file.append(lines).await?;
            }
        }
        Ok(())
    }

    async fn complete(self) -> Result<(), PortError> {
        self.succeeded.complete().await?;
        self.failed.complete().await?;
        self.unprocessed.complete().await?;
        self.outcomes.complete().await
    }

    /// What was begun is swept up by the bucket's rule for unfinished uploads, if this fails as well.
    async fn abandon(self) {
        for file in [self.outcomes, self.succeeded, self.failed, self.unprocessed] {
            file.abandon().await.ok();
        }
    }
}
