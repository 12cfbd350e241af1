//! `GET /v1/tasks/{id}/results` and `…/failures`: where the files of a task are that has ended.
//!
//! The function `report` writes them, a moment after the end. Whoever asks earlier waits for a moment, and is then told to
//! come again.

use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::{Clock, ObjectReader, ObjectSigner, PortError};
use filas_domain::problem::Problem;
use filas_domain::report::{Manifest, ResultFile, ended};
use filas_domain::task::Task;
use filas_http::{Answer, Call, Refusal};

use crate::handler::Answers;

/// How long a call waits for a file.
const PATIENCE: Duration = Duration::from_secs(3);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// When to come again, in seconds.
const RETRY_AFTER: &str = "2";

impl<L, O, B, Q, C> Answers<L, O, B, Q, C>
where
    O: ObjectReader + ObjectSigner,
    C: Clock,
{
    /// A redirect to the outcomes, all of them or those of one kind, for minutes.
    pub async fn results(&self, call: &Call, task: &Task) -> Result<Answer, Refusal> {
        let file = match call.query("outcome").as_deref() {
            None => ResultFile::Outcomes,
            Some("succeeded") => ResultFile::Succeeded,
            Some("failed") => ResultFile::Failed,
            Some("unprocessed") => ResultFile::Unprocessed,
            Some(_) => return Err(Problem::bad_request("outcome is succeeded, failed or unprocessed.").into()),
        };
        self.file(task, file, finished(task)?).await
    }

    /// A redirect to the failed rows as they were, to be mended and uploaded again, for minutes.
    pub async fn failures(&self, call: &Call, task: &Task) -> Result<Answer, Refusal> {
        let file = match call.query("format").as_deref() {
            None | Some("xlsx") => ResultFile::Workbook,
            Some("csv") => ResultFile::Csv,
            Some("ndjson") => ResultFile::Records,
            Some(_) => return Err(Problem::bad_request("format is xlsx, csv or ndjson.").into()),
        };
        let finished = finished(task)?;
        if task.tally.counts.failed == 0 {
            return Err(Problem::not_found(format!("failed row in task {}", task.id)).into());
        }
        self.file(task, file, finished).await
    }

    async fn file(&self, task: &Task, file: ResultFile, finished: Timestamp) -> Result<Answer, Refusal> {
        let key = ObjectKey::result(task.id, finished, file);
        if !self.comes_to_be(&key, task).await? {
            return self.missing(task, file, finished).await;
        }
        let filename = format!("{}-{}", task.id, file.name());
        let signed = self.objects.sign_get(&key, &filename, self.clock.now()).await?;
        Ok(Answer::see_other(signed.url))
    }

    /// Whether the file is there, or is so after a moment.
    async fn comes_to_be(&self, key: &ObjectKey, task: &Task) -> Result<bool, PortError> {
        let looks = if task.head.is_audited { 1 } else { PATIENCE.as_millis() / PAUSE.as_millis() };
        for look in 0..looks {
            if look > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            if self.objects.size(key).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Why a file is not there.
    async fn missing(&self, task: &Task, file: ResultFile, finished: Timestamp) -> Result<Answer, Refusal> {
        let manifest = ObjectKey::manifest(task.id, finished);
        if self.objects.size(&manifest).await?.is_some() {
            let written: Manifest =
                serde_json::from_slice(&self.objects.get(&manifest, None).await?).map_err(Refusal::trouble)?;
            if !written.files.iter().any(|name| name == file.name()) {
                let detail = "The failed rows have more columns than a spreadsheet. Ask for format=ndjson, which has no such limit.";
                return Err(Problem::conflict(detail).into());
            }
        }
        // Whoever audited it saw that the files were there, or gave them up after a day.
        if task.head.is_audited {
            let detail =
                "The files of this task are not there any more: they are kept for a limited time. Its rows still are.";
            return Err(Problem::new(410, "gone", "No longer there", detail).into());
        }
        let detail = "The task has ended, and its files are being written. Ask again in a moment.";
        let problem = Problem::new(503, "not-ready", "Not there yet", detail);
        Ok(Answer::problem(&problem).header("retry-after", RETRY_AFTER))
    }
}

/// When the task ended, so that it has files.
fn finished(task: &Task) -> Result<Timestamp, Problem> {
    ended(&task.head).ok_or_else(|| {
        let state = task.head.state;
        Problem::conflict(match &task.head.reason {
            Some(reason) if state.is_final() => format!("The task has no results: {}", reason.message),
            _ => format!("The task is {}: its results are there when it has ended.", state.as_str()),
        })
    })
}
