//! The files of one task, as far as they are missing.
//!
//! It may die between any two lines: every file is the same however often it is written, each is whole or not there, and
//! the manifest comes last. The files of outcomes come first, with a summary; the failed rows are then read from theirs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use filas_domain::TaskId;
use filas_domain::clock::Timestamp;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::{Clock, ObjectReader, ObjectStream as _, ObjectWriter, PortError, TaskCatalogue, TaskLedger};
use filas_domain::report::{Manifest, ReportMessage, ReportSummary, ResultFile, SourceColumns, ended};
use filas_domain::task::Task;
use filas_domain::usage::{Meter, Usage};
use filas_pipeline::catalogue;
use filas_results::{Source, Table};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing::warn;

/// What became of a request for files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is there.
    Written,
    /// The task is not there any more, or has not ended as the request says.
    Obsolete,
    /// Somebody else, who came by another message, is at it. Should they die, their message comes again.
    InOtherHands,
    /// Some is there, and the time is up.
    OutOfTime,
}

/// A request for files and what it takes.
pub struct Job<'a, L, O, C> {
    /// Tasks and batches.
    pub ledger: &'a L,
    /// Rows and outcomes in, files out.
    pub objects: &'a O,
    /// The time.
    pub clock: &'a C,
    /// What is asked of the cloud.
    pub meter: &'a dyn Meter,
    /// What is asked for.
    pub message: ReportMessage,
    /// By which message.
    pub message_id: &'a str,
    /// When the work on it began.
    pub begun: Timestamp,
    /// When Lambda ends the invocation.
    pub deadline: Timestamp,
}

/// Kept back from the time limit for ending what is under way.
const TIME_TO_SETTLE: Duration = Duration::from_secs(15);

/// Who writes the files, until when.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    message: String,
    until: Timestamp,
}

