//! [`RowQueue`]: rows to queues of the users' in SQS. SQS may take some messages of a call and refuse others.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::{BatchResultErrorEntry, MessageAttributeValue, SendMessageBatchRequestEntry};
use filas_domain::ports::PortError;
use filas_domain::row_queue::{MESSAGES_A_CALL, Rejected, RowMessage, RowQueue};
use filas_domain::trace::TRACEPARENT;

use crate::errors::port_error;
use crate::retry::{TRIES, back_off};

const OPERATION: &str = "send rows to a queue";

/// The message attribute that names the row.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Queues of the users'.
#[derive(Debug, Clone)]
pub struct SqsRowQueue {
    client: Client,
}

impl SqsRowQueue {
    /// All queues that this client may send to.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl RowQueue for SqsRowQueue {
    async fn send(&self, url: &str, messages: &[RowMessage]) -> Result<Vec<Result<(), Rejected>>, PortError> {
        if messages.len() > MESSAGES_A_CALL {
            return Err(PortError::permanent(OPERATION, format!("{} messages are too many", messages.len())));
        }
        let mut verdicts: Vec<Option<Result<(), Rejected>>> = messages.iter().map(unsendable).collect();
        let mut failures = 0;
        loop {
            let waiting = messages.iter().enumerate().filter(|(position, _)| verdicts[*position].is_none());
            let entries: Vec<_> = waiting
                .map(|(position, message)| entry(url, position, message))
                .collect::<Result<_, _>>()
                .map_err(|error| PortError::permanent(OPERATION, error))?;
            if entries.is_empty() {
                return Ok(verdicts.into_iter().flatten().collect());
            }
            let request = self.client.send_message_batch().queue_url(url).set_entries(Some(entries));
            // The SDK has asked again already where the whole call failed.
            let answer = request.send().await.map_err(|error| port_error(OPERATION, error))?;
            note(&answer, &mut verdicts);
            failures += 1;
            let left = verdicts.iter().filter(|verdict| verdict.is_none()).count();
            if left > 0 && failures >= TRIES {
                return Err(PortError::transient(OPERATION, refused(left, &answer)));
            }
            if left > 0 {
                tokio::time::sleep(back_off(failures)).await;
            }
        }
    }
}

/// Takes from an answer what it says of each message. One that it does not mention is not known to be there.
fn note(answer: &SendMessageBatchOutput, verdicts: &mut [Option<Result<(), Rejected>>]) {
    let taken = answer.successful().iter().map(|taken| (taken.id(), Ok(())));
    let rejected = answer.failed().iter().filter(|failed| failed.sender_fault());
    for (id, verdict) in taken.chain(rejected.map(|failed| (failed.id(), Err(rejected_by_queue(failed))))) {
        if let Some(place) = id.parse().ok().and_then(|position: usize| verdicts.get_mut(position)) {
            *place = Some(verdict);
        }
    }
}

fn rejected_by_queue(failed: &BatchResultErrorEntry) -> Rejected {
    Rejected { code: failed.code().to_owned(), message: failed.message().unwrap_or("no reason was given").to_owned() }
}

fn refused(left: usize, answer: &SendMessageBatchOutput) -> String {
    let code = answer.failed().last().map_or("none: the answer left it out", |failed| failed.code());
    format!("{left} messages could not be sent; the last code was {code}")
}

/// SQS takes the characters of XML 1.0 only.
fn unsendable(message: &RowMessage) -> Option<Result<(), Rejected>> {
    let is_foreign = |character: char| !matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let foreign = message.body.chars().find(|character| is_foreign(*character))?;
    let message = format!("a message cannot hold the character U+{:04X}", u32::from(foreign));
    Some(Err(Rejected { code: "InvalidMessageContents".to_owned(), message }))
}

/// An entry's id is its position.
fn entry(url: &str, position: usize, message: &RowMessage) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let entry = SendMessageBatchRequestEntry::builder()
        .id(position.to_string())
        .message_body(&message.body)
        .message_attributes(IDEMPOTENCY_KEY, text(&message.idempotency_key)?)
        .message_attributes(TRACEPARENT, text(message.trace.to_string())?);
    if !url.ends_with(".fifo") {
        return entry.build();
    }
    // Rows wait for nobody, so each is a group of its own.
    entry.message_group_id(&message.idempotency_key).message_deduplication_id(&message.idempotency_key).build()
}

pub(crate) fn text(value: impl Into<String>) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::SendMessageBatchResultEntry;
    use filas_domain::trace::TraceParent;

    use super::*;

    fn message(body: &str) -> RowMessage {
        RowMessage { idempotency_key: "task.2".to_owned(), trace: TraceParent::begun_by("a"), body: body.to_owned() }
    }

    #[test]
    fn each_message_gets_the_verdict_of_its_place() {
        let taken = SendMessageBatchResultEntry::builder().id("2").message_id("m").md5_of_message_body("5");
        let failed = |id: &str, sender_fault| {
            let entry =
                BatchResultErrorEntry::builder().id(id).code("Busy").message("later").sender_fault(sender_fault);
            entry.build().unwrap()
        };
        let answer = SendMessageBatchOutput::builder()
            .successful(taken.build().unwrap())
            .set_failed(Some(vec![failed("0", true), failed("1", false), failed("9", true)]))
            .build()
            .unwrap();
        let mut verdicts = vec![None; 4];
        note(&answer, &mut verdicts);
        let rejected = Rejected { code: "Busy".into(), message: "later".into() };
        assert_eq!(verdicts, [Some(Err(rejected)), None, Some(Ok(())), None]);
        assert_eq!(refused(2, &answer), "2 messages could not be sent; the last code was Busy");
    }

    #[test]
    fn characters_that_sqs_does_not_take_are_not_sent() {
        for (body, expected) in [("\t\n\r é\u{fffd}😀", true), ("\u{0}", false), ("\u{1f}", false), ("\u{ffff}", false)]
        {
            assert_eq!(unsendable(&message(body)).is_none(), expected, "{body:?}");
        }
    }

    #[test]
    fn a_fifo_queue_drops_repetitions_of_a_row() {
        let plain = entry("https://sqs/1/rows", 3, &message("{}")).unwrap();
        assert_eq!((plain.id(), plain.message_group_id(), plain.message_deduplication_id()), ("3", None, None));
        let fifo = entry("https://sqs/1/rows.fifo", 0, &message("{}")).unwrap();
        assert_eq!(fifo.message_deduplication_id(), Some("task.2"));
        let key = fifo.message_attributes().unwrap()[IDEMPOTENCY_KEY].string_value();
        assert_eq!(key, Some("task.2"));
    }
}
