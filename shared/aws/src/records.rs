//! [`Records`] in a DynamoDB table.
//!
//! | item | `pk` | `sk` |
//! | --- | --- | --- |
//! | record | `RECORDS#{owner}#{pipeline}` | the key |
//!
//! Beside them `source` (the receipt of the row), `stored` (milliseconds) and `json`. One owner's records of one pipeline are
//! one partition, so that they can be listed by key. DynamoDB takes about 1000 of them a second in the beginning and splits
//! the partition by its keys when that is not enough; until then writes are throttled, and tried again.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use filas_domain::clock::Timestamp;
use filas_domain::ids::Owner;
use filas_domain::ports::PortError;
use filas_domain::record::{Record, RecordId, Records, Stored};

use crate::errors::port_error;

type Item = HashMap<String, AttributeValue>;

/// Records in a table.
#[derive(Debug, Clone)]
pub struct DynamoRecords {
    client: Client,
    table: String,
}

impl DynamoRecords {
    /// The records in `table`.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        Self { client: client.clone(), table: table.into() }
    }
}

impl Records for DynamoRecords {
    async fn keep(&self, record: &Record) -> Result<Stored, PortError> {
        let operation = "store a record";
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item(record)));
        match put.condition_expression("attribute_not_exists(pk)").send().await {
            Ok(_) => return Ok(Stored::Kept),
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(port_error(operation, error)),
        }
        // By whom? By this very row, when it comes again, or when an earlier try was stored without an answer.
        match self.record(&record.id).await? {
            Some(before) if before.source == record.source => Ok(Stored::Kept),
            Some(before) => Ok(Stored::TakenBy(before.source)),
            None => Err(PortError::transient(operation, "the record in its place was deleted in this moment")),
        }
    }

    async fn record(&self, id: &RecordId) -> Result<Option<Record>, PortError> {
        let operation = "read a record";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(id))).consistent_read(true);
        let answer = get.send().await.map_err(|error| port_error(operation, error))?;
        answer
            .item
            .map(|item| read(&id.owner, &id.pipeline, &item).map_err(|what| PortError::permanent(operation, what)))
            .transpose()
    }

    async fn list(
        &self,
        owner: &Owner,
        pipeline: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, PortError> {
        let operation = "list records";
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let from = |key: &str| {
            let key = key.to_owned();
            self::key(&RecordId { owner: owner.clone(), pipeline: pipeline.to_owned(), key })
        };
        let mut start = after.map(from);
        let mut records = Vec::new();
        // One answer ends at 1 MB, whatever was asked for.
        while records.len() < limit {
            let query = self.client.query().table_name(&self.table).key_condition_expression("pk = :pk");
            let query = query.expression_attribute_values(":pk", text(partition(owner, pipeline)));
            let query = query.set_limit(i32::try_from(limit - records.len()).ok()).consistent_read(true);
            let answer = query.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error(operation, error))?;
            for item in answer.items.iter().flatten() {
                records.push(read(owner, pipeline, item).map_err(|what| PortError::permanent(operation, what))?);
            }
            start = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
        Ok(records)
    }
}

fn is_taken<R>(error: &SdkError<PutItemError, R>) -> bool {
    error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception)
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// Neither names of owners nor those of pipelines contain `#`.
fn partition(owner: &Owner, pipeline: &str) -> String {
    format!("RECORDS#{owner}#{pipeline}")
}

fn key(id: &RecordId) -> Item {
    let partition = text(partition(&id.owner, &id.pipeline));
    Item::from([("pk".to_owned(), partition), ("sk".to_owned(), text(&id.key))])
}

fn item(record: &Record) -> Item {
    let mut item = key(&record.id);
    item.insert("source".to_owned(), text(record.source.to_string()));
    item.insert("stored".to_owned(), AttributeValue::N(record.stored.as_millis().to_string()));
    item.insert("json".to_owned(), text(&record.json));
    item
}

fn read(owner: &Owner, pipeline: &str, item: &Item) -> Result<Record, String> {
    let wrong = |name: &str| format!("the stored record has no usable {name}");
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).ok_or_else(|| wrong(name));
    let stored = item.get("stored").and_then(|value| value.as_n().ok()?.parse().ok());
    Ok(Record {
        id: RecordId { owner: owner.clone(), pipeline: pipeline.to_owned(), key: text("sk")?.clone() },
        source: text("source")?.parse().map_err(|_| wrong("source"))?,
        stored: Timestamp::from_millis(stored.ok_or_else(|| wrong("stored"))?),
        json: text("json")?.clone(),
    })
}
