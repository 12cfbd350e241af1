//! What each command does.

mod keys;
mod pipelines;
mod rows;
mod show;
mod tables;
mod tail;
mod tell;

use std::io::{IsTerminal, stderr, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::CommandFactory as _;
use filas_cli::client::{Client, ClientError, Download, Upload};
use filas_cli::connection::Connection;
use filas_cli::progress::{self, Bar, JsonLines, Progress, Silent, stderr_line};
use filas_cli::summary::{Summary, Verdict, next_step};
use filas_cli::words;
use filas_domain::ids::TaskId;
use filas_domain::view::TaskView;
use serde_json::json;

use crate::arguments::{Arguments, Command, FailuresArguments, PipelinesCommand, UploadArguments};
use crate::output::{self, OutputError};
use crate::{cat, dry_run, run as local_run};

const FAILED: u8 = 1;

/// Does what was typed, tells what went wrong, and returns the exit code.
pub fn run(arguments: &Arguments) -> u8 {
    match &arguments.command {
        Command::Cat(cat) => return cat::cat(cat),
        Command::Completions { shell } => return completions(*shell, arguments.common.json),
        _ => {}
    }
    let mut local = false;
    let done = match &arguments.command {
        // They need no API, or only perhaps.
        Command::Check(check) => {
            dry_run::check(check, arguments.common.json, session(arguments, &mut local).map(|session| session.client))
        }
        Command::Run(run) => local_run::run(run, arguments.common.json),
        Command::Pipelines(PipelinesCommand::Check { files }) => pipelines::check(files, arguments.common.json),
        _ => call(arguments, &mut local),
    };
    match done {
        Ok(code) => code,
        Err(error) if matches!(error.downcast_ref(), Some(OutputError::Closed)) => 0,
        Err(error) => {
            tell(&error, local, arguments.common.json);
            FAILED
        }
    }
}

/// The script that makes a shell complete what is typed.
fn completions(shell: clap_complete::Shell, json: bool) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "filas", &mut script);
    let script = String::from_utf8_lossy(&script);
    let told = match json {
        true => output::json([json!({ "shell": shell.to_string(), "script": script })]),
        false => output::line(script.trim_end()),
    };
    match told {
        Ok(()) | Err(OutputError::Closed) => 0,
        Err(error) => {
            stderr_line(&format!("error: {error}"));
            FAILED
        }
    }
}

/// `local` tells afterwards whether the API is the one of the local cloud.
fn call(arguments: &Arguments, local: &mut bool) -> Result<u8> {
    let session = session(arguments, local)?;
    match &arguments.command {
        Command::Upload(upload) => session.upload(upload),
        Command::Status(status) => session.status(status),
        Command::Watch { task } => session.watch(*task),
        Command::Batches { task, limit } => session.batches(*task, *limit),
        Command::Queues { watch } => session.queues(*watch),
        Command::Results { task, out } => session.results(*task, out.as_deref()),
        Command::Failures(failures) => session.failures(failures),
        Command::Cancel { task } => session.cancel(*task),
        Command::Pause { task } => session.pause(*task),
        Command::Resume { task } => session.resume(*task),
        Command::Redrive(redrive) => session.redrive(redrive),
        Command::Audit { task } => session.audit(*task),
        Command::Pipelines(pipelines) => session.pipelines(pipelines),
        Command::Keys(keys) => session.keys(keys),
        Command::Tasks(tasks) => session.tasks(tasks),
        Command::Rows(rows) => session.rows(rows),
        Command::Row { task, row } => session.row(*task, *row),
        Command::Receipts { receipts } => session.receipts(receipts),
        Command::Records { pipeline, limit } => session.records(pipeline, *limit),
        Command::Delete { task } => session.delete(*task),
        Command::Tail { task, changes } => session.tail(*task, *changes),
        Command::Cat(_) | Command::Check(_) | Command::Run(_) | Command::Completions { .. } => Ok(0),
    }
}

/// The API that is asked for, or the nearest local one.
fn session(arguments: &Arguments, local: &mut bool) -> Result<Session> {
    let common = &arguments.common;
    let folder = std::env::current_dir().context("cannot tell the current folder")?;
    let connection = Connection::find(common.url.as_deref(), common.key.as_deref(), &folder)?;
    *local = connection.local.is_some();
    Ok(Session { client: Client::new(&connection.url, &connection.key), json: common.json })
}

/// An API, and how to show what it says.
struct Session {
    client: Client,
    json: bool,
}

