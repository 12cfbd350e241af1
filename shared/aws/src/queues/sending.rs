//! [`BatchQueue`]: batches to the workers, ten to a call. SQS may take some of a call and refuse the rest.

use std::error::Error;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use filas_domain::ids::Owner;
use filas_domain::message::BatchMessage;
use filas_domain::ports::{BatchQueue, PortError};
use filas_domain::trace::{TRACEPARENT, TraceParent};
use futures::stream::{self, StreamExt as _};
use thiserror::Error;

use crate::errors::meaning;
use crate::retry::{TRIES, back_off};
use crate::row_queue::text;

/// SQS's bound on one call.
const MESSAGES_A_CALL: usize = 10;

const CALLS_AT_ONCE: usize = 4;

/// The queue of batches.
#[derive(Debug, Clone)]
pub struct SqsBatchQueue {
    client: Client,
    url: String,
}

/// Messages that the queue did not take. Others of the same call it may have taken.
#[derive(Debug, Error)]
#[error("{count} messages could not be sent; the last code was {code}")]
struct NotSent {
    count: usize,
    code: String,
    transient: bool,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SqsBatchQueue {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Sends the messages of one call until each is taken.
    async fn send_some(&self, owner: &Owner, trace: TraceParent, messages: &[BatchMessage]) -> Result<(), NotSent> {
        let mut waiting = entries(owner, trace, messages).map_err(NotSent::permanent(messages.len()))?;
        let mut failures = 0;
        loop {
            let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(waiting.clone()));
            // The SDK has asked again already where the whole call failed.
            let answer = request.send().await.map_err(|error| NotSent {
                count: waiting.len(),
                code: aws_sdk_sqs::error::ProvideErrorMetadata::code(&error).unwrap_or("none").to_owned(),
                transient: meaning(&error).is_transient(),
                source: Some(error.into()),
            })?;
            waiting.retain(|entry| !is_taken(&answer, entry));
            failures += 1;
            if waiting.is_empty() {
                return Ok(());
            }
            if failures >= TRIES {
                return Err(refused(&waiting, &answer));
            }
            tokio::time::sleep(back_off(failures)).await;
        }
    }
}

impl BatchQueue for SqsBatchQueue {
    async fn send(&self, owner: &Owner, trace: TraceParent, messages: &[BatchMessage]) -> Result<(), PortError> {
        let calls: Vec<_> = messages.chunks(MESSAGES_A_CALL).map(|some| self.send_some(owner, trace, some)).collect();
        // All calls are made, whatever becomes of the others: what can be sent is sent.
        let sent = stream::iter(calls).buffer_unordered(CALLS_AT_ONCE);
        let failed: Vec<NotSent> = sent.filter_map(|sent| async { sent.err() }).collect().await;
        let operation = format!("send {} messages to the batch queue", messages.len());
        failed.into_iter().reduce(NotSent::and).map_or(Ok(()), |failed| Err(failed.into_port_error(operation)))
    }
}

impl NotSent {
    fn permanent<E: Error + Send + Sync + 'static>(count: usize) -> impl FnOnce(E) -> Self {
        move |error| Self { count, code: "none".into(), transient: false, source: Some(error.into()) }
    }

    /// Both, as one: worth another try only if each is.
    fn and(self, later: Self) -> Self {
        Self { count: self.count + later.count, transient: self.transient && later.transient, ..later }
    }

    fn into_port_error(self, operation: String) -> PortError {
        match self.transient {
            true => PortError::transient(operation, self),
            false => PortError::permanent(operation, self),
        }
    }
}

