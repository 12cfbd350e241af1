//! Rows: many by state and code, one by its number or its receipt.
//!
//! Nothing is stored per row. The index says in which batch a row is, the batch where its outcomes lie, and so one row of a
//! million is a read of the index, of one item and of one part.

use std::collections::BTreeMap;

use filas_domain::batch::Batch;
use filas_domain::fan_out;
use filas_domain::fate::{self, Fate, RowState};
use filas_domain::ids::{BatchNumber, Receipt, RowNumber};
use filas_domain::keys::ObjectKey;
use filas_domain::limits::{PAGE, PAGE_MAX};
use filas_domain::message::BatchMessage;
use filas_domain::plan::BatchIndex;
use filas_domain::ports::{BatchLedger, Clock, ObjectReader, TaskCatalogue};
use filas_domain::problem::Problem;
use filas_domain::task::Task;
use filas_domain::view::{Page, RowInFull, RowView};
use filas_http::{Answer, Call, Refusal};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::handler::Answers;

/// Batches whose items are read in one go.
const BATCHES_AT_ONCE: usize = 100;

/// Batches whose items are looked at for one page. A page may end before it is full, and says where to go on.
const BATCHES_A_PAGE: usize = 2000;

/// Batches whose outcomes are read for one page.
const READS_A_PAGE: usize = 100;

/// Which rows are wanted.
struct Filter {
    state: Option<RowState>,
    code: Option<String>,
}

impl Filter {
    fn of(call: &Call) -> Result<Self, Problem> {
        let state = match call.query("outcome") {
            None => None,
            Some(name) => Some(RowState::parse(&name).ok_or_else(|| {
                let names = RowState::ALL.map(RowState::as_str).join(", ");
                Problem::bad_request(format!("outcome is one of {names}."))
            })?),
        };
        let code = call.query("code");
        if code.as_ref().is_some_and(String::is_empty) {
            return Err(Problem::bad_request("code is a code, such as INVALID_ROW."));
        }
        Ok(Self { state, code })
    }

    fn takes(&self, fate: &Fate) -> bool {
        self.state.is_none_or(|state| state == fate.state)
            && self.code.as_ref().is_none_or(|code| Some(code) == fate.code.as_ref())
    }

    /// Whether the task's counters leave room for such a row.
    fn may_be_in_task(&self, task: &Task) -> bool {
        let counts = &task.tally.counts;
        let has_state = match self.state {
            Some(RowState::Succeeded) => counts.succeeded > 0,
            Some(RowState::Failed) => counts.failed > 0,
            Some(RowState::Unprocessed) => counts.unprocessed > 0,
            Some(RowState::Queued | RowState::Processing) => !task.head.state.is_final(),
            None => true,
        };
        has_state
            && self.code.as_ref().is_none_or(|code| counts.failed_by_code.contains_key(code) || counts.unprocessed > 0)
    }

    /// Whether the batch may have such a row: its outcomes need not be read to know that it has none.
    fn may_be_in(&self, batch: &Batch) -> bool {
        let counts = &batch.counts;
        let has_state = match self.state {
            Some(RowState::Succeeded) => counts.succeeded > 0,
            Some(RowState::Failed) => counts.failed > 0,
            Some(RowState::Unprocessed) => counts.unprocessed > 0,
            Some(RowState::Queued | RowState::Processing) => !batch.state.is_closed(),
            None => true,
        };
        let has_code = |code: &String| {
            let is_unprocessed = counts.unprocessed > 0 && fate::unprocessed_code(batch.state) == code;
            is_unprocessed || counts.failed_by_code.contains_key(code)
        };
        has_state && self.code.as_ref().is_none_or(has_code)
    }
}