impl Session {
    fn upload(&self, arguments: &UploadArguments) -> Result<u8> {
        let upload = Upload {
            sheet: arguments.sheet.clone(),
            batch_size: arguments.batch_size,
            idempotency_key: arguments.idempotency_key.clone(),
            ..Upload::new(&arguments.file, &arguments.pipeline)
        };
        if arguments.receipts {
            return self.send_records(&upload);
        }
        let mut progress = self.progress();
        let task = self.client.upload(&upload, &mut *progress);
        progress.done();
        let task = task?;
        if arguments.watch {
            // Said now, so that the task can be found again should the watching be interrupted.
            stderr_line(&format!("task {}", task.id));
            return self.watch(task.id);
        }
        if self.json {
            output::json([&task])?;
        } else {
            output::line(format!("task {} is registered. Follow it with: filas watch {0}", task.id))?;
        }
        Ok(0)
    }

    fn watch(&self, id: TaskId) -> Result<u8> {
        let mut progress = self.progress();
        let task = self.client.watch_live(id, &mut *progress)?;
        if !self.json {
            output::line(Summary::of(&task)).or_else(closed_is_fine)?;
        }
        Ok(self.verdict(&task))
    }

    fn verdict(&self, task: &TaskView) -> u8 {
        let verdict = Verdict::of(task);
        if verdict == Verdict::Broken && self.json && task.state.is_final() {
            let reason = task.reason.as_ref().map(|reason| json!({"code": reason.code, "message": reason.message}));
            stderr_line(
                &json!({"error": format!("the task is {}", task.state.as_str()), "reason": reason}).to_string(),
            );
        }
        verdict.exit_code()
    }

    fn results(&self, id: TaskId, out: Option<&Path>) -> Result<u8> {
        match out.filter(|path| path.as_os_str() != "-") {
            Some(path) => self.saved(id, path, |progress| self.client.save_results(id, path, progress)),
            None => shown(|progress| self.client.results(id, progress)),
        }
    }

    fn failures(&self, arguments: &FailuresArguments) -> Result<u8> {
        let (id, format) = (arguments.task, arguments.format);
        let usual = || PathBuf::from(format!("failures-{id}.{}", format.as_str()));
        let path = arguments.out.clone().unwrap_or_else(usual);
        if path.as_os_str() == "-" {
            return shown(|progress| self.client.failures(id, format, progress));
        }
        self.saved(id, &path, |progress| self.client.save_failures(id, format, &path, progress))
    }

    /// Saves a file of a task and says so.
    fn saved(
        &self,
        id: TaskId,
        path: &Path,
        save: impl FnOnce(&mut dyn Progress) -> Result<u64, ClientError>,
    ) -> Result<u8> {
        let mut progress = self.progress();
        let bytes = save(&mut *progress);
        progress.done();
        let bytes = bytes?;
        if self.json {
            output::json([json!({"task": id, "file": path.to_string_lossy(), "bytes": bytes})])?;
        } else {
            output::line(format!("{} in {}", words::bytes(bytes), words::plain(&path.to_string_lossy())))?;
        }
        Ok(0)
    }

    fn progress(&self) -> Box<dyn Progress> {
        if self.json { Box::new(JsonLines::new(stdout())) } else { progress::on_stderr() }
    }
}

/// Copies a file of a task to standard output.
fn shown(download: impl FnOnce(&mut dyn Progress) -> Result<Download, ClientError>) -> Result<u8> {
    // A bar between lines on the same terminal would only be in the way.
    let mut progress: Box<dyn Progress> =
        if stdout().is_terminal() || !stderr().is_terminal() { Box::new(Silent) } else { Box::new(Bar::new()) };
    let download = download(&mut *progress);
    let copied = download.and_then(|mut download| download.copy_to(&mut output::buffered(), &mut *progress));
    progress.done();
    copied?.map_err(OutputError::from)?;
    Ok(0)
}

/// The code that says what became of the rows counts, even when nobody reads the summary.
fn closed_is_fine(error: OutputError) -> Result<(), OutputError> {
    if matches!(error, OutputError::Closed) { Ok(()) } else { Err(error) }
}

/// What went wrong and what to do, on standard error.
fn tell(error: &anyhow::Error, local: bool, json: bool) {
    let client_error = error.downcast_ref::<ClientError>();
    let hint = client_error.and_then(|error| next_step(error, local));
    // Causes may hold foreign text; the whole is made plain, whatever it is.
    let text = words::plain(&format!("{error:#}"));
    if json {
        let problem = match client_error {
            Some(ClientError::Problem { problem, .. }) => Some(problem),
            _ => None,
        };
        stderr_line(&json!({"error": text, "hint": hint, "problem": problem}).to_string());
        return;
    }
    stderr_line(&format!("error: {text}"));
    if let Some(hint) = hint {
        stderr_line(&format!("hint: {hint}"));
    }
}
