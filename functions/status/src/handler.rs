//! Which call it is.

use filas_domain::ports::{
    BatchLedger, BatchQueue, Clock, ObjectReader, ObjectSigner, ObjectWriter, QueueMonitor, TaskCatalogue,
};
use filas_domain::problem::Problem;
use filas_domain::task::Task;
use filas_domain::view::TaskView;
use filas_http::{Answer, Call, Refusal};
use lambda_http::http::Method;
use serde_json::json;

/// The answers and their ports.
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
    L: BatchLedger + TaskCatalogue,
    O: ObjectReader + ObjectWriter + ObjectSigner,
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
            _ => Err(Problem::not_found("such call").into()),
        }
    }

    async fn question(&self, call: &Call) -> Result<Answer, Refusal> {
        match call.segments().as_slice() {
            ["tasks"] => self.list(call).await,
            ["tasks", id] => {
                let task = self.task(call, id).await?;
                Ok(Answer::json(200, &TaskView::new(&task, self.clock.now())))
            }
            ["tasks", id, "batches"] => {
                let task = self.task(call, id).await?;
                self.batches(call, &task).await
            }
            ["tasks", id, "batches", number] => {
                let task = self.task(call, id).await?;
                self.batch(&task, number).await
            }
            ["tasks", id, "results"] => {
                let task = self.task(call, id).await?;
                self.results(&task).await
            }
            ["tasks", id, "audit"] => {
                let task = self.task(call, id).await?;
                self.audit(&task).await
            }
            ["queues"] => Ok(Answer::json(200, &json!({ "queues": self.queues.depths().await? }))),
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
