//! [`EventTopic`] on an SNS topic. The calls are `PublishBatch` of its query protocol (API version 2010-03-31).

use std::fmt::Write as _;
use std::time::Duration;

use filas_domain::event::Event;
use filas_domain::ports::{EventTopic, PortError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use thiserror::Error;

use crate::env::EnvError;
use crate::errors::{Meaning, meaning_of_answer, port_error_meaning};
use crate::retry::retrying;
use crate::signed::{SignedCall, SignedError, SignedHttp};

const TIMEOUT: Duration = Duration::from_secs(5);
/// What one call takes at most.
const ENTRIES: usize = 10;
/// Bytes of messages in one call: SNS takes 256 KiB, attributes included.
const BYTES: usize = 200 * 1024;

/// A topic.
#[derive(Debug, Clone)]
pub struct SnsTopic {
    signed: SignedHttp,
    endpoint: String,
    arn: String,
}

#[derive(Debug, Error)]
enum CallError {
    #[error(transparent)]
    NoAnswer(#[from] SignedError),
    #[error("SNS answered {status} {code}")]
    Refused { status: u16, code: String },
    #[error("SNS refused {refused} of {sent} messages: {code}")]
    Entries { refused: usize, sent: usize, code: String },
}

impl CallError {
    fn meaning(&self) -> Meaning {
        match self {
            Self::NoAnswer(error) => error.meaning(),
            Self::Refused { status, code } => meaning_of_answer(Some(code), *status),
            // Published again with the same ids, which subscribers have to expect anyway.
            Self::Entries { .. } => Meaning::Unknown,
        }
    }
}

impl SnsTopic {
    /// The topic `arn`, with region, credentials and endpoint of the environment.
    ///
    /// # Errors
    /// When the environment has no region or key, or the endpoint is no URL.
    pub fn from_env(arn: impl Into<String>) -> Result<Self, EnvError> {
        let signed = SignedHttp::from_env(TIMEOUT)?;
        let endpoint = signed.endpoint("sns")?;
        Ok(Self { signed, endpoint, arn: arn.into() })
    }

    async fn publish_batch(&self, entries: &[(&Event, String)]) -> Result<(), CallError> {
        let url = format!("{}/", self.endpoint);
        let headers = &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let body = form(&self.arn, entries);
        let call = SignedCall { service: "sns", method: Method::POST, url: &url, headers, body };
        let answer = self.signed.send(call).await?;
        let text = String::from_utf8_lossy(&answer.body);
        if answer.status != 200 {
            let code = between(&text, "<Code>", "</Code>").unwrap_or_default();
            return Err(CallError::Refused { status: answer.status, code: code.chars().take(80).collect() });
        }
        match refused(&text) {
            None => Ok(()),
            Some((refused, code)) => Err(CallError::Entries { refused, sent: entries.len(), code }),
        }
    }
}

impl EventTopic for SnsTopic {
    async fn publish(&self, events: &[Event]) -> Result<(), PortError> {
        const OPERATION: &str = "publish events";
        let mut texts = Vec::with_capacity(events.len());
        for event in events {
            let text = serde_json::to_string(event).map_err(|error| PortError::permanent(OPERATION, error))?;
            texts.push((event, text));
        }
        for entries in in_calls(&texts) {
            retrying(|| self.publish_batch(entries), CallError::meaning).await.map_err(|failed| {
                let meaning = failed.error.meaning();
                port_error_meaning(OPERATION, failed.error, meaning)
            })?;
        }
        Ok(())
    }
}

/// The entries in runs that one call takes.
fn in_calls<'a, 'e>(entries: &'a [(&'e Event, String)]) -> Vec<&'a [(&'e Event, String)]> {
    let (mut calls, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (at, (_, text)) in entries.iter().enumerate() {
        if at > start && (at - start == ENTRIES || bytes + text.len() > BYTES) {
            calls.push(&entries[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += text.len();
    }
    calls.push(&entries[start..]);
    calls.retain(|call| !call.is_empty());
    calls
}

fn form(topic: &str, entries: &[(&Event, String)]) -> String {
    let mut form = format!("Action=PublishBatch&Version=2010-03-31&TopicArn={}", encoded(topic));
    let mut field = |name: String, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(form, "&PublishBatchRequestEntries.member.{name}={}", encoded(value));
    };
    for (number, (event, text)) in (1..).zip(entries) {
        field(format!("{number}.Id"), &number.to_string());
        field(format!("{number}.Message"), text);
        let task = event.task.map(|task| task.to_string());
        let owner = event.owner.as_ref().map(|owner| owner.as_str());
        let attributes = [("type", Some(event.kind.as_str())), ("owner", owner), ("task", task.as_deref())];
        let attributes = attributes.into_iter().filter_map(|(name, value)| Some((name, value?)));
        for (place, (name, value)) in (1..).zip(attributes) {
            let entry = format!("{number}.MessageAttributes.entry.{place}");
            field(format!("{entry}.Name"), name);
            field(format!("{entry}.Value.DataType"), "String");
            field(format!("{entry}.Value.StringValue"), value);
        }
    }
    form
}

fn encoded(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

/// How many entries were refused, and the first one's code.
fn refused(answer: &str) -> Option<(usize, String)> {
    let failed = between(answer, "<Failed>", "</Failed>")?;
    let count = failed.matches("<member>").count();
    let code = between(failed, "<Code>", "</Code>").unwrap_or_default().chars().take(80).collect();
    (count > 0).then_some((count, code))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let start = text.find(before)? + before.len();
    Some(&text[start..start + text[start..].find(after)?])
}

#[cfg(test)]
mod tests {
    use filas_domain::event::{Origin, of_damage};

    use super::*;

    fn event(sequence: &str) -> Event {
        of_damage(Origin { source: "stack", sequence }, "ä & b")
    }

    #[test]
    fn entries_carry_what_filter_policies_look_at() {
        let mut event = event("1");
        event.owner = Some("acme".parse().unwrap());
        let form = form("arn:aws:sns:x:1:t", &[(&event, "{\"a\":\"ä&\"}".into())]);
        assert!(form.starts_with("Action=PublishBatch&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Ax%3A1%3At&"));
        assert!(form.contains("member.1.Message=%7B%22a%22%3A%22%C3%A4%26%22%7D&"), "{form}");
        assert!(form.contains("entry.1.Name=type&"), "{form}");
        assert!(form.contains("entry.1.Value.StringValue=filas%2Erecord%2Eunreadable"), "{form}");
        assert!(form.contains("entry.2.Value.StringValue=acme"), "{form}");
        assert!(!form.contains("entry.3"), "there is no task: {form}");
    }

    #[test]
    fn a_call_takes_ten_and_not_too_many_bytes() {
        let event = event("1");
        let check = |sizes: &[usize], expected: &[usize]| {
            let entries: Vec<_> = sizes.iter().map(|size| (&event, "x".repeat(*size))).collect();
            let calls: Vec<_> = in_calls(&entries).iter().map(|call| call.len()).collect();
            assert_eq!(calls, expected, "{sizes:?}");
        };
        check(&[], &[]);
        check(&[1; 10], &[10]);
        check(&[1; 21], &[10, 10, 1]);
        check(&[150_000, 60_000, 60_000], &[1, 2]);
        check(&[300_000, 1], &[1, 1]);
    }

    #[test]
    fn a_refused_entry_is_an_error_though_the_status_is_200() {
        assert_eq!(refused("<PublishBatchResult><Successful/><Failed></Failed></PublishBatchResult>"), None);
        assert_eq!(refused("<PublishBatchResult><Successful></Successful></PublishBatchResult>"), None);
        let answer = "<Failed><member><Id>2</Id><Code>Throttled</Code></member><member><Id>3</Id></member></Failed>";
        assert_eq!(refused(answer), Some((2, "Throttled".into())));
    }
}
