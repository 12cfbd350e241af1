//! [`BatchLedger`]: batches and what they add to their task.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{ConditionCheck, KeysAndAttributes, Put, TransactWriteItem, Update};
use filas_domain::batch::{Batch, BatchChange, Contribution, difference};
use filas_domain::ids::{BatchNumber, TaskId};
use filas_domain::ports::{BatchLedger, CHANGES_AT_ONCE, PortError, TaskLedger as _, WriteError};
use filas_domain::task::{Head, Task};

use super::DynamoLedger;
use super::expressions::{add, becomes, exists, has_version, is_unchanged};
use super::items::{batch_item, batch_key, batch_of, task_key};
use super::transactions::{is_stale, meaning_of_transaction, transaction_error};
use super::values::Attributes;
use crate::errors::{meaning, port_error};
use crate::retry::{Failed, TRIES, back_off, retrying};

/// DynamoDB's bound on one BatchGetItem.
const KEYS_AT_ONCE: usize = 100;

impl BatchLedger for DynamoLedger {
    async fn batches(&self, task: TaskId, numbers: &[BatchNumber]) -> Result<Vec<Batch>, PortError> {
        let operation = format!("read batches of task {task} from the ledger");
        let malformed = |error| PortError::permanent(&operation, error);
        // A key that comes twice is refused.
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        let mut found = Vec::with_capacity(numbers.len());
        for some in numbers.chunks(KEYS_AT_ONCE) {
            let keys = some.iter().map(|number| batch_key(task, *number)).collect();
            for item in self.items(&operation, keys).await? {
                found.push(batch_of(item).map_err(malformed)?);
            }
        }
        Ok(found)
    }

    async fn write_batches(&self, changes: &[BatchChange]) -> Result<(), WriteError> {
        let Some(task) = one_task(changes)? else {
            return Ok(());
        };
        let operation = format!("write {} batches of task {task} to the ledger", changes.len());
        let written = match (changes, difference(changes)) {
            ([change], added) if added.is_zero() => self.write_alone(&operation, change).await?,
            (_, added) => {
                let action = self.tally_action(&operation, task, &added)?;
                self.write_together(&operation, action, changes).await?
            }
        };
        match written {
            Written::Done => Ok(()),
            Written::Stale { perhaps_ours: false } => Err(WriteError::Stale),
            // An earlier try got no answer. It may have been done all the same, and then what is refused now is only its
            // repetition: the batches that are there are the ones that were to be written. Told as stale, a worker would
            // believe that it lost a lease that it holds. All are read back, for a transaction writes all or none, and
            // an `after` has the version, the worker and the moment in it: nobody else writes the same.
            Written::Stale { perhaps_ours: true } if self.are_stored(task, changes).await? => Ok(()),
            Written::Stale { perhaps_ours: true } => Err(WriteError::Stale),
        }
    }

    async fn write_task_and_batches(
        &self,
        read: &Task,
        head: &Head,
        changes: &[BatchChange],
    ) -> Result<(), WriteError> {
        if one_task(changes)?.is_none() {
            return self.write_head(read, head).await;
        }
        let operation = format!("write task {} and {} of its batches to the ledger", read.id, changes.len());
        let action = self.head_and_tally_action(&operation, read, head, &difference(changes))?;
        match self.write_together(&operation, action, changes).await? {
            Written::Done => Ok(()),
            // As above; a transaction writes all or none, so the head tells of all.
            Written::Stale { perhaps_ours: true } if self.has_head(read, head).await? => Ok(()),
            Written::Stale { .. } => Err(WriteError::Stale),
        }
    }
}

/// What became of a conditional write.
enum Written {
    Done,
    Stale {
        /// An earlier try ended without an answer.
        perhaps_ours: bool,
    },
}

