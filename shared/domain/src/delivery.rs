//! Messages as Lambda delivers them from SQS, and the answer that says which of them to deliver again.
//!
//! The shapes are those of the SQS event and of the partial batch response in the AWS Lambda developer guide.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::Timestamp;
use crate::ids::TaskId;
use crate::keys::{ObjectKey, decode_event_key};
use crate::trace::{TRACEPARENT, TraceParent};

/// One message of an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    message_id: String,
    /// What names this delivery to the queue.
    pub receipt_handle: String,
    /// What was sent.
    pub body: String,
    attributes: Attributes,
    #[serde(default)]
    message_attributes: BTreeMap<String, MessageAttribute>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageAttribute {
    #[serde(default)]
    string_value: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    approximate_receive_count: String,
    #[serde(default)]
    sent_timestamp: Option<String>,
}

impl Delivery {
    /// A delivery as a test makes it.
    pub fn new(message_id: &str, receipt_handle: &str, body: &str, receive_count: u32) -> Self {
        Self {
            message_id: message_id.to_owned(),
            receipt_handle: receipt_handle.to_owned(),
            body: body.to_owned(),
            attributes: Attributes { approximate_receive_count: receive_count.to_string(), sent_timestamp: None },
            message_attributes: BTreeMap::new(),
        }
    }

    /// The same delivery of a message that was sent with this attribute.
    #[must_use]
    pub fn with_trace(mut self, trace: TraceParent) -> Self {
        let attribute = MessageAttribute { string_value: Some(trace.to_string()) };
        self.message_attributes.insert(TRACEPARENT.to_owned(), attribute);
        self
    }

    /// What caused the message, where its sender said so.
    pub fn trace(&self) -> Option<TraceParent> {
        self.message_attributes.get(TRACEPARENT)?.string_value.as_ref()?.parse().ok()
    }

    /// The queue's id of the message.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// How often the message has been delivered, this time included.
    pub fn receive_count(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }

    /// When the message was sent, where the queue says so.
    pub fn sent(&self) -> Option<Timestamp> {
        self.attributes.sent_timestamp.as_ref()?.parse().ok().map(Timestamp::from_millis)
    }

    /// How long to wait after trouble before the next delivery: 2, 4, 8 … seconds, 256 at the most.
    pub fn backoff(&self) -> Duration {
        Duration::from_secs(1 << self.receive_count().min(8))
    }
}

/// The event of an invocation by an SQS event source mapping.
#[derive(Debug, Clone, Deserialize)]
pub struct QueueEvent {
    /// The messages.
    #[serde(rename = "Records")]
    pub deliveries: Vec<Delivery>,
}

/// The partial batch response: the messages that are to be delivered again.
///
/// AWS fails the whole invocation when an identifier is not one of its messages, and emulators delete the message
/// instead; so an identifier is only ever taken from a [`Delivery`], and once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Redeliver {
    #[serde(rename = "batchItemFailures")]
    failures: Vec<Failed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    item_identifier: String,
}

impl Redeliver {
    /// Asks for the delivery to come again.
    pub fn add(&mut self, delivery: &Delivery) {
        let failed = Failed { item_identifier: delivery.message_id.clone() };
        if !self.failures.contains(&failed) {
            self.failures.push(failed);
        }
    }

    /// Whether every message is dealt with.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty()
    }

    /// How many messages are to come again.
    pub fn len(&self) -> usize {
        self.failures.len()
    }
}

/// The body of a message in the ingest queue: an event of S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadEvent {
    /// Files of these tasks have arrived.
    Arrived(Vec<TaskId>),
    /// S3 tries out the notification when it is set up.
    Test,
}

