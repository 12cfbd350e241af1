//! Tasks and their batches.

use filas_domain::audit;
use filas_domain::batch::Batch;
use filas_domain::fan_out;
use filas_domain::ids::BatchNumber;
use filas_domain::limits::{PAGE, PAGE_MAX};
use filas_domain::ports::{BatchLedger, Clock, ObjectReader, TaskCatalogue};
use filas_domain::problem::Problem;
use filas_domain::task::{Task, TaskState};
use filas_domain::view::{BatchView, Page, TaskView, progress_window};
use filas_http::{Answer, Call, Refusal};

use crate::handler::Answers;

impl<L: BatchLedger + TaskCatalogue, O: ObjectReader, B, Q, C: Clock> Answers<L, O, B, Q, C> {
    /// `GET /v1/tasks`: the caller's tasks, newest first. The cursor is the last task of the page, so a page stays the
    /// same while tasks arrive.
    pub async fn list(&self, call: &Call) -> Result<Answer, Refusal> {
        let state = match call.query("state") {
            None => None,
            Some(name) => Some(TaskState::parse(&name).ok_or_else(|| {
                let names = TaskState::ALL.map(TaskState::as_str).join(", ");
                Problem::bad_request(format!("state is one of {names}."))
            })?),
        };
        let limit = call.number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE);
        let before = match call.query("cursor") {
            None => None,
            Some(cursor) => Some(cursor.parse().map_err(|_| Problem::unknown_cursor())?),
        };
        // One more than asked for tells whether there is another page.
        let mut tasks = self.ledger.list(&call.owner, state, before, limit + 1).await?;
        let is_last = tasks.len() <= limit as usize;
        tasks.truncate(limit as usize);
        let next_cursor = tasks.last().filter(|_| !is_last).map(|task| task.id.to_string());
        let now = self.clock.now();
        // A list says what the tasks say; how fast each goes is told by the task itself.
        let items = tasks.iter().map(|task| TaskView::new(task, now)).collect();
        Ok(Answer::json(200, &Page::<TaskView> { items, next_cursor }))
    }

    /// The task as the API shows it, with how fast it goes.
    pub async fn view(&self, task: &Task) -> Result<TaskView, Refusal> {
        let recent = match progress_window(task) {
            Some((from, until)) => self.ledger.claimed_batches(task.id, from, until).await?,
            None => Vec::new(),
        };
        Ok(TaskView::with_progress(task, &recent, self.clock.now()))
    }

    /// `GET /v1/tasks/{id}/batches`: every batch in order; those that nobody has claimed come from the index.
    pub async fn batches(&self, call: &Call, task: &Task) -> Result<Answer, Refusal> {
        let limit = call.number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE);
        let from = match call.query("cursor") {
            None => 0,
            Some(cursor) => cursor.parse::<u32>().map_err(|_| Problem::unknown_cursor())?,
        };
        let until = from.saturating_add(limit).min(task.head.batches.unwrap_or(0));
        let items = self.batch_views(task, from, until).await?;
        let next_cursor = task.head.batches.filter(|batches| until < *batches).map(|_| until.to_string());
        Ok(Answer::json(200, &Page { items, next_cursor }))
    }

    /// `GET /v1/tasks/{id}/batches/{n}`: one batch with its attempts.
    pub async fn batch(&self, task: &Task, number: &str) -> Result<Answer, Refusal> {
        let missing = || Problem::not_found(format!("such batch in task {}", task.id));
        let number: BatchNumber = number.parse().map_err(|_| missing())?;
        let from = number.get();
        if from >= task.head.batches.unwrap_or(0) {
            return Err(missing().into());
        }
        let view = self.batch_views(task, from, from + 1).await?.pop();
        view.map(|view| Answer::json(200, &view)).ok_or_else(|| missing().into())
    }

    async fn batch_views(&self, task: &Task, from: u32, until: u32) -> Result<Vec<BatchView>, Refusal> {
        if from >= until {
            return Ok(Vec::new());
        }
        let numbers = (BatchNumber::new(from), BatchNumber::new(until));
        let claimed = self.ledger.claimed_batches(task.id, numbers.0, numbers.1).await?;
        let claimed_view = |number: u32| {
            claimed.binary_search_by_key(&number, |batch: &Batch| batch.number.get()).ok().map(|at| &claimed[at])
        };
        if claimed.len() == (until - from) as usize {
            return Ok(claimed.iter().map(BatchView::claimed).collect());
        }
        let index = fan_out::index(&self.objects, task.id).await?;
        let queued = |number: u32| {
            let plan = index.batches.get(number as usize)?;
            Some(BatchView::queued(BatchNumber::new(number), plan))
        };
        Ok((from..until)
            .filter_map(|number| claimed_view(number).map(BatchView::claimed).or_else(|| queued(number)))
            .collect())
    }

    /// `GET /v1/tasks/{id}/audit`: the counters of the task beside the sums over its batches.
    pub async fn audit(&self, task: &Task) -> Result<Answer, Refusal> {
        match audit::audit(&self.ledger, task.id).await? {
            Some(audit) => Ok(Answer::json(200, &audit)),
            None => Err(Problem::conflict("The task changes too quickly to be audited. Ask again in a moment.").into()),
        }
    }
}
