//! [`PipelineRegister`] in the table of records.
//!
//! | item | `pk` | `sk` |
//! | --- | --- | --- |
//! | pipeline | `PIPELINES#{owner}` | the name |
//!
//! Beside them `version`, `description` where there is one, and `changed` (milliseconds). In that table and not in the
//! ledger's, because a pipeline is nothing that the ledger's stream tells of.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use filas_domain::clock::Timestamp;
use filas_domain::ids::{Owner, PipelineRef};
use filas_domain::own_pipeline::{OwnPipeline, PipelineRegister};
use filas_domain::ports::PortError;

use crate::errors::port_error;

type Item = HashMap<String, AttributeValue>;

/// The pipelines of every owner, in a table.
#[derive(Debug, Clone)]
pub struct DynamoPipelines {
    client: Client,
    table: String,
}

impl DynamoPipelines {
    /// The pipelines in `table`.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        Self { client: client.clone(), table: table.into() }
    }
}

impl PipelineRegister for DynamoPipelines {
    async fn pipeline(&self, owner: &Owner, name: &str) -> Result<Option<OwnPipeline>, PortError> {
        let operation = "look up a pipeline";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key(owner, name)));
        let answer = get.consistent_read(true).send().await.map_err(|error| port_error(operation, error))?;
        answer.item.map(|item| read(&item).map_err(|what| PortError::permanent(operation, what))).transpose()
    }

    async fn pipelines(&self, owner: &Owner, after: Option<&str>, limit: u32) -> Result<Vec<OwnPipeline>, PortError> {
        let operation = "list pipelines";
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut start = after.map(|name| key(owner, name));
        let mut pipelines = Vec::new();
        // One answer ends at 1 MB, whatever was asked for.
        while pipelines.len() < limit {
            let query = self.client.query().table_name(&self.table).key_condition_expression("pk = :pk");
            let query = query.expression_attribute_values(":pk", text(partition(owner)));
            let query = query.set_limit(i32::try_from(limit - pipelines.len()).ok()).consistent_read(true);
            let answer = query.set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(|error| port_error(operation, error))?;
            for item in answer.items.iter().flatten() {
                pipelines.push(read(item).map_err(|what| PortError::permanent(operation, what))?);
            }
            start = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
        Ok(pipelines)
    }

    async fn set_pipeline(&self, owner: &Owner, pipeline: &OwnPipeline) -> Result<(), PortError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item(owner, pipeline)));
        put.send().await.map_err(|error| port_error("change a pipeline", error))?;
        Ok(())
    }
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn partition(owner: &Owner) -> String {
    format!("PIPELINES#{owner}")
}

fn key(owner: &Owner, name: &str) -> Item {
    Item::from([("pk".to_owned(), text(partition(owner))), ("sk".to_owned(), text(name))])
}

fn item(owner: &Owner, own: &OwnPipeline) -> Item {
    let mut item = key(owner, &own.pipeline.name);
    item.insert("version".to_owned(), text(&own.pipeline.version));
    item.insert("changed".to_owned(), AttributeValue::N(own.changed.as_millis().to_string()));
    item.extend(own.description.iter().map(|words| ("description".to_owned(), text(words))));
    item
}

fn read(item: &Item) -> Result<OwnPipeline, String> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let needed = |name: &str| text(name).ok_or_else(|| format!("a stored pipeline has no usable {name}"));
    let changed = item.get("changed").and_then(|value| value.as_n().ok()?.parse().ok());
    Ok(OwnPipeline {
        pipeline: PipelineRef { name: needed("sk")?, version: needed("version")? },
        description: text("description"),
        changed: Timestamp::from_millis(changed.ok_or("a stored pipeline has no usable changed")?),
    })
}