/// A message in the ingest queue that is not an event for an upload.
#[derive(Debug, Error)]
pub enum UploadEventError {
    /// Not an event of S3.
    #[error("the message is not an event of S3")]
    Malformed(#[source] serde_json::Error),
    /// An object that is no upload.
    #[error("the event is for '{0}', which is not the key of an upload")]
    NotAnUpload(String),
}

impl UploadEvent {
    /// The body that the bucket sends, as far as [`decode`](Self::decode) looks at it, when the file of `task` arrives.
    pub fn arrival(task: TaskId) -> String {
        serde_json::json!({ "Records": [{ "s3": { "object": { "key": ObjectKey::upload(task) } } }] }).to_string()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// When it is not an event of S3, or for an object that is no upload.
    pub fn decode(body: &str) -> Result<Self, UploadEventError> {
        let event: S3Event = serde_json::from_str(body).map_err(UploadEventError::Malformed)?;
        match event {
            S3Event::Test { .. } => Ok(Self::Test),
            S3Event::Records { records } => records
                .into_iter()
                .map(|record| {
                    let encoded = record.s3.object.key;
                    decode_event_key(&encoded)
                        .and_then(|key| ObjectKey::task_of_upload(&key))
                        .ok_or(UploadEventError::NotAnUpload(encoded))
                })
                .collect::<Result<_, _>>()
                .map(Self::Arrived),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum S3Event {
    Records {
        #[serde(rename = "Records")]
        records: Vec<S3Record>,
    },
    Test {
        #[serde(rename = "Event")]
        _event: TestEvent,
    },
}

#[derive(Deserialize)]
enum TestEvent {
    #[serde(rename = "s3:TestEvent")]
    Test,
}

#[derive(Deserialize)]
struct S3Record {
    s3: S3Entity,
}

#[derive(Deserialize)]
struct S3Entity {
    object: S3Object,
}

#[derive(Deserialize)]
struct S3Object {
    key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_the_queue_is_read() {
        let event: QueueEvent = serde_json::from_str(
            r#"{"Records":[{"messageId":"m1","receiptHandle":"h1","body":"{}","attributes":{"ApproximateReceiveCount":"3","SentTimestamp":"1"},"messageAttributes":{"traceparent":{"stringValue":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","binaryListValues":[],"dataType":"String"}},"eventSource":"aws:sqs"}]}"#,
        )
        .unwrap();
        let [delivery] = &event.deliveries[..] else { panic!("one delivery") };
        assert_eq!(
            (delivery.message_id(), delivery.receipt_handle.as_str(), delivery.body.as_str()),
            ("m1", "h1", "{}")
        );
        assert_eq!((delivery.receive_count(), delivery.sent()), (3, Some(Timestamp::from_millis(1))));
        let bare = Delivery::new("m1", "h1", "{}", 3);
        assert_eq!((bare.sent(), bare.trace()), (None, None));
        let trace = delivery.trace().unwrap();
        assert_eq!(trace.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(bare.with_trace(trace).trace(), Some(trace));
    }

    #[test]
    fn each_delivery_waits_longer_and_none_for_ever() {
        for (receive_count, seconds) in [(1, 2), (2, 4), (5, 32), (8, 256), (9, 256), (1000, 256)] {
            let delivery = Delivery::new("m1", "h1", "", receive_count);
            assert_eq!(delivery.backoff(), Duration::from_secs(seconds), "{receive_count}");
        }
    }

    #[test]
    fn the_answer_names_each_message_once() {
        let mut again = Redeliver::default();
        assert_eq!(serde_json::to_string(&again).unwrap(), r#"{"batchItemFailures":[]}"#);
        let delivery = Delivery::new("m1", "h1", "", 1);
        again.add(&delivery);
        again.add(&delivery);
        assert_eq!(serde_json::to_string(&again).unwrap(), r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#);
    }

    #[test]
    fn events_of_s3_name_tasks() {
        let task = TaskId::new(Timestamp::from_millis(1), [1; 10]);
        let event = |key: &str| {
            format!(r#"{{"Records":[{{"eventName":"ObjectCreated:Put","s3":{{"object":{{"key":"{key}"}}}}}}]}}"#)
        };
        let arrived = UploadEvent::decode(&event(&format!("uploads/{task}/source"))).unwrap();
        assert_eq!(arrived, UploadEvent::Arrived(vec![task]));
        let encoded = UploadEvent::decode(&event(&format!("uploads%2F{task}%2Fsource"))).unwrap();
        assert_eq!(encoded, UploadEvent::Arrived(vec![task]));
        assert_eq!(
            UploadEvent::decode(r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#).unwrap(),
            UploadEvent::Test
        );
    }

    #[test]
    fn what_is_not_an_upload_is_an_error() {
        for body in ["", "{}", r#"{"Event":"other"}"#, "[1]"] {
            assert!(matches!(UploadEvent::decode(body), Err(UploadEventError::Malformed(_))), "{body}");
        }
        let other = r#"{"Records":[{"s3":{"object":{"key":"rows/x"}}}]}"#;
        assert!(matches!(UploadEvent::decode(other), Err(UploadEventError::NotAnUpload(_))));
    }
}
