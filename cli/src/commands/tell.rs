//! The commands that change a task, and the audit.

use anyhow::Result;
use filas_cli::words::{self, plain};
use filas_domain::batch::Selection;
use filas_domain::ids::TaskId;
use filas_domain::view::TaskView;
use serde_json::json;

use super::Session;
use crate::arguments::RedriveArguments;
use crate::output;

/// The counters do not agree with the batches.
const DRIFT: u8 = 3;

impl Session {
    pub(super) fn cancel(&self, id: TaskId) -> Result<u8> {
        self.told(&self.client.cancel(id)?)
    }

    pub(super) fn pause(&self, id: TaskId) -> Result<u8> {
        self.told(&self.client.pause(id)?)
    }

    pub(super) fn resume(&self, id: TaskId) -> Result<u8> {
        self.told(&self.client.resume(id)?)
    }

    pub(super) fn redrive(&self, arguments: &RedriveArguments) -> Result<u8> {
        let selection = match arguments.dead {
            true => Selection::Dead,
            false => Selection::Failed { code: arguments.code.clone() },
        };
        let redriven = self.client.redrive(arguments.task, &selection)?;
        if self.json {
            output::json([json!({"rows": redriven.rows, "task": redriven.task})])?;
        } else {
            let (rows, id) = (words::count(redriven.rows), arguments.task);
            output::line(format!("{rows} rows go through again. Follow them with: filas watch {id}"))?;
        }
        Ok(0)
    }

    pub(super) fn audit(&self, id: TaskId) -> Result<u8> {
        let audit = self.client.audit(id)?;
        if self.json {
            output::json([&audit])?;
        } else if audit.agrees {
            output::line(format!("the counters agree with the {} batches that were claimed", audit.batches))?;
        } else {
            for finding in &audit.findings {
                output::line(plain(finding))?;
            }
        }
        Ok(if audit.agrees { 0 } else { DRIFT })
    }

    fn told(&self, task: &TaskView) -> Result<u8> {
        if self.json {
            output::json([task])?;
        } else {
            output::line(format!("task {} is {}", task.id, task.state.as_str()))?;
        }
        Ok(0)
    }
}
