//! [`TaskLedger`]: tasks, one at a time.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use filas_domain::ids::TaskId;
use filas_domain::ports::{Clock as _, PortError, TaskLedger, WriteError};
use filas_domain::task::{Head, Task};

use super::DynamoLedger;
use super::expressions::{becomes, has_version};
use super::items::{is_over, task_key, task_of};
use crate::errors::{meaning, port_error};
use crate::retry::retrying;
use crate::system::SystemClock;

impl TaskLedger for DynamoLedger {
    async fn task(&self, id: TaskId) -> Result<Option<Task>, PortError> {
        let operation = format!("read task {id} from the ledger");
        let request = || {
            let get = self.client.get_item().table_name(&self.table);
            get.set_key(Some(task_key(id))).consistent_read(true).send()
        };
        let answer = self.read(&operation, request).await?;
        let now = SystemClock.now();
        let item = answer.item.filter(|item| !is_over(item, now));
        item.map(task_of).transpose().map_err(|error| PortError::permanent(operation, error))
    }

    async fn write_head(&self, read: &Task, head: &Head) -> Result<(), WriteError> {
        let operation = format!("write the head of task {} to the ledger", read.id);
        let write = becomes(read, head).map_err(|error| PortError::permanent(&operation, error))?;
        let condition = has_version(read.version);
        let request = || {
            self.client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(task_key(read.id)))
                .update_expression(&write.text)
                .condition_expression(&condition.text)
                .set_expression_attribute_names(Some(write.names.clone()))
                .set_expression_attribute_values(write.values.clone())
                .send()
        };
        let Err(failed) = retrying(request, meaning).await else {
            return Ok(());
        };
        if !is_stale(&failed.error) {
            return Err(port_error(operation, failed.error).into());
        }
        // An earlier try got no answer: the head that is there now may be the one of that try.
        if failed.perhaps_done_before && self.has_head(read, head).await? { Ok(()) } else { Err(WriteError::Stale) }
    }
}

impl DynamoLedger {
    /// Whether the stored task is `read` after `head` was written.
    pub(super) async fn has_head(&self, read: &Task, head: &Head) -> Result<bool, PortError> {
        let stored = self.task(read.id).await?;
        Ok(stored.is_some_and(|stored| stored.version == read.version + 1 && stored.head == *head))
    }
}

fn is_stale<R>(error: &SdkError<UpdateItemError, R>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}
