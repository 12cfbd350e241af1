//! Running a pipeline without a worker around it: for the command line and for benches.

mod ports;

use std::io;
use std::time::Duration;

use filas_domain::ids::RowNumber;
use filas_domain::outcome::RowResult;
use filas_domain::trace::TraceParent;
use futures::{StreamExt as _, stream};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::check::{self, Report};
use crate::pipeline::Pipeline;
use crate::row::SourceRow;
use crate::stage::{Interrupted, RowContext};

pub use ports::{KeptRecords, SECRET_VARIABLE, services, services_that_keep};

/// Runs pipelines on the thread that calls it.
#[derive(Debug)]
pub struct LocalRunner {
    runtime: Runtime,
    task: String,
    time: Duration,
}

impl LocalRunner {
    /// A runner that names side effects after `task` and gives each call so much time.
    ///
    /// # Errors
    /// When the system has no timer or no network to wait for.
    pub fn new(task: impl Into<String>, time: Duration) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, task: task.into(), time })
    }

    /// A dry run: everything but the delivery. See [`check::check`].
    pub fn check(&self, pipeline: &Pipeline, rows: Vec<SourceRow>) -> Report {
        self.runtime.block_on(async { check::check(pipeline, rows, &self.context()).await })
    }

    /// Runs rows to their outcomes, as many at once as the pipeline allows, and hands each outcome to `each` in the order of
    /// the rows.
    pub fn run(
        &self,
        pipeline: &Pipeline,
        rows: impl Iterator<Item = SourceRow>,
        mut each: impl FnMut(RowNumber, Result<RowResult, Interrupted>),
    ) {
        self.runtime.block_on(async {
            let context = &self.context();
            if pipeline.is_pure() {
                for row in rows {
                    let number = row.number;
                    each(number, pipeline.run_row(row, context).await);
                }
                return;
            }
            let mut results = stream::iter(rows)
                .map(|row| async move { (row.number, pipeline.run_row(row, context).await) })
                .buffered(pipeline.concurrency().max(1));
            while let Some((number, result)) = results.next().await {
                each(number, result);
            }
        });
    }

    fn context(&self) -> RowContext {
        RowContext {
            task: self.task.clone(),
            trace: TraceParent::begun_by(&self.task),
            deadline: Instant::now() + self.time,
        }
    }
}
