//! [`Keys`] and [`Rates`] in the table of records.
//!
//! | item | `pk` | `sk` |
//! | --- | --- | --- |
//! | key | `KEYS#{owner}` | its id |
//! | requests of a minute | `RATES#{owner}` | the minute's first second, since the Unix epoch |
//!
//! A key has `digest`, `name`, `scopes`, `created`, `expires` and, once it was, `revoked` (milliseconds); a minute has
//! `requests`. Both have `expires_at`, the time to live. In that table and not in the ledger's, because neither is anything
//! that the ledger's stream tells of.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use filas_domain::access::key::KEY_REMEMBERED;
use filas_domain::access::rate::Window;
use filas_domain::access::{ApiKey, KeyId, Scopes};
use filas_domain::clock::Timestamp;
use filas_domain::ids::Owner;
use filas_domain::ports::{Keys, PortError, Rates};

use crate::Cloud;
use crate::env::{self, EnvError};
use crate::errors::port_error;
use crate::pipeline_ports::RECORDS_TABLE;

type Item = HashMap<String, AttributeValue>;

/// Keys and counters of requests in a table.
#[derive(Debug, Clone)]
pub struct DynamoAccess {
    client: Client,
    table: String,
}

impl Cloud {
    /// The keys that owners made, and the counters of their requests, in the table that the environment names.
    ///
    /// # Errors
    /// When it names none.
    pub fn access(&self) -> Result<DynamoAccess, EnvError> {
        Ok(DynamoAccess::new(&self.dynamodb, env::required(RECORDS_TABLE)?))
    }
}

impl DynamoAccess {
    /// The keys and counters in `table`.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        Self { client: client.clone(), table: table.into() }
    }
}

impl Keys for DynamoAccess {
    async fn add(&self, key: &ApiKey) -> Result<(), PortError> {
        // Ids are made of 256 random bits: whatever is there is this very key, stored by a try without an answer.
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item(key)));
        put.send().await.map_err(|error| port_error("store a key", error))?;
        Ok(())
    }

    async fn key(&self, owner: &Owner, id: &KeyId) -> Result<Option<ApiKey>, PortError> {
        let operation = "look up a key";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(place(owner, id)));
        let answer = get.consistent_read(true).send().await.map_err(|error| port_error(operation, error))?;
        answer.item.map(|item| read(owner, &item).map_err(|what| PortError::permanent(operation, what))).transpose()
    }

    async fn keys(&self, owner: &Owner, after: Option<&KeyId>, limit: u32) -> Result<Vec<ApiKey>, PortError> {
        let operation = "list keys";
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut start = after.map(|id| place(owner, id));
        let mut keys = Vec::new();
        // One answer ends at 1 MB, whatever was asked for.
        while keys.len() < limit {
            let query = self.client.query().table_name(&self.table).key_condition_expression("pk = :pk");
            let query = query.expression_attribute_values(":pk", text(partition(owner)));
            let query = query.set_limit(i32::try_from(limit - keys.len()).ok()).consistent_read(true);
            let answer = query.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error(operation, error))?;
            for item in answer.items.iter().flatten() {
                keys.push(read(owner, item).map_err(|what| PortError::permanent(operation, what))?);
            }
            start = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
        Ok(keys)
    }

    async fn revoke(&self, owner: &Owner, id: &KeyId, now: Timestamp) -> Result<bool, PortError> {
        let update = self.client.update_item().table_name(&self.table).set_key(Some(place(owner, id)));
        let update = update
            .condition_expression("attribute_exists(pk)")
            .update_expression("SET #revoked = if_not_exists(#revoked, :now)")
            .expression_attribute_names("#revoked", "revoked")
            .expression_attribute_values(":now", number(now.as_millis()));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(port_error("revoke a key", error)),
        }
    }
}

impl Rates for DynamoAccess {
    async fn count(&self, owner: &Owner, window: Window) -> Result<u32, PortError> {
        let operation = "count a request";
        let key = [
            ("pk".to_owned(), text(format!("RATES#{owner}"))),
            ("sk".to_owned(), text(format!("{:012}", window.start_secs()))),
        ];
        let update = self.client.update_item().table_name(&self.table).set_key(Some(Item::from(key)));
        let update = update
            .update_expression("ADD #requests :one SET #expires = :expires")
            .expression_attribute_names("#requests", "requests")
            .expression_attribute_names("#expires", "expires_at")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":expires", number(window.forgotten().as_secs()))
            .return_values(ReturnValue::UpdatedNew);
        let answer = update.send().await.map_err(|error| port_error(operation, error))?;
        let counted = answer.attributes.as_ref().and_then(|item| item.get("requests")?.as_n().ok()?.parse().ok());
        counted.ok_or_else(|| PortError::permanent(operation, "the answer has no number of requests"))
    }
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Names of owners do not contain `#`.
fn partition(owner: &Owner) -> String {
    format!("KEYS#{owner}")
}

fn place(owner: &Owner, id: &KeyId) -> Item {
    Item::from([("pk".to_owned(), text(partition(owner))), ("sk".to_owned(), text(id.as_str()))])
}

fn item(key: &ApiKey) -> Item {
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let mut item = place(&key.owner, &key.id);
    item.extend([
        ("digest".to_owned(), text(&key.digest)),
        ("name".to_owned(), text(&key.name)),
        ("scopes".to_owned(), text(scopes.join(" "))),
        ("created".to_owned(), number(key.created.as_millis())),
        ("expires".to_owned(), number(key.expires.as_millis())),
        ("expires_at".to_owned(), number(key.expires.plus(KEY_REMEMBERED).as_secs())),
    ]);
    item.extend(key.revoked.map(|revoked| ("revoked".to_owned(), number(revoked.as_millis()))));
    item
}

fn read(owner: &Owner, item: &Item) -> Result<ApiKey, String> {
    let wrong = |name: &str| format!("a stored key has no usable {name}");
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).ok_or_else(|| wrong(name));
    let moment = |name: &str| {
        let millis = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
        millis.map(Timestamp::from_millis)
    };
    Ok(ApiKey {
        id: text("sk")?.parse().map_err(|_| wrong("sk"))?,
        owner: owner.clone(),
        name: text("name")?.clone(),
        digest: text("digest")?.clone(),
        scopes: Scopes::of_claim(text("scopes")?),
        created: moment("created").ok_or_else(|| wrong("created"))?,
        expires: moment("expires").ok_or_else(|| wrong("expires"))?,
        revoked: moment("revoked"),
    })
}
