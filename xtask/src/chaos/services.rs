//! The few calls to the local cloud's own services that no part of Filas makes: messages that come twice, and an object
//! read past the API. Only `shared/aws` names the SDK, so they are plain requests, unsigned: the emulator checks none.

use std::time::Duration;

use anyhow::{Context, Result};
use filas_domain::TaskId;
use filas_domain::keys::ObjectKey;
use filas_domain::message::BatchMessage;
use filas_domain::plan::BatchIndex;
use serde_json::json;

use crate::cloud::Cloud;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The services of one local cloud.
#[derive(Debug)]
pub struct Services {
    agent: ureq::Agent,
    endpoint: String,
    region: String,
}

impl Services {
    /// Those of this cloud.
    pub fn of(cloud: &Cloud) -> Self {
        let agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None).build().into();
        Self { agent, endpoint: cloud.endpoint().to_owned(), region: cloud.access.region.clone() }
    }

    /// The messages of a task's batches as split sends them; `None` while there is no index.
    ///
    /// # Errors
    /// When the store does not answer, or the index cannot be read.
    pub fn batch_messages(&self, bucket: &str, task: TaskId) -> Result<Option<Vec<BatchMessage>>> {
        let url = format!("{}/{bucket}/{}", self.endpoint, ObjectKey::index(task));
        let answer = self.agent.get(url).header("authorization", self.scope("s3")).call();
        let json = match answer {
            Ok(answer) => answer.into_body().read_to_vec().context("cannot read an index")?,
            Err(ureq::Error::StatusCode(404)) => return Ok(None),
            Err(error) => return Err(error).context("cannot get an index"),
        };
        let index = BatchIndex::parse(&json)?;
        Ok(Some(index.numbered().map(|(batch, plan)| BatchMessage { task, batch, plan: *plan }).collect()))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the queue does not take it.
    pub fn send(&self, queue_url: &str, body: &str) -> Result<()> {
        self.queue_call("SendMessage", &json!({ "QueueUrl": queue_url, "MessageBody": body }))
    }

    /// Makes received messages of a queue come again after so long. The template's dead-letter queues have three
    /// minutes, which is no time for somebody who kills their reader.
    ///
    /// # Errors
    /// When the queue does not take it.
    pub fn set_visibility_timeout(&self, queue_url: &str, seconds: u32) -> Result<()> {
        let attributes = json!({ "VisibilityTimeout": seconds.to_string() });
        self.queue_call("SetQueueAttributes", &json!({ "QueueUrl": queue_url, "Attributes": attributes }))
    }

    /// Has a function run, and does not wait for its end.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn invoke(&self, function: &str) -> Result<()> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.endpoint);
        let request = self.agent.post(url).header("authorization", self.scope("lambda"));
        request
            .header("x-amz-invocation-type", "Event")
            .send("{}")
            .with_context(|| format!("cannot invoke {function}"))?;
        Ok(())
    }

    fn queue_call(&self, operation: &str, input: &serde_json::Value) -> Result<()> {
        self.agent
            .post(&self.endpoint)
            .header("authorization", self.scope("sqs"))
            .header("x-amz-target", format!("AmazonSQS.{operation}"))
            .content_type("application/x-amz-json-1.0")
            .send(input.to_string())
            .with_context(|| format!("cannot call {operation} of the queue"))?;
        Ok(())
    }

    /// What tells the emulator which service is meant.
    fn scope(&self, service: &str) -> String {
        let scope = format!("test/20260101/{}/{service}/aws4_request", self.region);
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
    }
}

/// The event that S3 sends for the upload of a task.
pub fn upload_event(bucket: &str, task: TaskId) -> String {
    let object = json!({ "bucket": { "name": bucket }, "object": { "key": ObjectKey::upload(task).as_str() } });
    json!({ "Records": [{ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": object }] }).to_string()
}

#[cfg(test)]
mod tests {
    use filas_domain::clock::Timestamp;
    use filas_domain::delivery::UploadEvent;

    use super::*;

    #[test]
    fn the_event_is_one_that_split_understands() {
        let task = TaskId::new(Timestamp::from_millis(1), [1; 10]);
        assert_eq!(UploadEvent::decode(&upload_event("bucket", task)).unwrap(), UploadEvent::Arrived(vec![task]));
    }
}
