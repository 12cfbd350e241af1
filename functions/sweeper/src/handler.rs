//! Every task that is not settled, one after the other. The trouble of one does not keep the others from being swept.

use std::time::Duration;

use anyhow::{Context, Result};
use filas_domain::audit::{self, Audit};
use filas_domain::batch::Batch;
use filas_domain::clock::Timestamp;
use filas_domain::erasure::{self, ObjectEraser, TaskEraser};
use filas_domain::ids::BatchNumber;
use filas_domain::keys::ObjectKey;
use filas_domain::metrics::{Metric, Metrics};
use filas_domain::ports::{
    BatchLedger, BatchQueue, Clock, IngestQueue, ObjectReader, PortError, QueueMonitor, ReportQueue, TaskCatalogue,
    UnsettledTasks, WriteError,
};
use filas_domain::report::{Manifest, ReportMessage, ended};
use filas_domain::sweep::{self, Observation, Patience, Sweep};
use filas_domain::task::{Head, Task};
use filas_domain::usage::Usage;
use filas_domain::{TaskId, commands, completion, error_chain, fan_out};
use serde::Serialize;
use tracing::{error, info, warn};

/// Tasks that are listed in one go.
const TASKS_AT_ONCE: u32 = 100;

/// Kept back from the time limit for the task that is being looked at.
const TIME_FOR_ONE_TASK: Duration = Duration::from_secs(10);

/// How long it asks for the files of a task: after that, somebody has to look why there are none.
const FILES_ASKED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The sweeper and its ports.
pub struct Sweeper<L, O, Q, I, R, M, C> {
    /// Tasks and batches.
    pub ledger: L,
    /// Uploads and indexes.
    pub objects: O,
    /// Where the batches go.
    pub queue: Q,
    /// Where the events of uploads go.
    pub ingest: I,
    /// Where the files of ended tasks are asked for.
    pub reports: R,
    /// How full the queues are.
    pub monitor: M,
    /// The time.
    pub clock: C,
    /// When it steps in.
    pub patience: Patience,
}

/// What a sweep came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Tasks that were looked at.
    pub tasks: u32,
    /// Tasks for which something was done.
    pub swept: u32,
    /// Tasks whose counters are not the sums over their batches.
    pub drifting: u32,
    /// Tasks that do not move.
    pub stuck: u32,
    /// Tasks that are being erased.
    pub erased: u32,
    /// Tasks that could not be looked at, or for which something could not be done.
    pub in_trouble: u32,
    /// Whether there was time for every task.
    pub is_complete: bool,
}

