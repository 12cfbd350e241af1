//! The stream of the ledger's table, as Lambda delivers it: what was written, as changes of tasks and batches.
//!
//! The shapes are those of the DynamoDB stream event and of its partial batch response in the AWS Lambda developer guide.
//! Records of one item come in the order of its writes, and each at least once.

use std::collections::HashMap;
use std::error::Error;

use aws_sdk_dynamodb::types::AttributeValue;
use filas_domain::batch::Batch;
use filas_domain::task::Task;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error as ThisError;

use crate::ledger::items::{BATCH_PREFIX, PK, SK, TASK_PREFIX, TASK_SORT_KEY, batch_of, task_of};
use crate::ledger::values::{Attributes, StoredError};

/// The event of an invocation by the table's stream.
#[derive(Debug, Clone, Deserialize)]
pub struct StreamEvent {
    /// The records, in order.
    #[serde(rename = "Records")]
    pub records: Vec<StreamRecord>,
}

/// One write.
#[derive(Debug, Clone, Deserialize)]
pub struct StreamRecord {
    dynamodb: Images,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    keys: Map<String, Value>,
    sequence_number: String,
    old_image: Option<Map<String, Value>>,
    new_image: Option<Map<String, Value>>,
}

/// What a write changed. Without an old one it is new, without a new one it was deleted.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A task: its head, its tally, or both.
    Task {
        /// As it was.
        old: Option<Box<Task>>,
        /// As it is since.
        new: Option<Box<Task>>,
    },
    /// A batch.
    Batch {
        /// As it was.
        old: Option<Box<Batch>>,
        /// As it is since.
        new: Option<Box<Batch>>,
    },
    /// Something else that lies in the table, an idempotency key for instance.
    Other,
}

/// A record that cannot be read.
#[derive(Debug, ThisError)]
pub enum StreamError {
    /// Without the keys of the table.
    #[error("the stream record {0} does not have the keys of the ledger")]
    ForeignKeys(String),
    /// Without an image of before and of after: the stream's view type is not `NEW_AND_OLD_IMAGES`.
    #[error("the stream record {0} has no image")]
    NoImage(String),
    /// An image that is not one of what Filas stores.
    #[error("the stream record {record} cannot be read")]
    Malformed {
        /// Its sequence number.
        record: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StreamRecord {
    /// What names the record to Lambda, in an answer that asks for it to come again.
    pub fn sequence_number(&self) -> &str {
        &self.dynamodb.sequence_number
    }

    /// What was changed.
    ///
    /// # Errors
    /// When the record is not one of the ledger's table. It will not get better by coming again.
    pub fn change(&self) -> Result<Change, StreamError> {
        let images = &self.dynamodb;
        let record = || images.sequence_number.clone();
        let malformed = |source: StoredError| StreamError::Malformed { record: record(), source: Box::new(source) };
        let key = |name| text(&images.keys, name).ok_or_else(|| StreamError::ForeignKeys(record()));
        let (partition, sort) = (key(PK)?, key(SK)?);
        let of_task = partition.starts_with(TASK_PREFIX);
        if !of_task || !(sort == TASK_SORT_KEY || sort.starts_with(BATCH_PREFIX)) {
            return Ok(Change::Other);
        }
        if images.old_image.is_none() && images.new_image.is_none() {
            return Err(StreamError::NoImage(record()));
        }
        let (old, new) = (images.old_image.as_ref(), images.new_image.as_ref());
        if sort == TASK_SORT_KEY {
            let read = |image| item(image).and_then(task_of).map(Box::new).map_err(malformed);
            return Ok(Change::Task { old: old.map(read).transpose()?, new: new.map(read).transpose()? });
        }
        let read = |image| item(image).and_then(batch_of).map(Box::new).map_err(malformed);
        Ok(Change::Batch { old: old.map(read).transpose()?, new: new.map(read).transpose()? })
    }
}

/// The answer that says from which record on the stream is to come again: Lambda goes back to the one with the lowest
/// sequence number. Without any, everything is dealt with.
///
/// MiniStack does not look at it; localstack/README.md says what follows from that.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StreamAnswer {
    #[serde(rename = "batchItemFailures")]
    failures: Vec<Failed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    item_identifier: String,
}

impl StreamAnswer {
    /// The stream is to come again from this record on.
    pub fn again_from(record: &StreamRecord) -> Self {
        Self { failures: vec![Failed { item_identifier: record.sequence_number().to_owned() }] }
    }

    /// Whether everything is dealt with.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty()
    }
}

/// The item of an image.
fn item(image: &Map<String, Value>) -> Result<Attributes, StoredError> {
    image.iter().map(|(name, value)| Ok((name.clone(), attribute(value)?))).collect()
}

/// The attribute value that is spelled as `{"S": "…"}`, one member that names the type. The types that Filas does not
/// write are refused, as they are when an item is read from the table.
fn attribute(spelled: &Value) -> Result<AttributeValue, StoredError> {
    let foreign = || StoredError::ForeignType;
    let members = spelled.as_object().filter(|members| members.len() == 1).ok_or_else(foreign)?;
    let (kind, value) = members.iter().next().ok_or_else(foreign)?;
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => Ok(AttributeValue::S(text.clone())),
        ("N", Value::String(digits)) => Ok(AttributeValue::N(digits.clone())),
        ("BOOL", Value::Bool(truth)) => Ok(AttributeValue::Bool(*truth)),
        ("NULL", Value::Bool(_)) => Ok(AttributeValue::Null(true)),
        ("L", Value::Array(values)) => values.iter().map(attribute).collect::<Result<_, _>>().map(AttributeValue::L),
        ("M", Value::Object(members)) => {
            let members = members.iter().map(|(name, value)| Ok((name.clone(), attribute(value)?)));
            members.collect::<Result<HashMap<_, _>, _>>().map(AttributeValue::M)
        }
        _ => Err(foreign()),
    }
}

fn text<'a>(keys: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    keys.get(name)?.get("S")?.as_str()
}

#[cfg(test)]
mod tests;
