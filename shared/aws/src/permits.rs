//! [`Permits`] in a DynamoDB table: one item for each destination.
//!
//! | item | `pk` | `sk` |
//! | --- | --- | --- |
//! | bucket | `PERMITS#{owner}#{pipeline}#{place}` | `BUCKET` |
//!
//! Beside them `next_free` and `paused_until` (microseconds since 1970), and `expires_at` (the time to live, a day after
//! both: a bucket that is forgotten is as good as an empty one).

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use filas_domain::permits::{Bucket, Destination, Micros, Permits};
use filas_domain::ports::{PortError, WriteError};

use crate::errors::port_error;

const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

type Item = HashMap<String, AttributeValue>;

/// Buckets in a table.
#[derive(Debug, Clone)]
pub struct DynamoPermits {
    client: Client,
    table: String,
}

impl DynamoPermits {
    /// The buckets in `table`.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        Self { client: client.clone(), table: table.into() }
    }
}

impl Permits for DynamoPermits {
    async fn bucket(&self, of: &Destination) -> Result<Option<Bucket>, PortError> {
        let operation = "look at the permits of a destination";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(of))).consistent_read(true);
        let answer = get.send().await.map_err(|error| port_error(operation, error))?;
        answer.item.map(|item| read(&item).map_err(|what| PortError::permanent(operation, what))).transpose()
    }

    /// A try that was done without an answer makes the next one stale: the caller looks again, and takes other permits.
    async fn replace(&self, of: &Destination, before: Option<Bucket>, after: Bucket) -> Result<(), WriteError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item(of, after)));
        let put = match before {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(before) => put
                .condition_expression("next_free = :next_free AND paused_until = :paused_until")
                .expression_attribute_values(":next_free", number(before.next_free.get()))
                .expression_attribute_values(":paused_until", number(before.paused_until.get())),
        };
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_stale(&error) => Err(WriteError::Stale),
            Err(error) => Err(port_error("take permits of a destination", error).into()),
        }
    }
}

fn is_stale<R>(error: &SdkError<PutItemError, R>) -> bool {
    error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception)
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn key(of: &Destination) -> Item {
    let partition = AttributeValue::S(format!("PERMITS#{}", of.as_str()));
    Item::from([("pk".to_owned(), partition), ("sk".to_owned(), AttributeValue::S("BUCKET".to_owned()))])
}

fn item(of: &Destination, bucket: Bucket) -> Item {
    let expires = bucket.next_free.max(bucket.paused_until).plus(REMEMBERED);
    let mut item = key(of);
    item.insert("next_free".to_owned(), number(bucket.next_free.get()));
    item.insert("paused_until".to_owned(), number(bucket.paused_until.get()));
    item.insert("expires_at".to_owned(), number(expires.get() / 1_000_000));
    item
}

fn read(item: &Item) -> Result<Bucket, String> {
    let micros = |name: &str| {
        let stored = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
        stored.map(Micros::new).ok_or_else(|| format!("the stored bucket has no usable {name}"))
    };
    Ok(Bucket { next_free: micros("next_free")?, paused_until: micros("paused_until")? })
}
