//! [`TaskEraser`]: tasks that go.
//!
//! The note of a task that is being erased is an item of its own beside the batches. It is in the sweeper's index, and in
//! no list of an owner's: it has no attribute `owner`.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, DeleteRequest, Put, TransactWriteItem, WriteRequest};
use filas_domain::clock::Timestamp;
use filas_domain::erasure::{Erasure, TaskEraser};
use filas_domain::ids::TaskId;
use filas_domain::limits::TASK_KEPT;
use filas_domain::ports::PortError;
use filas_domain::task::Task;

use super::DynamoLedger;
use super::expressions::exists;
use super::items::{EXPIRES_AT, PK, SK, UNSETTLED, erasure_key, number, task_id_of, task_key, task_partition, text};
use super::transactions::{is_stale, meaning_of_transaction, transaction_error};
use super::values::{Attributes, StoredError};
use crate::errors::{meaning, port_error};
use crate::retry::{TRIES, back_off, retrying};

/// DynamoDB's bound on one BatchWriteItem.
const DELETES_AT_ONCE: usize = 25;

/// Keys that are read in one go, to be deleted.
const KEYS_AT_ONCE: i32 = 1000;

impl TaskEraser for DynamoLedger {
    async fn take_away(&self, task: &Task, now: Timestamp) -> Result<(), PortError> {
        let operation = format!("take task {} out of the ledger", task.id);
        let broken = |error| PortError::permanent(&operation, error);
        let condition = exists();
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(task_key(task.id)))
            .condition_expression(condition.text)
            .set_expression_attribute_names(Some(condition.names))
            .build()
            .map_err(broken)?;
        let note =
            Put::builder().table_name(&self.table).set_item(Some(erasure_item(task, now))).build().map_err(broken)?;
        let actions =
            vec![TransactWriteItem::builder().delete(delete).build(), TransactWriteItem::builder().put(note).build()];
        let request = || self.client.transact_write_items().set_transact_items(Some(actions.clone())).send();
        match retrying(request, meaning_of_transaction).await {
            Ok(_) => Ok(()),
            // The task is gone: by an earlier try, by somebody else in this moment, or by its time to live. With a note
            // it is as it should be, and without one there is nothing to note.
            Err(failed) if is_stale(&failed.error) => Ok(()),
            Err(failed) => Err(transaction_error(&operation, failed.error)),
        }
    }

    async fn erasure(&self, task: TaskId) -> Result<Option<Erasure>, PortError> {
        let operation = format!("read the erasure of task {task} from the ledger");
        let request = || {
            let get = self.client.get_item().table_name(&self.table).consistent_read(true);
            get.set_key(Some(erasure_key(task))).send()
        };
        let item = self.read(&operation, request).await?.item;
        item.map(|item| erasure_of(&item)).transpose().map_err(|error| PortError::permanent(operation, error))
    }

    async fn erase_batches(&self, task: TaskId) -> Result<(), PortError> {
        let operation = format!("delete the batches of task {task} from the ledger");
        loop {
            let keys = self.batch_keys(&operation, task).await?;
            if keys.is_empty() {
                return Ok(());
            }
            for some in keys.chunks(DELETES_AT_ONCE) {
                self.delete_all(&operation, some).await?;
            }
        }
    }

    async fn mark_erased(&self, task: TaskId) -> Result<(), PortError> {
        let operation = format!("mark task {task} as erased in the ledger");
        let condition = exists();
        let request = || {
            let update = self.client.update_item().table_name(&self.table).set_key(Some(erasure_key(task)));
            let update = update.update_expression("SET #done = :yes").condition_expression(&condition.text);
            let update = update.set_expression_attribute_names(Some(condition.names.clone()));
            let update = update.expression_attribute_names("#done", IS_DONE);
            update.expression_attribute_values(":yes", AttributeValue::Bool(true)).send()
        };
        match retrying(request, meaning).await {
            Ok(_) => Ok(()),
            Err(failed)
                if failed
                    .error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(failed) => Err(port_error(operation, failed.error)),
        }
    }

    async fn forget_erasure(&self, task: TaskId) -> Result<(), PortError> {
        let operation = format!("forget the erasure of task {task} in the ledger");
        let request = || self.client.delete_item().table_name(&self.table).set_key(Some(erasure_key(task))).send();
        self.read(&operation, request).await.map(|_| ())
    }
}

impl DynamoLedger {
    /// The keys of some batches of the task; of none when there are none.
    async fn batch_keys(&self, operation: &str, task: TaskId) -> Result<Vec<Attributes>, PortError> {
        let request = || {
            let query = self.client.query().table_name(&self.table).consistent_read(true).limit(KEYS_AT_ONCE);
            let query = query.key_condition_expression("#pk = :pk AND begins_with(#sk, :batch)");
            let query = query.projection_expression("#pk, #sk");
            let query = query.expression_attribute_names("#pk", PK).expression_attribute_names("#sk", SK);
            let query = query.expression_attribute_values(":pk", text(task_partition(task)));
            query.expression_attribute_values(":batch", text("BATCH#")).send()
        };
        let answer = self.read(operation, request).await?;
        Ok(answer.items.unwrap_or_default())
    }

    /// Deletes these items, those again that the table did not take.
    async fn delete_all(&self, operation: &str, keys: &[Attributes]) -> Result<(), PortError> {
        let broken = |error| PortError::permanent(operation, error);
        let mut waiting = Vec::with_capacity(keys.len());
        for key in keys {
            let delete = DeleteRequest::builder().set_key(Some(key.clone())).build().map_err(broken)?;
            waiting.push(WriteRequest::builder().delete_request(delete).build());
        }
        for failures in 1..=TRIES {
            let request = || self.client.batch_write_item().request_items(&self.table, waiting.clone()).send();
            let answer = self.read(operation, request).await?;
            waiting = answer.unprocessed_items.unwrap_or_default().remove(&self.table).unwrap_or_default();
            if waiting.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(back_off(failures)).await;
        }
        Err(PortError::transient(operation, format!("{} items were refused in every try", waiting.len())))
    }
}

const IS_DONE: &str = "is_done";
const SINCE: &str = "since";
const ERASED_OWNER: &str = "erased_owner";

fn erasure_item(task: &Task, now: Timestamp) -> Attributes {
    let mut item = erasure_key(task.id);
    item.insert("task_id".into(), text(task.id.to_string()));
    item.insert(UNSETTLED.into(), text(UNSETTLED));
    item.insert(ERASED_OWNER.into(), text(task.head.order.owner.as_str()));
    item.insert(SINCE.into(), number(now.as_millis()));
    item.insert(IS_DONE.into(), AttributeValue::Bool(false));
    item.insert(EXPIRES_AT.into(), number(now.plus(TASK_KEPT).as_secs()));
    item
}

fn erasure_of(item: &Attributes) -> Result<Erasure, StoredError> {
    let unusable = |name: &str| StoredError::Attribute(name.to_owned());
    let owner = item.get(ERASED_OWNER).and_then(|value| value.as_s().ok()?.parse().ok());
    let since = item.get(SINCE).and_then(|value| value.as_n().ok()?.parse().ok());
    let is_done = item.get(IS_DONE).and_then(|value| value.as_bool().ok().copied());
    Ok(Erasure {
        task: task_id_of(item)?,
        owner: owner.ok_or_else(|| unusable(ERASED_OWNER))?,
        since: Timestamp::from_millis(since.ok_or_else(|| unusable(SINCE))?),
        is_done: is_done.ok_or_else(|| unusable(IS_DONE))?,
    })
}