impl DynamoLedger {
    /// One change that the tally does not see, a claim for instance: a plain write. A transaction would cost twice as
    /// much and collide with every other worker of the task. So it is not checked here that the task is still there; its
    /// end, which counts, is.
    async fn write_alone(&self, operation: &str, change: &BatchChange) -> Result<Written, PortError> {
        let item = batch_item(&change.after).map_err(|error| PortError::permanent(operation, error))?;
        let condition = is_unchanged(&change.before);
        let request = || {
            self.client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item.clone()))
                .condition_expression(&condition.text)
                .set_expression_attribute_names(Some(condition.names.clone()))
                .set_expression_attribute_values(condition.values.clone())
                .send()
        };
        match retrying(request, meaning).await {
            Ok(_) => Ok(Written::Done),
            Err(Failed { error, perhaps_done_before }) => {
                match error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) {
                    true => Ok(Written::Stale { perhaps_ours: perhaps_done_before }),
                    false => Err(port_error(operation, error)),
                }
            }
        }
    }

    /// Several changes, or one that counts: all of them and what they do to their task in one transaction.
    async fn write_together(
        &self,
        operation: &str,
        of_task: TransactWriteItem,
        changes: &[BatchChange],
    ) -> Result<Written, PortError> {
        let mut actions = vec![of_task];
        for change in changes {
            actions.push(self.batch_action(operation, change)?);
        }
        // Each try has a token of its own, which the SDK makes. The conditions are what makes a repetition harmless: not
        // every local cloud knows tokens.
        let request = || self.client.transact_write_items().set_transact_items(Some(actions.clone())).send();
        match retrying(request, meaning_of_transaction).await {
            Ok(_) => Ok(Written::Done),
            Err(failed) if is_stale(&failed.error) => Ok(Written::Stale { perhaps_ours: failed.perhaps_done_before }),
            Err(failed) => Err(transaction_error(operation, failed.error)),
        }
    }

    fn tally_action(
        &self,
        operation: &str,
        task: TaskId,
        added: &Contribution,
    ) -> Result<TransactWriteItem, PortError> {
        let condition = exists();
        let broken = |error| PortError::permanent(operation, error);
        let action = TransactWriteItem::builder();
        if added.is_zero() {
            let check = ConditionCheck::builder().table_name(&self.table).set_key(Some(task_key(task)));
            let check = check
                .condition_expression(condition.text)
                .set_expression_attribute_names(Some(condition.names))
                .build()
                .map_err(broken)?;
            return Ok(action.condition_check(check).build());
        }
        let add = add(added);
        let names = add.names.into_iter().chain(condition.names).collect();
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(task_key(task)))
            .update_expression(add.text)
            .condition_expression(condition.text)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(add.values)
            .build()
            .map_err(broken)?;
        Ok(action.update(update).build())
    }

    /// The head over the one that was read, and the difference added to the tally: one item, so one action.
    fn head_and_tally_action(
        &self,
        operation: &str,
        read: &Task,
        head: &Head,
        added: &Contribution,
    ) -> Result<TransactWriteItem, PortError> {
        let mut write = becomes(read, head).map_err(|error| PortError::permanent(operation, error))?;
        if !added.is_zero() {
            let add = add(added);
            write.text = format!("{} {}", write.text, add.text);
            write.names.extend(add.names);
            write.values.get_or_insert_default().extend(add.values.unwrap_or_default());
        }
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(task_key(read.id)))
            .update_expression(write.text)
            .condition_expression(has_version(read.version).text)
            .set_expression_attribute_names(Some(write.names))
            .set_expression_attribute_values(write.values)
            .build()
            .map_err(|error| PortError::permanent(operation, error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn batch_action(&self, operation: &str, change: &BatchChange) -> Result<TransactWriteItem, PortError> {
        let condition = is_unchanged(&change.before);
        let item = batch_item(&change.after).map_err(|error| PortError::permanent(operation, error))?;
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

    /// Whether every change is what is stored.
    async fn are_stored(&self, task: TaskId, changes: &[BatchChange]) -> Result<bool, PortError> {
        let numbers: Vec<_> = changes.iter().map(|change| change.after.number).collect();
        let stored = self.batches(task, &numbers).await?;
        Ok(changes.iter().all(|change| stored.contains(&change.after)))
    }

    /// The items with these keys, of at most [`KEYS_AT_ONCE`]. DynamoDB may leave some unread and says which.
    async fn items(&self, operation: &str, keys: Vec<Attributes>) -> Result<Vec<Attributes>, PortError> {
        let mut items = Vec::with_capacity(keys.len());
        let mut wanted = keys;
        for failures in 1..=TRIES {
            let broken = |error| PortError::permanent(operation, error);
            let keys = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
            let tables = HashMap::from([(self.table.clone(), keys.map_err(broken)?)]);
            let request = || self.client.batch_get_item().set_request_items(Some(tables.clone())).send();
            let answer = self.read(operation, request).await?;
            items.extend(answer.responses.into_iter().flat_map(HashMap::into_values).flatten());
            let unread = answer.unprocessed_keys.into_iter().flat_map(HashMap::into_values);
            wanted = unread.flat_map(|keys| keys.keys).collect();
            if wanted.is_empty() {
                return Ok(items);
            }
            tokio::time::sleep(back_off(failures)).await;
        }
        Err(PortError::transient(operation, format!("{} items were left unread time and again", wanted.len())))
    }
}

/// The task that all changes are of, or `None` when there is no change.
fn one_task(changes: &[BatchChange]) -> Result<Option<TaskId>, PortError> {
    let refused = |why: String| PortError::permanent("write batches to the ledger", why);
    let Some(first) = changes.first() else {
        return Ok(None);
    };
    if changes.len() > CHANGES_AT_ONCE {
        return Err(refused(format!("{} changes at once, at most {CHANGES_AT_ONCE} are possible", changes.len())));
    }
    let task = first.after.task;
    if changes.iter().any(|change| change.after.task != task || change.before.task != task) {
        return Err(refused("the changes are of more than one task".into()));
    }
    Ok(Some(task))
}