/// The entries of a call; an entry's id is its position. Its group is the owner: by that a standard queue keeps the messages
/// of one owner from holding up those of others (SQS fair queues). It orders nothing, as a group of a FIFO queue would.
fn entries(
    owner: &Owner,
    trace: TraceParent,
    messages: &[BatchMessage],
) -> Result<Vec<SendMessageBatchRequestEntry>, aws_sdk_sqs::error::BuildError> {
    let trace = text(trace.to_string())?;
    let entry = |(position, message): (usize, &BatchMessage)| {
        let entry = SendMessageBatchRequestEntry::builder().id(position.to_string()).message_group_id(owner.as_str());
        entry.message_body(message.encode()).message_attributes(TRACEPARENT, trace.clone()).build()
    };
    messages.iter().enumerate().map(entry).collect()
}

/// Taken only if the answer says so: an entry that it does not mention is not known to be there.
fn is_taken(answer: &SendMessageBatchOutput, entry: &SendMessageBatchRequestEntry) -> bool {
    answer.successful().iter().any(|taken| taken.id() == entry.id())
}

fn refused(waiting: &[SendMessageBatchRequestEntry], answer: &SendMessageBatchOutput) -> NotSent {
    let failed = answer.failed();
    NotSent {
        count: waiting.len(),
        code: failed.last().map_or("none: the answer left it out", |entry| entry.code()).to_owned(),
        transient: !failed.iter().any(|entry| entry.sender_fault()),
        source: None,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchResultEntry};
    use filas_domain::clock::Timestamp;
    use filas_domain::ids::{BatchNumber, RowNumber, TaskId};
    use filas_domain::plan::{BatchPlan, ByteRange};

    use super::*;

    fn message(number: u32) -> BatchMessage {
        BatchMessage {
            task: TaskId::new(Timestamp::from_millis(1), [1; 10]),
            batch: BatchNumber::new(number),
            plan: BatchPlan {
                first_row: RowNumber::new(2),
                last_row: RowNumber::new(2),
                rows: 1,
                bytes: ByteRange { start: 0, end: 9 },
            },
        }
    }

    fn answer(taken: &[&str], refused: &[(&str, bool)]) -> SendMessageBatchOutput {
        let taken = taken.iter().map(|id| {
            let entry = SendMessageBatchResultEntry::builder().id(*id).message_id("m").md5_of_message_body("5");
            entry.build().unwrap()
        });
        let refused = refused.iter().map(|(id, sender_fault)| {
            let entry = BatchResultErrorEntry::builder().id(*id).code("Busy").sender_fault(*sender_fault);
            entry.build().unwrap()
        });
        SendMessageBatchOutput::builder()
            .set_successful(Some(taken.collect()))
            .set_failed(Some(refused.collect()))
            .build()
            .unwrap()
    }

    fn check(taken: &[&str], refused_entries: &[(&str, bool)], expected: Option<(usize, &str, bool)>) {
        let mut waiting =
            entries(&"acme".parse().unwrap(), TraceParent::begun_by("a"), &[message(1), message(2)]).unwrap();
        let answer = answer(taken, refused_entries);
        waiting.retain(|entry| !is_taken(&answer, entry));
        let found = (!waiting.is_empty()).then(|| refused(&waiting, &answer));
        let found = found.as_ref().map(|found| (found.count, found.code.as_str(), found.transient));
        assert_eq!(found, expected);
    }

    #[test]
    fn what_the_answer_does_not_take_is_not_sent() {
        check(&["0", "1"], &[], None);
        check(&["0"], &[("1", false)], Some((1, "Busy", true)));
        check(&["0"], &[("1", true)], Some((1, "Busy", false)));
        check(&["1"], &[], Some((1, "none: the answer left it out", true)));
        check(&[], &[], Some((2, "none: the answer left it out", true)));
    }

    #[test]
    fn failures_of_several_calls_add_up() {
        let failed = |count, transient| NotSent { count, code: "Busy".into(), transient, source: None };
        let both = failed(2, true).and(failed(3, false)).into_port_error("send 9 messages".into());
        assert_eq!(both.source().unwrap().to_string(), "5 messages could not be sent; the last code was Busy");
        assert!(!both.is_transient());
    }
}