impl<L: BatchLedger + TaskCatalogue, O: ObjectReader, B, Q, C: Clock> Answers<L, O, B, Q, C> {
    /// `GET /v1/tasks/{id}/rows`: rows in the order of the sheet. The cursor is the last row that was looked at: a row
    /// has its place whatever becomes of it, so that pages neither repeat nor skip one while outcomes arrive.
    pub async fn rows(&self, call: &Call, task: &Task) -> Result<Answer, Refusal> {
        let filter = Filter::of(call)?;
        let limit = call.number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE) as usize;
        let after = match call.query("cursor") {
            None => RowNumber::new(0),
            Some(cursor) => cursor.parse().map_err(|_| Problem::unknown_cursor())?,
        };
        let page = match task.head.batches {
            Some(batches) if batches > 0 && filter.may_be_in_task(task) => {
                self.page_of_rows(task, &filter, after, limit).await?
            }
            _ => Page { items: Vec::new(), next_cursor: None },
        };
        Ok(Answer::json(200, &page))
    }

    async fn page_of_rows(
        &self,
        task: &Task,
        filter: &Filter,
        after: RowNumber,
        limit: usize,
    ) -> Result<Page<RowView>, Refusal> {
        let index = fan_out::index(&self.objects, task.id).await?;
        let begin = index.batches.partition_point(|plan| plan.last_row <= after);
        let end = index.batches.len().min(begin + BATCHES_A_PAGE);
        let (mut items, mut reads) = (Vec::new(), 0);
        for from in (begin..end).step_by(BATCHES_AT_ONCE) {
            for batch in self.batches_of(task, &index, from, end.min(from + BATCHES_AT_ONCE)).await? {
                if !filter.may_be_in(&batch) {
                    continue;
                }
                if reads == READS_A_PAGE {
                    let seen = RowNumber::new(batch.plan.first_row.get().saturating_sub(1));
                    return Ok(Page { items, next_cursor: Some(seen.to_string()) });
                }
                reads += 1;
                for (row, fate) in self.fates(&batch).await? {
                    if row <= after || !filter.takes(&fate) {
                        continue;
                    }
                    if items.len() == limit {
                        return Ok(Page { next_cursor: items.last().map(|row: &RowView| row.row.to_string()), items });
                    }
                    items.push(RowView::new(task.id, row, Some(batch.number), fate));
                }
            }
        }
        let seen = index.batches.get(..end).and_then(|seen| seen.last()).filter(|_| end < index.batches.len());
        Ok(Page { items, next_cursor: seen.map(|plan| plan.last_row.to_string()) })
    }

    /// The batches at these positions of the index, those as well that nobody has claimed.
    async fn batches_of(
        &self,
        task: &Task,
        index: &BatchIndex,
        from: usize,
        until: usize,
    ) -> Result<Vec<Batch>, Refusal> {
        let number = |position| BatchNumber::new(u32::try_from(position).unwrap_or(u32::MAX));
        let claimed = self.ledger.claimed_batches(task.id, number(from), number(until)).await?;
        let mut claimed: BTreeMap<_, _> = claimed.into_iter().map(|batch| (batch.number, batch)).collect();
        let plans = index.numbered().skip(from).take(until.saturating_sub(from));
        let unclaimed = |batch, plan| Batch::unclaimed(&BatchMessage { task: task.id, batch, plan });
        Ok(plans.map(|(batch, plan)| claimed.remove(&batch).unwrap_or_else(|| unclaimed(batch, *plan))).collect())
    }

    /// What is known of each row of the batch.
    async fn fates(&self, batch: &Batch) -> Result<BTreeMap<RowNumber, Fate>, Refusal> {
        let rows = match fate::numbers_of_plan(&batch.plan) {
            _ if fate::is_complete(batch) => Vec::new(),
            Some(rows) => rows,
            None => {
                let lines = self.objects.get(&ObjectKey::rows(batch.task), Some(batch.plan.bytes)).await?;
                fate::numbers_of_lines(&lines).map_err(Refusal::trouble)?
            }
        };
        let mut parts = Vec::with_capacity(batch.parts.len());
        for part in &batch.parts {
            parts.push(self.objects.get(&part.key, Some(part.bytes)).await?);
        }
        fate::fates(batch, &parts, &rows, self.clock.now()).map_err(Refusal::trouble)
    }

    /// `GET /v1/tasks/{id}/rows/{row}`: one row, with what the file says in it.
    pub async fn row(&self, task: &Task, number: &str) -> Result<Answer, Refusal> {
        let missing = || Problem::not_found(format!("such row in task {}", task.id));
        let row: RowNumber = number.parse().map_err(|_| missing())?;
        let found = self.find_row(task, row).await?.ok_or_else(missing)?;
        Ok(Answer::json(200, &found))
    }

    /// `GET /v1/receipts/{receipt}`: the row that the receipt names.
    pub async fn receipt(&self, call: &Call, text: &str) -> Result<Answer, Refusal> {
        let missing = || Problem::not_found("such receipt");
        let receipt: Receipt = text.parse().map_err(|_| missing())?;
        let task = self.ledger.task(receipt.task).await?;
        let task = task.filter(|task| task.head.order.owner == call.owner).ok_or_else(missing)?;
        let found = self.find_row(&task, receipt.row).await?.ok_or_else(missing)?;
        Ok(Answer::json(200, &found))
    }

    async fn find_row(&self, task: &Task, row: RowNumber) -> Result<Option<RowInFull>, Refusal> {
        if task.head.batches.is_none() {
            // Nobody knows yet how many rows there are, or there never will be any.
            let fate = match (&task.head.reason, task.head.state.is_final()) {
                (Some(reason), true) => Fate::unprocessed(&reason.code, &reason.message),
                (None, true) => Fate::plain(RowState::Unprocessed),
                (_, false) => Fate::plain(RowState::Queued),
            };
            return Ok(Some(RowInFull { row: RowView::new(task.id, row, None, fate), record: None }));
        }
        let index = fan_out::index(&self.objects, task.id).await?;
        let position = index.batches.partition_point(|plan| plan.last_row < row);
        let Some((number, plan)) = index.numbered().nth(position).filter(|(_, plan)| plan.first_row <= row) else {
            return Ok(None);
        };
        // A blank row of the sheet lies between two others and is none.
        let lines = self.objects.get(&ObjectKey::rows(task.id), Some(plan.bytes)).await?;
        let Some(line) = line_of(&lines, row).map_err(Refusal::trouble)? else { return Ok(None) };
        let stored = self.ledger.batches(task.id, &[number]).await?.pop();
        let message = BatchMessage { task: task.id, batch: number, plan: *plan };
        let batch = stored.unwrap_or_else(|| Batch::unclaimed(&message));
        let fate = self.fates(&batch).await?.remove(&row).unwrap_or(Fate::plain(RowState::Queued));
        Ok(Some(RowInFull { row: RowView::new(task.id, row, Some(number), fate), record: line.record }))
    }
}

/// A line of a rows object.
#[derive(Deserialize)]
struct Line {
    row: RowNumber,
    record: Option<Box<RawValue>>,
}

/// The line of this row.
fn line_of(lines: &[u8], row: RowNumber) -> Result<Option<Line>, serde_json::Error> {
    // Every line begins so: the others need not be parsed.
    let begins = format!("{{\"row\":{row},");
    let mut lines = lines.split(|byte| *byte == b'\n');
    let line = lines.find(|line| line.starts_with(begins.as_bytes()));
    let line: Option<Line> = line.map(serde_json::from_slice).transpose()?;
    Ok(line.filter(|line| line.row == row))
}
