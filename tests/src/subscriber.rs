//! A queue that is subscribed to a stack's topic, made by hand as another team would, and the events that come to it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use filas_domain::TaskId;
use filas_domain::event::Event;
use serde_json::{Value, json};

use crate::Stack;
use crate::tables::Tables;

/// How long events may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A subscribed queue. It is deleted with the cloud.
pub struct Subscriber {
    cloud: String,
    url: String,
}

/// One call of the cloud, whose local stand-in does not look at the signature.
pub(crate) fn signed(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

fn sqs(cloud: &str, action: &str, body: &Value) -> Result<Value> {
    let request = ureq::post(cloud).header("authorization", signed("sqs"));
    let request = request.header("content-type", "application/x-amz-json-1.0");
    let answer = request.header("x-amz-target", format!("AmazonSQS.{action}")).send(body.to_string())?;
    let text = answer.into_body().read_to_string()?;
    Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
}

/// The connections that watch everything of an owner, as the stack remembers them.
///
/// # Errors
/// When the cloud refuses.
pub fn watchers_of(stack: &Stack, owner: &str) -> Result<Vec<String>> {
    let tables = Tables::new(stack)?;
    let found = tables.partition(&tables.name("RecordsTable")?, &format!("WATCHED#ALL#{owner}"))?;
    let keys = found.iter().filter_map(|item| item["sk"]["S"].as_str());
    Ok(keys.map(str::to_owned).collect())
}

/// Keeps a secret of an owner where the stack looks for it.
///
/// # Errors
/// When the cloud refuses.
pub fn put_secret(stack: &Stack, owner: &str, name: &str, text: &str) -> Result<()> {
    let request = ureq::post(stack.cloud()?).header("authorization", signed("ssm"));
    let request = request.header("content-type", "application/x-amz-json-1.1");
    let name = format!("/{}/secrets/{owner}/{name}", stack.name);
    let body = json!({ "Name": name, "Value": text, "Type": "SecureString", "Overwrite": true });
    request.header("x-amz-target", "AmazonSSM.PutParameter").send(body.to_string())?;
    Ok(())
}

impl Subscriber {
    /// Subscribes a new queue `name` with raw delivery, and a filter policy on the message attributes if one is given.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub fn new(stack: &Stack, name: &str, filter: Option<&Value>) -> Result<Self> {
        let cloud = stack.cloud()?;
        let name = format!("{name}-{}", std::process::id());
        let created = sqs(&cloud, "CreateQueue", &json!({ "QueueName": name }))?;
        let url = created["QueueUrl"].as_str().context("no address of the queue")?.to_owned();
        let wanted = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        let attributes = sqs(&cloud, "GetQueueAttributes", &wanted)?;
        let arn = attributes["Attributes"]["QueueArn"].as_str().context("no name of the queue")?.to_owned();
        let statement = json!({
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": { "ArnEquals": { "aws:SourceArn": stack.topic } },
        });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        sqs(&cloud, "SetQueueAttributes", &json!({ "QueueUrl": url, "Attributes": { "Policy": policy } }))?;
        let mut form = vec![
            ("Action", "Subscribe".to_owned()),
            ("Version", "2010-03-31".to_owned()),
            ("TopicArn", stack.topic.clone()),
            ("Protocol", "sqs".to_owned()),
            ("Endpoint", arn),
            ("Attributes.entry.1.key", "RawMessageDelivery".to_owned()),
            ("Attributes.entry.1.value", "true".to_owned()),
        ];
        if let Some(filter) = filter {
            form.push(("Attributes.entry.2.key", "FilterPolicy".to_owned()));
            form.push(("Attributes.entry.2.value", filter.to_string()));
        }
        ureq::post(&cloud).header("authorization", signed("sns")).send_form(form)?;
        Ok(Self { cloud, url })
    }

    /// The events of a task by id, copies left out, in the order of the changes; waits until `enough`.
    ///
    /// # Errors
    /// When they are not enough in a minute, or one is no event.
    pub fn events(&self, task: TaskId, enough: impl Fn(&[Event]) -> bool) -> Result<Vec<Event>> {
        let (begun, mut found) = (Instant::now(), BTreeMap::new());
        loop {
            let wanted = json!({ "QueueUrl": self.url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1 });
            let answer = sqs(&self.cloud, "ReceiveMessage", &wanted)?;
            for message in answer["Messages"].as_array().into_iter().flatten() {
                let body = message["Body"].as_str().context("a message without a body")?;
                let event: Event = serde_json::from_str(body).with_context(|| format!("no event: {body}"))?;
                let handle = json!({ "QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"] });
                sqs(&self.cloud, "DeleteMessage", &handle)?;
                if event.task != Some(task) {
                    continue;
                }
                if let Some(before) = found.insert((event.sequence.clone(), event.id.clone()), event.clone()) {
                    anyhow::ensure!(before == event, "two different events have one id: {before:?} {event:?}");
                }
            }
            let events: Vec<Event> = found.values().cloned().collect();
            if enough(&events) {
                return Ok(events);
            }
            if begun.elapsed() > PATIENCE {
                let kinds: Vec<_> = events.iter().map(|event| (&event.kind, &event.data)).collect();
                bail!("not enough events in {PATIENCE:?}: {kinds:#?}");
            }
        }
    }
}
