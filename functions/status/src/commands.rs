//! `POST /v1/tasks/{id}/cancel`, `pause`, `resume`, `redrive`: each may be given again, and then does the rest.

use filas_domain::TaskId;
use filas_domain::batch::Selection;
use filas_domain::commands::{self, CommandError};
use filas_domain::ports::{BatchLedger, BatchQueue, Clock, ObjectReader};
use filas_domain::problem::Problem;
use filas_domain::task::Reason;
use filas_domain::view::{RedriveRequest, Redriven, TaskView};
use filas_http::{Answer, Call, Refusal};

use crate::handler::Answers;

fn selections(request: RedriveRequest) -> Result<Vec<Selection>, Problem> {
    let dead = request.dead.then_some(Selection::Dead);
    let failed = request.failed.map(|failed| Selection::Failed { code: failed.code });
    let selections: Vec<Selection> = dead.into_iter().chain(failed).collect();
    if selections.is_empty() {
        return Err(Problem::bad_request(
            "Say what to put through again: {\"dead\": true}, {\"failed\": {}} or {\"failed\": {\"code\": \"HTTP_422\"}}.",
        ));
    }
    Ok(selections)
}

impl<L, O, B, Q, C> Answers<L, O, B, Q, C>
where
    L: BatchLedger,
    O: ObjectReader,
    B: BatchQueue,
    C: Clock,
{
    /// Ends the task: batches in flight still end by themselves.
    pub async fn cancel(&self, id: TaskId) -> Result<Answer, Refusal> {
        let reason = Reason { code: "CANCELLED".into(), message: "Somebody cancelled the task.".into() };
        commands::cancel(&self.ledger, &self.objects, &self.clock, id, Some(reason)).await.map_err(refusal)?;
        self.accepted(id).await
    }

    /// Holds the task back until it is resumed.
    pub async fn pause(&self, id: TaskId) -> Result<Answer, Refusal> {
        let reason = Reason { code: "PAUSED".into(), message: "Somebody paused the task.".into() };
        commands::pause(&self.ledger, &self.clock, id, reason, None).await.map_err(refusal)?;
        self.accepted(id).await
    }

    /// Goes on with a paused task.
    pub async fn resume(&self, id: TaskId) -> Result<Answer, Refusal> {
        commands::resume(&self.ledger, &self.objects, &self.queue, &self.clock, id).await.map_err(refusal)?;
        self.accepted(id).await
    }

    /// Puts dead batches, or failed rows, through again.
    pub async fn redrive(&self, id: TaskId, call: &Call) -> Result<Answer, Refusal> {
        let mut rows = 0;
        for selection in selections(call.json()?)? {
            rows += commands::redrive(&self.ledger, &self.objects, &self.queue, &self.clock, id, &selection)
                .await
                .map_err(refusal)?;
        }
        let task = self.now(id).await?;
        Ok(Answer::json(202, &Redriven { rows, task }))
    }

    async fn accepted(&self, id: TaskId) -> Result<Answer, Refusal> {
        Ok(Answer::json(202, &self.now(id).await?))
    }

    async fn now(&self, id: TaskId) -> Result<TaskView, Refusal> {
        let task = self.ledger.task(id).await?.ok_or_else(|| Problem::not_found(format!("task '{id}'")))?;
        Ok(TaskView::new(&task, self.clock.now()))
    }
}

fn refusal(error: CommandError) -> Refusal {
    match error {
        CommandError::NoSuchTask => Problem::not_found("such task").into(),
        CommandError::Refused(refused) => Problem::conflict(sentence(&refused.to_string())).into(),
        CommandError::Port(error) => error.into(),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
