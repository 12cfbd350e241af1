//! What changes, a line for each change.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use filas_cli::client::ClientError;
use filas_cli::client::error::Next;
use filas_cli::client::live::{Live, Newest};
use filas_cli::progress::stderr_line;
use filas_cli::words::{self, plain};
use filas_domain::ids::TaskId;
use filas_domain::live::LiveMessage;
use filas_domain::view::TaskView;
use serde_json::json;

use super::Session;
use crate::output;

/// Between two looks where there is no WebSocket.
const EVERY: Duration = Duration::from_secs(1);
/// Between two attempts to get one.
const AGAIN: Duration = Duration::from_secs(15);
/// How long it goes on without any answer.
const SILENCE: Duration = Duration::from_secs(60);
/// The tasks that are looked at where there is no WebSocket.
const TASKS: u32 = 50;

/// What was told last of each task, and how much more is to be told.
struct Tail {
    json: bool,
    /// The one task whose end is the end of it all.
    only: Option<TaskId>,
    has_ended: bool,
    known: HashMap<TaskId, TaskView>,
    left: Option<u32>,
    /// The first look is where changes begin, and none itself.
    has_begun: bool,
}

impl Session {
    pub(super) fn tail(&self, task: Option<TaskId>, changes: Option<u32>) -> Result<u8> {
        let mut tail = Tail {
            json: self.json,
            only: task,
            has_ended: false,
            known: HashMap::new(),
            left: changes,
            has_begun: false,
        };
        let (mut answered, mut told_why) = (Instant::now(), false);
        while !tail.is_over() {
            match self.client.live(task) {
                Ok(live) => {
                    answered = Instant::now();
                    tail.listen(live, task)?;
                    continue;
                }
                Err(error) if !told_why => {
                    stderr_line(&format!("{error}; asking every second instead"));
                    told_why = true;
                }
                Err(_) => {}
            }
            let until = Instant::now() + AGAIN;
            while Instant::now() < until && !tail.is_over() {
                match self.look(task) {
                    Ok(tasks) => {
                        answered = Instant::now();
                        tail.see_all(&tasks)?;
                    }
                    Err(error) if error.next() != Next::GiveUp && answered.elapsed() < SILENCE => {
                        stderr_line(&format!("{error}; trying again"));
                    }
                    Err(error) => return Err(error.into()),
                }
                thread::sleep(EVERY);
            }
        }
        Ok(0)
    }

    fn look(&self, task: Option<TaskId>) -> Result<Vec<TaskView>, ClientError> {
        match task {
            Some(task) => Ok(vec![self.client.task(task)?]),
            None => self.client.tasks(None, TASKS),
        }
    }
}

impl Tail {
    fn is_over(&self) -> bool {
        self.has_ended || self.left == Some(0)
    }

    /// Tells until the connection ends.
    fn listen(&mut self, mut live: Live, task: Option<TaskId>) -> Result<()> {
        let mut newest = Newest::default();
        while !self.is_over() {
            match live.next_message() {
                Ok(Some(LiveMessage::Snapshot { tasks })) => {
                    let tasks = tasks.into_iter().filter(|seen| newest.is_news(seen.task.id, seen.revision));
                    self.see_all(&tasks.map(|seen| seen.task).collect::<Vec<_>>())?;
                }
                Ok(Some(LiveMessage::Task(seen))) if newest.is_news(seen.task.id, seen.revision) => {
                    self.see_all(std::slice::from_ref(&seen.task))?;
                }
                Ok(Some(LiveMessage::Deleted { task })) => self.gone(&task.to_string())?,
                Ok(Some(LiveMessage::Missing { task: missing })) => {
                    anyhow::ensure!(task.is_none(), "there is no task {}", plain(&missing));
                }
                Ok(_) => {}
                Err(error) => {
                    stderr_line(&format!("{error}; connecting again"));
                    thread::sleep(EVERY);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Newest first, as lists are; told oldest first.
    fn see_all(&mut self, tasks: &[TaskView]) -> Result<()> {
        for task in tasks.iter().rev() {
            let before = self.known.insert(task.id, task.clone());
            let is_same = before.as_ref().is_some_and(|before| shown(before) == shown(task));
            let ends_it = self.only == Some(task.id) && task.state.is_final();
            // A task that has ended before we came has no change to tell, so it is told how it ended.
            if (self.has_begun && !is_same || ends_it) && !self.is_over() {
                self.tell(task, before.as_ref())?;
            }
            self.has_ended |= ends_it;
        }
        self.has_begun = true;
        Ok(())
    }

    fn tell(&mut self, task: &TaskView, before: Option<&TaskView>) -> Result<()> {
        self.left = self.left.map(|left| left - 1);
        let change = match before {
            None => "new",
            Some(before) if before.state != task.state => "state",
            Some(_) => "progress",
        };
        if self.json {
            return Ok(output::json([json!({ "change": change, "task": task })])?);
        }
        let done = words::count(task.succeeded + task.failed + task.unprocessed);
        let total = task.total.map_or("?".to_owned(), |total| words::count(total).to_string());
        let failed = words::count(task.failed);
        let name = plain(task.filename.as_deref().unwrap_or_default());
        let state = task.state.as_str();
        Ok(output::line(format!("{} {state} {done}/{total} rows, {failed} failed  {name}", task.id))?)
    }

    fn gone(&mut self, task: &str) -> Result<()> {
        self.left = self.left.map(|left| left - 1);
        self.has_ended |= self.only.is_some();
        if self.json {
            return Ok(output::json([json!({ "change": "deleted", "task": { "id": task } })])?);
        }
        Ok(output::line(format!("{} deleted", plain(task)))?)
    }
}

/// What a line says of a task: the rest, such as its rate, is different at every look.
fn shown(task: &TaskView) -> (&str, Option<u64>, u64, u64, u64) {
    (task.state.as_str(), task.total, task.succeeded, task.failed, task.unprocessed)
}