impl<L, O, Q, I, R, M, C> Sweeper<L, O, Q, I, R, M, C>
where
    L: BatchLedger + TaskCatalogue + UnsettledTasks + TaskEraser,
    O: ObjectReader + ObjectEraser,
    Q: BatchQueue,
    I: IngestQueue,
    R: ReportQueue,
    M: QueueMonitor,
    C: Clock,
{
    /// Sweeps until every task that is not settled was looked at, or `deadline` is near.
    ///
    /// # Errors
    /// When the tasks cannot be listed, or the queues not be looked at.
    pub async fn run(&self, deadline: Timestamp) -> Result<Report> {
        let is_queue_empty = self.is_queue_empty().await.context("look at the batch queue")?;
        let mut report = Report::default();
        let mut after = None;
        while !report.is_complete {
            let ids = self.ledger.unsettled(after, TASKS_AT_ONCE).await.context("list the tasks to be swept")?;
            report.is_complete = ids.len() < TASKS_AT_ONCE as usize;
            after = ids.last().copied().or(after);
            for id in ids {
                if deadline.since(self.clock.now()) < TIME_FOR_ONE_TASK {
                    warn!(?report, "the time is up before every task was swept; the next sweep begins anew");
                    return Ok(Report { is_complete: false, ..report });
                }
                report.tasks += 1;
                match self.sweep(id, is_queue_empty, &mut report).await {
                    Ok(()) => {}
                    Err(error) => {
                        report.in_trouble += 1;
                        error!(task = %id, error = %error_chain(&*error), "a task cannot be swept");
                    }
                }
            }
        }
        info!(?report, "tasks swept");
        Ok(report)
    }

    async fn is_queue_empty(&self) -> Result<bool, PortError> {
        let depths = self.monitor.depths().await?;
        let batches = depths.iter().filter(|queue| queue.name == "batch");
        Ok(batches.map(|queue| queue.visible + queue.in_flight + queue.delayed).sum::<u64>() == 0)
    }

    async fn sweep(&self, id: TaskId, is_queue_empty: bool, report: &mut Report) -> Result<()> {
        // A death between the last batch and the end of its task.
        if let Some(state) = completion::finish(&self.ledger, &self.clock, id).await? {
            report.swept += 1;
            warn!(task = %id, state = state.as_str(), "a task had ended without anybody saying so");
        }
        let Some(task) = self.ledger.task(id).await? else {
            // What a person deleted, and what workers wrote of it since.
            if erasure::go_on(&self.ledger, &self.objects, &self.clock, id).await? {
                report.erased += 1;
            }
            return Ok(());
        };
        let audit = audit::audit(&self.ledger, id).await?;
        if let Some(audit) = audit.as_ref().filter(|audit| !audit.agrees) {
            report.drifting += 1;
            error!(task = %id, findings = ?audit.findings, "the ledger does not add up");
        }
        let until = BatchNumber::new(task.head.batches.unwrap_or(0));
        let batches = self.ledger.claimed_batches(id, BatchNumber::new(0), until).await?;
        let seen = Observation { task: &task, batches: &batches, is_queue_empty };
        if sweep::is_stuck(&seen, self.clock.now(), &self.patience) {
            report.stuck += 1;
            error!(task = %id, state = task.head.state.as_str(), "a task is stuck");
        }
        if self.act(&task, &batches, is_queue_empty, audit).await? {
            report.swept += 1;
        }
        Ok(())
    }

    /// Does what is to be done, and says whether that was anything.
    async fn act(&self, task: &Task, batches: &[Batch], is_queue_empty: bool, audit: Option<Audit>) -> Result<bool> {
        let (id, now) = (task.id, self.clock.now());
        let sweep = sweep::decide(&Observation { task, batches, is_queue_empty }, now, &self.patience);
        match sweep {
            Sweep::Nothing => return Ok(false),
            Sweep::LookForUpload { is_late } => return self.look_for_upload(task, is_late).await,
            Sweep::ReadAgain => self.read_again(task).await?,
            Sweep::SendOpen => fan_out::send_open(&self.ledger, &self.objects, &self.queue, &self.clock, id).await?,
            Sweep::SendAgain => {
                if self.write(task, &task.to_be_sent_again(now)).await? {
                    fan_out::send_open(&self.ledger, &self.objects, &self.queue, &self.clock, id).await?;
                }
            }
            Sweep::Resume => commands::resume(&self.ledger, &self.objects, &self.queue, &self.clock, id).await?,
            Sweep::CloseOpen => {
                commands::close_open(&self.ledger, &self.objects, &self.clock, id).await?;
                completion::finish(&self.ledger, &self.clock, id).await?;
            }
            Sweep::LastAudit => {
                // While its files are missing it is not let go of either.
                if self.files_are_due(task).await? {
                    return self.ask_for_files(task).await;
                }
                // A drift is never mended, and the task not let go of until a person has seen to it.
                let agrees = audit.is_some_and(|audit| audit.agrees);
                return Ok(agrees && self.write(task, &task.audited(&self.reported(task).await?)).await?);
            }
        }
        warn!(task = %id, state = task.head.state.as_str(), ?sweep, "a task was swept");
        Ok(true)
    }

    /// Whether the files of a task that has ended are not there, and are still asked for.
    async fn files_are_due(&self, task: &Task) -> Result<bool> {
        let Some(finished) = ended(&task.head) else { return Ok(false) };
        if self.objects.size(&ObjectKey::manifest(task.id, finished)).await?.is_some() {
            return Ok(false);
        }
        let is_over = self.clock.now().since(finished) > FILES_ASKED_FOR;
        if is_over {
            error!(task = %task.id, "the files of a task were asked for time and again, and are not there");
        }
        Ok(!is_over)
    }

    /// What writing the files of a task asked of the cloud; nothing where they are not there, or it is not known.
    async fn reported(&self, task: &Task) -> Result<Usage> {
        let Some(finished) = ended(&task.head) else { return Ok(Usage::default()) };
        let key = ObjectKey::manifest(task.id, finished);
        if self.objects.size(&key).await?.is_none() {
            return Ok(Usage::default());
        }
        let manifest = serde_json::from_slice::<Manifest>(&self.objects.get(&key, None).await?);
        // A task is not held up by a number that nobody can read.
        Ok(manifest.map_or_else(|_| Usage::default(), |manifest| manifest.usage))
    }

    /// Asks for the files of a task, once whoever was told of its end had the time to write them, and then after twice as
    /// long each time. A request too many finds that somebody is at it, or that they are there.
    async fn ask_for_files(&self, task: &Task) -> Result<bool> {
        let Some(finished) = ended(&task.head) else { return Ok(false) };
        let (now, updated) = (self.clock.now(), task.head.updated);
        if now.since(updated) < self.patience.step.max(updated.since(finished)) {
            return Ok(false);
        }
        if !self.write(task, &task.changed(now)).await? {
            return Ok(false);
        }
        self.reports.send_report(&ReportMessage { task: task.id, finished, continued: 0 }).await?;
        warn!(task = %task.id, "the files of a task are missing, and asked for again");
        Ok(true)
    }

    async fn look_for_upload(&self, task: &Task, is_late: bool) -> Result<bool> {
        if self.objects.size(&ObjectKey::upload(task.id)).await?.is_some() {
            self.read_again(task).await?;
            warn!(task = %task.id, "a file had come without its event");
            return Ok(true);
        }
        if !is_late {
            return Ok(false);
        }
        let expired = self.write(task, &task.expired(self.clock.now())).await?;
        if expired {
            info!(task = %task.id, "an upload never came");
        }
        Ok(expired)
    }

    /// Sends the event of the file again. The head is touched first, so that this does not happen with every sweep.
    async fn read_again(&self, task: &Task) -> Result<()> {
        if self.write(task, &task.changed(self.clock.now())).await? {
            self.ingest.send_arrival(task.id).await?;
        }
        Ok(())
    }

    /// Whether nobody was quicker.
    async fn write(&self, task: &Task, head: &Head) -> Result<bool, PortError> {
        match self.ledger.write_head(task, head).await {
            Ok(()) => Ok(true),
            Err(WriteError::Stale) => Ok(false),
            Err(WriteError::Port(error)) => Err(error),
        }
    }
}

