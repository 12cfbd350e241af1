//! The three books of a task, opened: its ledger and its outcomes by the API, and its part of the partner's journal.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use filas_cli::client::Client;
use filas_cli::progress::Silent;
use filas_domain::TaskId;
use filas_domain::audit::Audit;
use filas_domain::outcome::OutcomeLine;
use filas_domain::task::TaskState;
use filas_domain::view::{BatchView, TaskView};
use filas_testkit::partner::JournalEntry;

use super::books::{Findings, compare_ledger, compare_partner, compare_rows};
use super::plan::Workbook;

/// The books of a task that has ended.
pub struct Opened {
    /// The task.
    pub task: TaskView,
    batches: Vec<BatchView>,
    audit: Audit,
    outcomes: Vec<OutcomeLine>,
    journal: Vec<JournalEntry>,
}

impl Opened {
    /// Opens them; copies of the first two are written to `folder`.
    ///
    /// # Errors
    /// When one cannot be had or not be read.
    pub fn open(client: &Client, id: TaskId, journal: &[JournalEntry], folder: &Path) -> Result<Self> {
        let task = client.task(id)?;
        let batches = client.batches(id, u32::MAX)?;
        let audit = client.audit(id)?;
        let ledger = serde_json::to_vec_pretty(&(&task, &batches, &audit)).context("cannot write JSON")?;
        fs::write(folder.join(format!("{id}.ledger.json")), ledger).context("cannot write a ledger")?;
        let path = folder.join(format!("{id}.outcomes.ndjson"));
        let outcomes = if task.links.contains_key("results") {
            client.save_results(id, &path, &mut Silent)?;
            let lines = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            lines.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("an outcome cannot be read")?
        } else {
            Vec::new()
        };
        let prefix = format!("{id}.");
        let journal = journal.iter().filter(|entry| entry.key.starts_with(&prefix)).cloned().collect();
        Ok(Self { task, batches, audit, outcomes, journal })
    }

    /// Whether the file was held to crash its reader, or its event used up its deliveries: what happens when the reader is
    /// killed twice.
    pub fn is_given_up(&self) -> bool {
        let code = self.task.reason.as_ref().map(|reason| reason.code.as_str());
        self.task.state == TaskState::Failed && matches!(code, Some("FILE_CRASHES_READER" | "FILE_NOT_SPLIT"))
    }

    /// Attempts whose worker was never heard of again.
    pub fn attempts_lost(&self) -> u64 {
        let attempts = self.batches.iter().flat_map(|batch| &batch.attempts);
        attempts.filter(|attempt| attempt.ended.is_none()).count() as u64
    }

    /// Holds the books against each other and against the file.
    pub fn compare(&self, book: &Workbook) -> Findings {
        let mut findings = Findings { wrong: self.audit.findings.clone(), ..Findings::default() };
        let was_never_split = self.task.total.is_none() && self.task.state == TaskState::Cancelled;
        if self.is_given_up() || was_never_split {
            let delivered = self.journal.iter().map(|entry| format!("{} of a file without rows", entry.key));
            findings.wrong.extend(delivered);
            return findings;
        }
        findings.add(compare_ledger(&self.task, &self.batches, &self.outcomes));
        findings.add(compare_rows(book, &self.outcomes));
        findings.add(compare_partner(&self.task.id.to_string(), book, &self.outcomes, &self.journal));
        findings
    }
}
