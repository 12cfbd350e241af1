//! Which call it is.

use filas_domain::erasure::{ObjectEraser, TaskEraser};
use filas_domain::ports::{BatchLedger, BatchQueue, Clock, ObjectReader, ObjectSigner, QueueMonitor, TaskCatalogue};
use filas_domain::problem::Problem;
use filas_domain::record::Records;
use filas_domain::task::Task;
use filas_domain::view::Queues;
use filas_http::{Answer, Call, Refusal};
use lambda_http::http::Method;

use crate::records;

/// The answers about tasks, and those about what tasks left behind.
pub struct Status<L, O, B, Q, C, R> {
    /// Those about tasks.
    pub answers: Answers<L, O, B, Q, C>,
    /// What `store` deliveries kept.
    pub records: R,
}

impl<L, O, B, Q, C, R> Status<L, O, B, Q, C, R>
where
    L: BatchLedger + TaskCatalogue + TaskEraser,
    O: ObjectReader + ObjectSigner + ObjectEraser,
    B: BatchQueue,
    Q: QueueMonitor,
    C: Clock,
    R: Records,
{
    /// Answers a call.
    ///
    /// # Errors
    /// When the caller, or the cloud, is at fault.
    pub async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        match call.segments()[..] {
            ["records", pipeline] if call.method() == Method::GET => {
                records::list(&self.records, &call, pipeline).await
            }
            _ => self.answers.answer(call).await,
        }
    }
}

/// The answers about tasks and their ports.
pub struct Answers<L, O, B, Q, C> {
    /// Tasks and batches.
    pub ledger: L,
    /// Indexes, outcomes, results.
    pub objects: O,
    /// Where batches go that are to be processed again.
    pub queue: B,
    /// The depths of the queues.
    pub queues: Q,
    /// The time.
    pub clock: C,
}

impl<L, O, B, Q, C> Answers<L, O, B, Q, C>
where
    L: BatchLedger + TaskCatalogue + TaskEraser,
    O: ObjectReader + ObjectSigner + ObjectEraser,
    B: BatchQueue,
    Q: QueueMonitor,
    C: Clock,
{
    /// Answers a call.
    ///
    /// # Errors
    /// When the caller, or the cloud, is at fault.
    pub async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        match *call.method() {
            Method::GET => self.question(&call).await,
            Method::POST => self.command(&call).await,
            Method::DELETE => match call.segments()[..] {
                ["tasks", id] => self.erase(&call, id).await,
                _ => Err(Problem::not_found("such call").into()),
            },
            _ => Err(Problem::not_found("such call").into()),
        }
    }

    async fn question(&self, call: &Call) -> Result<Answer, Refusal> {
        match call.segments().as_slice() {
            ["tasks"] => self.list(call).await,
            ["tasks", id] => {
                let task = self.task(call, id).await?;
                Ok(Answer::json(200, &self.view(&task).await?))
            }
            ["tasks", id, "batches"] => {
                let task = self.task(call, id).await?;
                self.batches(call, &task).await
            }
            ["tasks", id, "batches", number] => {
                let task = self.task(call, id).await?;
                self.batch(&task, number).await
            }
            ["tasks", id, "rows"] => {
                let task = self.task(call, id).await?;
                self.rows(call, &task).await
            }
            ["tasks", id, "rows", row] => {
                let task = self.task(call, id).await?;
                self.row(&task, row).await
            }
            ["receipts", receipt] => self.receipt(call, receipt).await,
            ["tasks", id, "results"] => {
                let task = self.task(call, id).await?;
                self.results(call, &task).await
            }
            ["tasks", id, "failures"] => {
                let task = self.task(call, id).await?;
                self.failures(call, &task).await
            }
            ["tasks", id, "audit"] => {
                let task = self.task(call, id).await?;
                self.audit(&task).await
            }
            ["queues"] => Ok(Answer::json(200, &Queues { queues: self.queues.depths().await? })),
            _ => Err(Problem::not_found("such call").into()),
        }
    }

    async fn command(&self, call: &Call) -> Result<Answer, Refusal> {
        let ["tasks", id, command] = call.segments()[..] else {
            return Err(Problem::not_found("such call").into());
        };
        let task = self.task(call, id).await?;
        match command {
            "cancel" => self.cancel(task.id).await,
            "pause" => self.pause(task.id).await,
            "resume" => self.resume(task.id).await,
            "redrive" => self.redrive(task.id, call).await,
            _ => Err(Problem::not_found("such call").into()),
        }
    }

    /// The caller's task. Somebody else's is answered as one that is not there.
    pub async fn task(&self, call: &Call, id: &str) -> Result<Task, Refusal> {
        let missing =
            || Refusal::from(Problem::not_found(format!("task '{}'", id.chars().take(40).collect::<String>())));
        let parsed = id.parse().map_err(|_| missing())?;
        let task = self.ledger.task(parsed).await?;
        task.filter(|task| task.head.order.owner == call.owner).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests;
