//! What the end-to-end flows have in common: the stacks that `cargo xtask test` deployed, and ways to look into them.

pub mod logs;
pub mod subscriber;
pub mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use filas_cli::client::{Client, Upload};
use filas_cli::progress::Silent;
use filas_domain::TaskId;
use filas_domain::outcome::OutcomeLine;
use filas_domain::view::TaskView;
use filas_testkit::partner::JournalEntry;
use filas_testkit::receiver::{RECEIVED, Received};
use serde::Deserialize;
use tempfile::TempDir;
use xtask::chaos::books::{compare_ledger, row_of};

/// How long a task may take, on a busy machine, before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A stack that `cargo xtask test` deployed.
#[derive(Debug, Clone, Deserialize)]
pub struct Stack {
    /// Its name, with which its functions' names begin.
    pub name: String,
    /// The root of its API.
    pub url: String,
    /// The key of the owner `local`.
    pub key: String,
    /// The key of another owner.
    pub other_key: String,
    /// Its bucket.
    pub bucket: String,
    /// The partner that its pipelines deliver to.
    pub partner: String,
    /// The issuer whose tokens the stack `strict` takes.
    pub issuer: String,
    /// The requests of an owner in a minute that the stack `strict` takes.
    pub requests_per_minute: u32,
    /// The open tasks of an owner that the stack `strict` takes.
    pub open_tasks: u32,
    /// The topic of its events.
    pub topic: String,
    /// A receiver of webhooks ([`filas_testkit::receiver::by_path`]), which `chaos` may call.
    pub receiver: String,
}

impl Stack {
    /// The stack as a person would deploy it.
    ///
    /// # Errors
    /// When there is none.
    pub fn main() -> Result<Self> {
        Self::named("main")
    }

    /// The stack that gives up quickly, and whose simulated rows may end their worker.
    ///
    /// # Errors
    /// When there is none.
    pub fn chaos() -> Result<Self> {
        Self::named("chaos")
    }

    /// The stack that lets an owner do little, and takes the tokens of an issuer.
    ///
    /// # Errors
    /// When there is none.
    pub fn strict() -> Result<Self> {
        Self::named("strict")
    }

    /// What came to the receiver of webhooks at a path.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn received(&self, path: &str) -> Result<Vec<Received>> {
        Ok(ureq::get(format!("{}{RECEIVED}{path}", self.receiver)).call()?.into_body().read_json()?)
    }

    fn named(name: &str) -> Result<Self> {
        let stacks = std::env::var("FILAS_TEST_STACKS")
            .context("there is no local cloud to test on: run `cargo xtask test`, which starts one")?;
        let mut stacks: BTreeMap<String, Self> = serde_json::from_str(&stacks)?;
        stacks.remove(name).with_context(|| format!("there is no stack '{name}'"))
    }

    /// Where its cloud listens.
    ///
    /// # Errors
    /// When there is none.
    pub fn cloud(&self) -> Result<String> {
        std::env::var("AWS_ENDPOINT_URL").context("AWS_ENDPOINT_URL does not name the cloud of the stacks")
    }

    /// A client of the owner `local`.
    pub fn client(&self) -> Client {
        Client::new(&self.url, &self.key)
    }

    /// A client of the other owner.
    pub fn other_client(&self) -> Client {
        Client::new(&self.url, &self.other_key)
    }

    /// The `filas` that `cargo xtask test` built, with these arguments, on this stack.
    pub fn filas(&self, arguments: &[&str]) -> Command {
        let mut folder = std::env::current_exe().unwrap_or_default();
        folder.pop();
        if folder.ends_with("deps") {
            folder.pop();
        }
        let mut command = Command::new(folder.join("filas"));
        command.args(arguments).env("FILAS_URL", &self.url).env("FILAS_KEY", &self.key);
        command
    }

    /// Uploads and waits until the task ends.
    ///
    /// # Errors
    /// When the upload fails, or the task does not end in [`PATIENCE`].
    pub fn process(&self, upload: &Upload) -> Result<TaskView> {
        let client = self.client();
        let task = client.upload(upload, &mut Silent)?;
        self.wait(task.id)
    }

    /// Waits until the task ends.
    ///
    /// # Errors
    /// When it does not in [`PATIENCE`].
    pub fn wait(&self, id: TaskId) -> Result<TaskView> {
        let client = self.client();
        let begun = Instant::now();
        loop {
            let task = client.task(id)?;
            if task.state.is_final() {
                return Ok(task);
            }
            if begun.elapsed() > PATIENCE {
                bail!("the task did not end in {PATIENCE:?}: {task:?}, {:?}", client.batches(id, 100));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Every outcome of a task, in the order in which the results have them.
    ///
    /// # Errors
    /// When they cannot be had.
    pub fn outcomes(&self, id: TaskId) -> Result<Vec<OutcomeLine>> {
        let folder = TempDir::new()?;
        let path = folder.path().join("outcomes.ndjson");
        self.client().save_results(id, &path, &mut Silent)?;
        std::fs::read_to_string(path)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// What the partner received for the rows of a task, by idempotency key.
    ///
    /// # Errors
    /// When the partner does not answer.
    pub fn journal(&self, id: TaskId) -> Result<Vec<JournalEntry>> {
        let text = ureq::get(format!("{}/_partner/journal", self.partner))
            .call()?
            .into_body()
            .with_config()
            .limit(1 << 30)
            .read_to_string()?;
        let entries: Result<Vec<JournalEntry>, _> = text.lines().map(serde_json::from_str).collect();
        let prefix = format!("{id}.");
        Ok(entries?.into_iter().filter(|entry| entry.key.starts_with(&prefix)).collect())
    }
}

/// Checks that every row of a task that ended has exactly one outcome, in source order, and that the counters, of the
/// task and of its batches, are what the outcomes say.
///
/// # Errors
/// When a book differs from another.
pub fn check_books(stack: &Stack, task: &TaskView) -> Result<Vec<OutcomeLine>> {
    let outcomes = stack.outcomes(task.id)?;
    let batches = stack.client().batches(task.id, u32::MAX)?;
    let findings = compare_ledger(task, &batches, &outcomes);
    ensure!(findings.is_empty(), "the books do not agree: {findings:#?}");
    let mut last = 0;
    for outcome in &outcomes {
        let row = row_of(outcome);
        ensure!(row > last, "row {row} comes after row {last}");
        last = row;
    }
    Ok(outcomes)
}

/// A folder for the files of one test.
///
/// # Errors
/// When it cannot be made.
pub fn folder() -> Result<TempDir> {
    Ok(TempDir::new()?)
}

/// Writes a file of a test.
///
/// # Errors
/// When it cannot be written.
pub fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, bytes)?;
    Ok(path)
}