impl Report {
    /// What was found, as metrics.
    pub fn observe(&self, metrics: &Metrics) {
        for (metric, count) in [
            (Metric::LedgerDrift, self.drifting),
            (Metric::StuckTasks, self.stuck),
            (Metric::TasksInTrouble, self.in_trouble),
            (Metric::TasksSwept, self.swept),
        ] {
            metrics.observe(metric, count.into());
        }
    }
}

/// When the sweeper steps in: as [`Patience::DEPLOYED`], but for what `variable` says in seconds.
///
/// # Errors
/// When a variable is no number of seconds.
pub fn patience<E>(variable: impl Fn(&str) -> Result<Option<String>, E>) -> Result<Patience>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let seconds = |name: &str, otherwise: Duration| -> Result<Duration> {
        let Some(text) = variable(name)? else { return Ok(otherwise) };
        let seconds =
            text.trim().parse().with_context(|| format!("{name} is a number of seconds, and not '{text}'"))?;
        Ok(Duration::from_secs(seconds))
    };
    let deployed = Patience::DEPLOYED;
    Ok(Patience {
        step: seconds("FILAS_SWEEP_STEP_SECONDS", deployed.step)?,
        empty_queue: seconds("FILAS_SWEEP_EMPTY_QUEUE_SECONDS", deployed.empty_queue)?,
        retention: seconds("FILAS_SWEEP_RETENTION_SECONDS", deployed.retention)?,
        upload: seconds("FILAS_SWEEP_UPLOAD_SECONDS", deployed.upload)?,
        stuck: seconds("FILAS_SWEEP_STUCK_SECONDS", deployed.stuck)?,
    })
}

#[cfg(test)]
mod tests;
