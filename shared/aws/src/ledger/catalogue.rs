//! [`TaskCatalogue`]: lists for people.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::Select;
use filas_domain::batch::Batch;
use filas_domain::ids::{BatchNumber, Owner, TaskId};
use filas_domain::ports::{OpenTasks, PortError, TaskCatalogue, UnsettledTasks};
use filas_domain::task::{Task, TaskState};
use futures::future::try_join_all;

use super::DynamoLedger;
use super::items::{
    PK, SK, UNSETTLED, batch_of, batch_sort_key, owner_state, task_id_of, task_of, task_partition, text,
};
use super::values::{Attributes, StoredError};

impl TaskCatalogue for DynamoLedger {
    async fn list(
        &self,
        owner: &Owner,
        state: Option<TaskState>,
        before: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<Task>, PortError> {
        let operation = format!("list tasks of {owner} from the ledger");
        let (index, name, value) = match state {
            None => ("by_owner", "owner", owner.to_string()),
            Some(state) => ("by_state", "owner_state", owner_state(owner, state)),
        };
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index)
            .scan_index_forward(false)
            .key_condition_expression("#hash = :hash")
            .expression_attribute_names("#hash", name)
            .expression_attribute_values(":hash", text(value));
        if let Some(before) = before {
            query = query
                .key_condition_expression("#hash = :hash AND #task_id < :before")
                .expression_attribute_names("#task_id", "task_id")
                .expression_attribute_values(":before", text(before.to_string()));
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = self.pages(&operation, query, limit).await?;
        read_all(&operation, items, task_of)
    }

    async fn claimed_batches(
        &self,
        task: TaskId,
        from: BatchNumber,
        until: BatchNumber,
    ) -> Result<Vec<Batch>, PortError> {
        // BETWEEN takes both its ends, and refuses a range that ends before it begins.
        let Some(last) = until.get().checked_sub(1).filter(|last| *last >= from.get()) else {
            return Ok(Vec::new());
        };
        let operation = format!("list batches of task {task} from the ledger");
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :last")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", text(task_partition(task)))
            .expression_attribute_values(":from", text(batch_sort_key(from)))
            .expression_attribute_values(":last", text(batch_sort_key(BatchNumber::new(last))));
        let items = self.pages(&operation, query, usize::MAX).await?;
        read_all(&operation, items, batch_of)
    }
}

impl OpenTasks for DynamoLedger {
    async fn open_tasks(&self, owner: &Owner, at_most: u32) -> Result<u32, PortError> {
        let open = TaskState::ALL.into_iter().filter(|state| !state.is_final());
        let counts = try_join_all(open.map(|state| self.in_state(owner, state, at_most))).await?;
        Ok(counts.into_iter().fold(0, u32::saturating_add).min(at_most))
    }
}

impl DynamoLedger {
    /// How many of the owner's tasks are in this state, or `at_most`.
    async fn in_state(&self, owner: &Owner, state: TaskState, at_most: u32) -> Result<u32, PortError> {
        let operation = format!("count open tasks of {owner} in the ledger");
        let (mut count, mut from) = (0_u32, None::<HashMap<_, _>>);
        while count < at_most {
            let request = || {
                let query = self.client.query().table_name(&self.table).index_name("by_state").select(Select::Count);
                let query =
                    query.key_condition_expression("#hash = :hash").expression_attribute_names("#hash", "owner_state");
                let query = query.expression_attribute_values(":hash", text(owner_state(owner, state)));
                query.set_limit(i32::try_from(at_most - count).ok()).set_exclusive_start_key(from.clone()).send()
            };
            let answer = self.read(&operation, request).await?;
            count = count.saturating_add(u32::try_from(answer.count).unwrap_or(0));
            from = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                break;
            }
        }
        Ok(count)
    }
}

impl UnsettledTasks for DynamoLedger {
    async fn unsettled(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<TaskId>, PortError> {
        let operation = "list unsettled tasks from the ledger";
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(UNSETTLED)
            .key_condition_expression("#hash = :hash")
            .expression_attribute_names("#hash", UNSETTLED)
            .expression_attribute_values(":hash", text(UNSETTLED));
        if let Some(after) = after {
            query = query
                .key_condition_expression("#hash = :hash AND #task_id > :after")
                .expression_attribute_names("#task_id", "task_id")
                .expression_attribute_values(":after", text(after.to_string()));
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = self.pages(operation, query, limit).await?;
        read_all(operation, items, |item| task_id_of(&item))
    }
}

impl DynamoLedger {
    /// The first `limit` items of a query. One answer ends at 1 MB, whatever was asked for.
    async fn pages(
        &self,
        operation: &str,
        query: QueryFluentBuilder,
        limit: usize,
    ) -> Result<Vec<Attributes>, PortError> {
        let mut items = Vec::new();
        let mut from: Option<HashMap<_, _>> = None;
        while items.len() < limit {
            let left = i32::try_from(limit - items.len()).ok();
            let request = || query.clone().set_limit(left).set_exclusive_start_key(from.clone()).send();
            let answer = self.read(operation, request).await?;
            items.extend(answer.items.unwrap_or_default());
            from = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                break;
            }
        }
        Ok(items)
    }
}

fn read_all<T>(
    operation: &str,
    items: Vec<Attributes>,
    read: impl Fn(Attributes) -> Result<T, StoredError>,
) -> Result<Vec<T>, PortError> {
    let things: Result<Vec<_>, _> = items.into_iter().map(read).collect();
    things.map_err(|error| PortError::permanent(operation, error))
}
