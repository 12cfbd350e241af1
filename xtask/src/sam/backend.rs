//! What is told to the local cloud behind `sam local`, and asked of it: the mappings from queues, and the environment that
//! each function was deployed with.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::events::logical_id;
use crate::build::FUNCTIONS;
use crate::cloud::Cloud;

/// The local cloud of one run.
#[derive(Debug)]
pub struct Backend {
    endpoint: String,
    stack: String,
}

impl Backend {
    /// The cloud with its stack.
    pub fn of(cloud: &Cloud) -> Self {
        Self { endpoint: cloud.endpoint().to_owned(), stack: cloud.deployed.stack.clone() }
    }

    /// Switches every mapping from a queue or a stream to a function on or off.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub fn switch_mappings(&self, is_on: bool) -> Result<()> {
        let listed = self.get("event-source-mappings/")?;
        let mappings = listed["EventSourceMappings"].as_array().context("the cloud lists no mappings")?;
        for mapping in mappings {
            let id = mapping["UUID"].as_str().context("a mapping without an id")?;
            ureq::put(self.url(&format!("event-source-mappings/{id}")))
                .header("authorization", signed())
                .send(json!({ "Enabled": is_on }).to_string())
                .with_context(|| format!("cannot switch the mapping {id}"))?;
        }
        Ok(())
    }

    /// What `sam local --env-vars` reads: the environment of each deployed function, by its id in the template. Without it
    /// `sam local` gives functions the names that things have in the template, which nothing has in the cloud.
    ///
    /// # Errors
    /// When a function is not there.
    pub fn environments(&self) -> Result<Value> {
        let mut all = Map::new();
        for function in FUNCTIONS {
            let described = self.get(&format!("functions/{}-{function}/configuration", self.stack))?;
            let variables = described["Environment"]["Variables"].as_object().cloned().unwrap_or_default();
            all.insert(logical_id(function), Value::Object(variables));
        }
        Ok(Value::Object(all))
    }

    fn get(&self, path: &str) -> Result<Value> {
        let answer = ureq::get(self.url(path)).header("authorization", signed()).call();
        answer.and_then(|answer| answer.into_body().read_json()).with_context(|| format!("cannot get {path}"))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/2015-03-31/{path}", self.endpoint)
    }
}

/// The local cloud looks at no signature; the scope says which service is meant.
fn signed() -> &'static str {
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"
}

/// The status of a call of the API, whatever it is.
///
/// # Errors
/// When there is no answer at all.
pub fn status_of(method: &str, url: &str, key: Option<&str>) -> Result<u16> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let authorization = key.map(|key| format!("Bearer {key}"));
    let answer = if method == "POST" {
        let request = agent.post(url);
        match authorization {
            Some(value) => request.header("authorization", value).send_empty(),
            None => request.send_empty(),
        }
    } else {
        let request = agent.get(url);
        match authorization {
            Some(value) => request.header("authorization", value).call(),
            None => request.call(),
        }
    };
    Ok(answer.with_context(|| format!("no answer to {method} {url}"))?.status().as_u16())
}
