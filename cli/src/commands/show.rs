//! The commands that show things: tasks, batches, queues.

use std::io::{IsTerminal, stdout};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use filas_cli::client::ClientError;
use filas_cli::client::error::Next;
use filas_cli::progress::stderr_line;
use filas_cli::summary::Summary;
use filas_cli::words::Table;
use filas_domain::ids::TaskId;
use filas_domain::ports::QueueDepth;
use serde::Serialize;

use super::Session;
use super::tables::{batch_table, queue_table, task_table};
use crate::arguments::{StatusArguments, TasksArguments};
use crate::output;

const EVERY: Duration = Duration::from_secs(1);
/// How long the watching of queues goes on without any answer.
const SILENCE: Duration = Duration::from_secs(60);

impl Session {
    pub(super) fn status(&self, arguments: &StatusArguments) -> Result<u8> {
        match arguments.task {
            Some(id) => {
                let task = self.client.task(id)?;
                if self.json { output::json([&task])? } else { output::line(Summary::of(&task))? }
            }
            None => return self.tasks(&arguments.tasks),
        }
        Ok(0)
    }

    pub(super) fn tasks(&self, arguments: &TasksArguments) -> Result<u8> {
        let tasks = self.client.tasks(arguments.state, arguments.limit)?;
        self.list(&tasks, "no tasks", task_table)?;
        Ok(0)
    }

    pub(super) fn batches(&self, id: TaskId, limit: u32) -> Result<u8> {
        self.list(&self.client.batches(id, limit)?, "no batches", batch_table)?;
        Ok(0)
    }

    pub(super) fn queues(&self, watch: bool) -> Result<u8> {
        if !watch {
            self.list(&self.client.queues()?, "no queues", queue_table)?;
            return Ok(0);
        }
        let mut answered = Instant::now();
        let mut shown = String::new();
        loop {
            match self.client.queues() {
                Ok(queues) => {
                    answered = Instant::now();
                    self.show_again(&queues, &mut shown)?;
                }
                Err(error) if error.next() != Next::GiveUp && answered.elapsed() < SILENCE => tell_passing(&error),
                Err(error) => return Err(error.into()),
            }
            thread::sleep(EVERY);
        }
    }

    /// The queues in place of what was `shown` before on a terminal; below it elsewhere, when they have changed.
    fn show_again(&self, queues: &[QueueDepth], shown: &mut String) -> Result<()> {
        if self.json {
            output::json([queues])?;
            return Ok(());
        }
        let table = queue_table(queues).to_string();
        if stdout().is_terminal() && !shown.is_empty() {
            // Up to the first line of the last table, and away with everything below.
            output::line(format!("\u{1b}[{}A\u{1b}[J{table}", shown.lines().count()))?;
        } else if table != *shown {
            output::line(&table)?;
        }
        *shown = table;
        Ok(())
    }

    pub(super) fn list<T: Serialize>(&self, things: &[T], none: &str, table: impl FnOnce(&[T]) -> Table) -> Result<()> {
        if self.json {
            output::json(things)?;
        } else if things.is_empty() {
            stderr_line(none);
        } else {
            output::line(table(things))?;
        }
        Ok(())
    }
}

fn tell_passing(error: &ClientError) {
    stderr_line(&format!("{error}; trying again"));
}
