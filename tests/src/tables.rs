//! The tables of a stack as their store has them, beside everything that is ours.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Stack;
use crate::subscriber::signed;

/// The store behind a stack.
pub struct Tables {
    cloud: String,
    stack: String,
}

impl Tables {
    /// The store of this stack.
    ///
    /// # Errors
    /// When nothing says where it is.
    pub fn new(stack: &Stack) -> Result<Self> {
        Ok(Self { cloud: stack.cloud()?, stack: stack.name.clone() })
    }

    /// One call of DynamoDB.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub fn call(&self, action: &str, body: &Value) -> Result<Value> {
        let request = ureq::post(&self.cloud).header("authorization", signed("dynamodb"));
        let request = request.header("content-type", "application/x-amz-json-1.0");
        let request = request.header("x-amz-target", format!("DynamoDB_20120810.{action}"));
        let answer = request.send(body.to_string()).with_context(|| format!("{action} {body}"))?;
        Ok(answer.into_body().read_json()?)
    }

    /// The name of the table with this logical id.
    ///
    /// # Errors
    /// When there is none.
    pub fn name(&self, logical_id: &str) -> Result<String> {
        let tables = self.call("ListTables", &json!({}))?;
        let prefix = format!("{}-{logical_id}-", self.stack);
        let mut names = tables["TableNames"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let name = names.find(|name| name.starts_with(&prefix));
        name.map(str::to_owned).with_context(|| format!("no {prefix}… in {tables}"))
    }

    /// The items of one partition.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub fn partition(&self, table: &str, pk: &str) -> Result<Vec<Value>> {
        let query = json!({
            "TableName": table, "ConsistentRead": true, "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": pk } },
        });
        Ok(self.call("Query", &query)?["Items"].as_array().cloned().unwrap_or_default())
    }
}
