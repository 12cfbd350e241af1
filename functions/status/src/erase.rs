//! `DELETE /v1/tasks/{id}`: everything of the task goes, whatever state it is in.

use std::time::Duration;

use filas_domain::TaskId;
use filas_domain::erasure::{self, ObjectEraser, TaskEraser};
use filas_domain::ports::Clock;
use filas_domain::problem::Problem;
use filas_http::{Answer, Call, Refusal};
use tracing::{info, warn};

use crate::handler::Answers;

/// How long the caller waits for the erasing. API Gateway waits for 29 seconds.
const PATIENCE: Duration = Duration::from_secs(20);

impl<L: TaskEraser, O: ObjectEraser, B, Q, C: Clock> Answers<L, O, B, Q, C> {
    /// Takes the task away and erases what it has. Called again after a call that died, it does the rest; once
    /// everything is gone, there is no such task.
    pub async fn erase(&self, call: &Call, id: &str) -> Result<Answer, Refusal> {
        let missing =
            || Refusal::from(Problem::not_found(format!("task '{}'", id.chars().take(40).collect::<String>())));
        let id: TaskId = id.parse().map_err(|_| missing())?;
        match self.ledger.task(id).await?.filter(|task| task.head.order.owner == call.owner) {
            Some(task) => {
                self.ledger.take_away(&task, self.clock.now()).await?;
                info!(task = %id, state = task.head.state.as_str(), "a task is taken away");
            }
            None => {
                let note = self.ledger.erasure(id).await?;
                note.filter(|note| note.owner == call.owner && !note.is_done).ok_or_else(missing)?;
            }
        }
        // Nobody sees it any more. What is left when the time is up is the sweeper's.
        match tokio::time::timeout(PATIENCE, erasure::erase(&self.ledger, &self.objects, id)).await {
            Ok(erased) => erased?,
            Err(_) => warn!(task = %id, "a task is too large to be erased in one call; the sweeper goes on"),
        }
        Ok(Answer::no_content())
    }
}