impl<L, O, C> Job<'_, L, O, C>
where
    L: TaskLedger + TaskCatalogue,
    O: ObjectReader + ObjectWriter,
    C: Clock,
{
    /// Writes what is missing.
    ///
    /// # Errors
    /// When the cloud is in trouble, or the outcomes are not what the task counts.
    pub async fn run(&self) -> Result<Verdict> {
        let Some(task) = self.task().await? else { return Ok(Verdict::Obsolete) };
        if self.is_there(&self.manifest_key()).await? {
            return Ok(Verdict::Written);
        }
        if !self.claim().await? {
            return Ok(Verdict::InOtherHands);
        }
        let verdict = self.write_missing(&task).await?;
        if verdict == Verdict::OutOfTime {
            // So that the message which goes on is not taken for somebody else's.
            self.store(&self.claim_key(), &Claim { message: String::new(), until: Timestamp::default() }).await?;
        }
        Ok(verdict)
    }

    /// The task, if it ended when the request says so and was not put through again since.
    pub(crate) async fn task(&self) -> Result<Option<Task>, PortError> {
        let task = self.ledger.task(self.message.task).await?;
        Ok(task.filter(|task| ended(&task.head) == Some(self.message.finished)))
    }

    async fn write_missing(&self, task: &Task) -> Result<Verdict> {
        let summary_key = ObjectKey::report_summary(self.id(), self.message.finished);
        let summary: ReportSummary = match self.stored(&summary_key).await? {
            Some(summary) => summary,
            None => match self.sort_outcomes(task).await? {
                Ok(summary) => {
                    self.store(&summary_key, &summary).await?;
                    summary
                }
                Err(verdict) => return Ok(verdict),
            },
        };
        let mut files = vec![ResultFile::Outcomes, ResultFile::Succeeded, ResultFile::Failed, ResultFile::Unprocessed];
        let mut workbook_rows = 0;
        if summary.counts.failed > 0 {
            let table = self.table(task, &summary).await?;
            for file in [ResultFile::Records, ResultFile::Csv] {
                if !table.fits(file) {
                    continue;
                }
                files.push(file);
                if self.is_there(&self.key(file)).await? {
                    continue;
                }
                if let Err(verdict) = self.write_text(file, &table).await? {
                    return Ok(verdict);
                }
            }
            if table.fits(ResultFile::Workbook) {
                files.push(ResultFile::Workbook);
                // Whether it was cut short is known only to who writes it: so it is written anew until the manifest is.
                match self.write_workbook(task, &table).await? {
                    Ok(rows) => workbook_rows = rows,
                    Err(verdict) => return Ok(verdict),
                }
            }
        }
        let files = files.into_iter().map(|file| file.name().to_owned()).collect();
        // With the one that stores the manifest.
        let usage = self.meter.take(Usage { s3_writes: 1, ..Usage::default() });
        let manifest = Manifest { files, workbook_rows, failed_rows: summary.counts.failed, usage };
        self.store(&self.manifest_key(), &manifest).await?;
        Ok(Verdict::Written)
    }

    /// Makes a file visible, if the task is still there and as it was: nothing is to stay behind of one that was deleted.
    pub(crate) async fn complete(&self, stream: O::Stream) -> Result<Result<(), Verdict>> {
        if self.task().await?.is_none() {
            stream.abandon().await?;
            return Ok(Err(Verdict::Obsolete));
        }
        stream.complete().await?;
        Ok(Ok(()))
    }

    /// The columns of the failed rows, and what is known of them.
    async fn table(&self, task: &Task, summary: &ReportSummary) -> Result<Table> {
        let source: Option<SourceColumns> = self.stored(&ObjectKey::columns(self.id())).await?;
        // Without the pipeline the files are there all the same, only less helpful.
        let spec = match catalogue::spec(self.objects, &task.head.order.owner, &task.head.order.pipeline).await {
            Ok(spec) => Some(spec),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                let error = filas_domain::error_chain(&error);
                warn!(task = %self.id(), error, "the cells of failed rows are not explained");
                None
            }
        };
        let mut formats = BTreeMap::new();
        for column in source.into_iter().flat_map(|source| source.columns) {
            formats.extend(column.format.map(|format| (column.name, format)));
        }
        let source = Source::of(task.head.split.format.as_deref());
        Ok(Table::new(summary.columns.clone(), source, &formats, spec.as_ref()))
    }

    /// Whether nobody else is at it.
    async fn claim(&self) -> Result<bool> {
        let key = self.claim_key();
        let claimed: Option<Claim> = self.stored(&key).await?;
        let now = self.clock.now();
        if claimed.is_some_and(|claim| claim.until > now && claim.message != self.message_id) {
            return Ok(false);
        }
        // Two may claim at once: then both write, and write the same.
        self.store(&key, &Claim { message: self.message_id.to_owned(), until: self.deadline }).await?;
        Ok(true)
    }

    /// Whether what is under way should be ended in order.
    pub(crate) fn is_late(&self) -> bool {
        self.time_left() < self.at_most(TIME_TO_SETTLE, 10)
    }

    /// The time until Lambda ends the invocation.
    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.since(self.clock.now())
    }

    /// So much time, but no more than so many hundredths of what there was at first: whatever the function's time limit is,
    /// an invocation that has all of it gets something done.
    pub(crate) fn at_most(&self, time: Duration, hundredths: u32) -> Duration {
        time.min(self.deadline.since(self.begun) * hundredths / 100)
    }

    /// The task's id.
    pub(crate) fn id(&self) -> TaskId {
        self.message.task
    }

    /// Where a file lies.
    pub(crate) fn key(&self, file: ResultFile) -> ObjectKey {
        ObjectKey::result(self.id(), self.message.finished, file)
    }

    fn manifest_key(&self) -> ObjectKey {
        ObjectKey::manifest(self.id(), self.message.finished)
    }

    fn claim_key(&self) -> ObjectKey {
        ObjectKey::report_claim(self.id(), self.message.finished)
    }

    async fn is_there(&self, key: &ObjectKey) -> Result<bool, PortError> {
        Ok(self.objects.size(key).await?.is_some())
    }

    async fn stored<T: DeserializeOwned>(&self, key: &ObjectKey) -> Result<Option<T>> {
        if !self.is_there(key).await? {
            return Ok(None);
        }
        let json = self.objects.get(key, None).await?;
        serde_json::from_slice(&json).map(Some).with_context(|| format!("read what {key} holds"))
    }

    async fn store(&self, key: &ObjectKey, value: &impl Serialize) -> Result<()> {
        let json = serde_json::to_vec(value)?;
        ensure!(!json.is_empty(), "nothing is stored as {key}");
        Ok(self.objects.put(key, "application/json", json).await?)
    }
}
