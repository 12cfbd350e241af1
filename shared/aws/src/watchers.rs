//! [`Watchers`] in the records table, which has no stream: who watches is nothing that anybody should be told.
//!
//! | item | `pk` | `sk` |
//! | --- | --- | --- |
//! | ticket | `TICKET#{digest}` | `TICKET` |
//! | connection | `CONNECTION#{id}` | `CONNECTION` |
//! | what it watches, to be forgotten with it | `CONNECTION#{id}` | `WATCHES#{watched}` |
//! | who watches | `WATCHED#{watched}` | the connection's id |
//! | the right to tell of a task | `PUSHED#{task}` | `PUSHED` |
//!
//! `{watched}` is `TASK#{id}` or `ALL#{owner}`. `expires_at` is the time to live.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use filas_domain::clock::Timestamp;
use filas_domain::ids::{Owner, TaskId};
use filas_domain::live::{ConnectionId, PUSH_INTERVAL, PushSlot, Watched, Watchers};
use filas_domain::ports::PortError;

use crate::errors::port_error;

type Item = HashMap<String, AttributeValue>;

/// How long it is remembered when a task was told of.
const PUSH_REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// Who watches what, in a table.
#[derive(Debug, Clone)]
pub struct DynamoWatchers {
    client: Client,
    table: String,
}

impl DynamoWatchers {
    /// Those in `table`.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        Self { client: client.clone(), table: table.into() }
    }

    async fn put(&self, operation: &str, item: Item) -> Result<(), PortError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(drop).map_err(|error| port_error(operation, error))
    }

    async fn delete(&self, operation: &str, key: Item) -> Result<Option<Item>, PortError> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key));
        let answer = delete.return_values(ReturnValue::AllOld).send().await;
        answer.map(|answer| answer.attributes).map_err(|error| port_error(operation, error))
    }

    /// The sort keys of a partition.
    async fn sort_keys(&self, operation: &str, partition: String) -> Result<Vec<String>, PortError> {
        let (mut found, mut start) = (Vec::new(), None);
        loop {
            let query = self.client.query().table_name(&self.table).consistent_read(true);
            let query = query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(&partition));
            let answer = query.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error(operation, error))?;
            let keys = answer.items.unwrap_or_default().into_iter();
            found.extend(keys.filter_map(|mut item| match item.remove("sk") {
                Some(AttributeValue::S(key)) => Some(key),
                _ => None,
            }));
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}

impl Watchers for DynamoWatchers {
    async fn keep_ticket(&self, digest: &str, owner: &Owner, expires: Timestamp) -> Result<(), PortError> {
        self.put("keep a ticket", owned(ticket_key(digest), owner, expires)).await
    }

    async fn use_ticket(&self, digest: &str, now: Timestamp) -> Result<Option<Owner>, PortError> {
        let operation = "use a ticket";
        let Some(item) = self.delete(operation, ticket_key(digest)).await? else { return Ok(None) };
        // The time to live is kept within days.
        let fresh = item.get("expires").and_then(|value| value.as_n().ok()?.parse::<u64>().ok());
        let is_fresh = fresh.is_some_and(|expires| now.as_millis() < expires);
        Ok(if is_fresh { Some(owner_in(&item, operation)?) } else { None })
    }

    async fn connect(&self, connection: &ConnectionId, owner: &Owner, expires: Timestamp) -> Result<(), PortError> {
        self.put("remember a connection", owned(connection_key(connection), owner, expires)).await
    }

    async fn owner_of(&self, connection: &ConnectionId) -> Result<Option<Owner>, PortError> {
        let operation = "look up a connection";
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.set_key(Some(connection_key(connection))).send().await;
        let item = answer.map_err(|error| port_error(operation, error))?.item;
        item.map(|item| owner_in(&item, operation)).transpose()
    }

    async fn watch(&self, connection: &ConnectionId, watched: &Watched, expires: Timestamp) -> Result<(), PortError> {
        let operation = "watch";
        // First what the cleaning up goes by.
        let watches = key(connection_partition(connection), format!("WATCHES#{}", name(watched)));
        self.put(operation, with_end(watches, expires)).await?;
        self.put(operation, with_end(key(watched_partition(watched), connection.as_str()), expires)).await
    }

