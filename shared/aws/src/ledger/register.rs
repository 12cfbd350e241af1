//! [`TaskRegister`]: new tasks, and the idempotency keys that made them.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use filas_domain::clock::Timestamp;
use filas_domain::ids::{Owner, TaskId};
use filas_domain::ports::{IdempotencyKey, PortError, Registered, TaskLedger, TaskRegister};
use filas_domain::task::Task;

use super::DynamoLedger;
use super::expressions::{Expression, is_absent, is_absent_or_expired};
use super::items::{idempotency_item, idempotency_key, remembered, task_item};
use super::transactions::{is_stale, meaning_of_transaction, transaction_error};
use super::values::Attributes;
use crate::retry::retrying;

impl TaskRegister for DynamoLedger {
    async fn register(&self, task: &Task, key: Option<&IdempotencyKey>) -> Result<Registered, PortError> {
        let operation = format!("register task {} in the ledger", task.id);
        let item = task_item(task).map_err(|error| PortError::permanent(&operation, error))?;
        let mut actions = vec![self.put_if(&operation, item, is_absent())?];
        if let Some(key) = key {
            let item = idempotency_item(&task.head.order.owner, task.id, key);
            actions.push(self.put_if(&operation, item, is_absent_or_expired(task.head.created))?);
        }
        let request = || self.client.transact_write_items().set_transact_items(Some(actions.clone())).send();
        match retrying(request, meaning_of_transaction).await {
            Ok(_) => Ok(Registered::New),
            Err(failed) if is_stale(&failed.error) => self.registered_before(&operation, task, key).await,
            Err(failed) => Err(transaction_error(&operation, failed.error)),
        }
    }

    async fn remembers(&self, owner: &Owner, key: &str, now: Timestamp) -> Result<bool, PortError> {
        Ok(self.remembered_task("look for an idempotency key in the ledger", owner, key, now).await?.is_some())
    }
}

impl DynamoLedger {
    fn put_if(&self, operation: &str, item: Attributes, condition: Expression) -> Result<TransactWriteItem, PortError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition.text)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values(condition.values)
            .build()
            .map_err(|error| PortError::permanent(operation, error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// What stands in the way of a registration. It may be this very registration, when an earlier try of it was done
    /// without an answer: ids are not used twice, so whatever has this task's id is of this task.
    async fn registered_before(
        &self,
        operation: &str,
        task: &Task,
        key: Option<&IdempotencyKey>,
    ) -> Result<Registered, PortError> {
        if let Some(key) = key {
            let found = self.remembered_task(operation, &task.head.order.owner, &key.key, task.head.created).await?;
            match found {
                Some((before, _)) if before == task.id => return Ok(Registered::New),
                Some((before, fingerprint)) => return Ok(Registered::Before { task: before, fingerprint }),
                None => {}
            }
        }
        match self.task(task.id).await? {
            Some(stored) if key.is_none() && is_same(&stored, task) => Ok(Registered::New),
            Some(_) => Err(PortError::permanent(operation, "there is another task with this id")),
            None => Err(PortError::transient(operation, "the idempotency key was forgotten in this moment")),
        }
    }

    /// The task that the key made before `now`, and the fingerprint of that request.
    async fn remembered_task(
        &self,
        operation: &str,
        owner: &Owner,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<(TaskId, String)>, PortError> {
        let request = || {
            let get = self.client.get_item().table_name(&self.table).consistent_read(true);
            get.set_key(Some(idempotency_key(owner, key))).send()
        };
        let Some(item) = self.read(operation, request).await?.item else {
            return Ok(None);
        };
        let found = remembered(&item).map_err(|error| PortError::permanent(operation, error))?;
        // DynamoDB deletes what has expired within days, not at once.
        Ok((found.expires > now).then_some((found.task, found.fingerprint)))
    }
}

/// Whether `stored` began as `task`; it may have gone on since.
fn is_same(stored: &Task, task: &Task) -> bool {
    stored.head.order == task.head.order && stored.head.created == task.head.created
}
