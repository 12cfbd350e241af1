//! What the functions of a stack logged, as CloudWatch Logs has it.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xtask::build::FUNCTIONS;

use crate::Stack;
use crate::subscriber::signed;

/// Every line that the functions of the stack have logged so far: messages, metrics, and what Lambda says itself. Those of
/// the last moments may be missing.
///
/// # Errors
/// When the cloud refuses.
pub fn logged(stack: &Stack) -> Result<Vec<String>> {
    let cloud = stack.cloud()?;
    let prefix = format!("/aws/lambda/{}-", stack.name);
    let mut lines = Vec::new();
    for group in pages(&cloud, "DescribeLogGroups", &json!({ "logGroupNamePrefix": prefix }), "logGroups")? {
        // Another stack's name may begin with this one's.
        let function = group["logGroupName"].as_str().and_then(|name| name.strip_prefix(&prefix));
        if !function.is_some_and(|function| FUNCTIONS.contains(&function)) {
            continue;
        }
        let asked = json!({ "logGroupName": group["logGroupName"] });
        let events = pages(&cloud, "FilterLogEvents", &asked, "events")?;
        lines.extend(events.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned));
    }
    Ok(lines)
}

/// All items of an answer that comes in pages.
fn pages(cloud: &str, action: &str, asked: &Value, items: &str) -> Result<Vec<Value>> {
    let mut asked = asked.clone();
    let mut found = Vec::new();
    loop {
        let request = ureq::post(cloud).header("authorization", signed("logs"));
        let request = request.header("content-type", "application/x-amz-json-1.1");
        let request = request.header("x-amz-target", format!("Logs_20140328.{action}"));
        let answer = request.send(asked.to_string()).with_context(|| format!("{action} {asked}"))?;
        let mut page: Value = answer.into_body().with_config().limit(1 << 30).read_json()?;
        if let Value::Array(items) = page[items].take() {
            found.extend(items);
        }
        match page["nextToken"].take() {
            token @ Value::String(_) if token != asked["nextToken"] => asked["nextToken"] = token,
            _ => return Ok(found),
        }
    }
}