    async fn watchers(&self, watched: &Watched) -> Result<Vec<ConnectionId>, PortError> {
        let keys = self.sort_keys("list who watches", watched_partition(watched)).await?;
        Ok(keys.into_iter().filter_map(|key| key.parse().ok()).collect())
    }

    async fn disconnect(&self, connection: &ConnectionId) -> Result<(), PortError> {
        let operation = "forget a connection";
        let keys = self.sort_keys(operation, connection_partition(connection)).await?;
        let watched = keys.iter().filter_map(|key| key.strip_prefix("WATCHES#"));
        for watched in watched {
            self.delete(operation, key(format!("WATCHED#{watched}"), connection.as_str())).await?;
        }
        // Then what led there.
        for sort in &keys {
            self.delete(operation, key(connection_partition(connection), sort)).await?;
        }
        Ok(())
    }

    async fn claim_push(&self, task: TaskId, now: Timestamp) -> Result<PushSlot, PortError> {
        let free = now.as_millis().saturating_sub(millis(PUSH_INTERVAL));
        let update = self.client.update_item().table_name(&self.table);
        let update = update.set_key(Some(key(format!("PUSHED#{task}"), "PUSHED")));
        let claimed = update
            .update_expression("SET pushed = :now, expires_at = :end ADD claims :one")
            .condition_expression("attribute_not_exists(pk) OR pushed <= :free")
            .expression_attribute_values(":now", number(now.as_millis()))
            .expression_attribute_values(":end", number(now.plus(PUSH_REMEMBERED).as_secs()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":free", number(free))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match claimed {
            Ok(_) => Ok(PushSlot::Ours),
            Err(error) => match taken(&error) {
                Some((claims, pushed)) => {
                    // At most an interval, even if the other's clock is far ahead.
                    let until = (pushed + millis(PUSH_INTERVAL)).saturating_sub(now.as_millis());
                    let wait = Duration::from_millis(until.clamp(1, millis(PUSH_INTERVAL)));
                    Ok(PushSlot::Taken { claims, wait })
                }
                None => Err(port_error("claim the right to tell of a task", error)),
            },
        }
    }
}

/// What is there instead, where the condition failed.
fn taken<R>(error: &SdkError<UpdateItemError, R>) -> Option<(u64, u64)> {
    let UpdateItemError::ConditionalCheckFailedException(failed) = error.as_service_error()? else { return None };
    let stored = |name: &str| failed.item()?.get(name)?.as_n().ok()?.parse::<u64>().ok();
    Some((stored("claims").unwrap_or_default(), stored("pushed").unwrap_or_default()))
}

fn owner_in(item: &Item, operation: &str) -> Result<Owner, PortError> {
    let owner = item.get("owner").and_then(|value| value.as_s().ok()?.parse().ok());
    owner.ok_or_else(|| PortError::permanent(operation, "the stored item has no usable owner"))
}

fn owned(key: Item, owner: &Owner, expires: Timestamp) -> Item {
    let mut item = with_end(key, expires);
    item.insert("owner".to_owned(), text(owner.as_str()));
    item
}

fn with_end(mut item: Item, expires: Timestamp) -> Item {
    item.insert("expires".to_owned(), number(expires.as_millis()));
    item.insert("expires_at".to_owned(), number(expires.as_secs()));
    item
}

fn ticket_key(digest: &str) -> Item {
    key(format!("TICKET#{digest}"), "TICKET")
}

fn connection_key(connection: &ConnectionId) -> Item {
    key(connection_partition(connection), "CONNECTION")
}

fn connection_partition(connection: &ConnectionId) -> String {
    format!("CONNECTION#{connection}")
}

fn watched_partition(watched: &Watched) -> String {
    format!("WATCHED#{}", name(watched))
}

fn name(watched: &Watched) -> String {
    match watched {
        Watched::Task(id) => format!("TASK#{id}"),
        Watched::All(owner) => format!("ALL#{owner}"),
    }
}

fn key(partition: impl Into<String>, sort: impl Into<String>) -> Item {
    let partition = AttributeValue::S(partition.into());
    Item::from([("pk".to_owned(), partition), ("sk".to_owned(), AttributeValue::S(sort.into()))])
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
