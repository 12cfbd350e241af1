//! Rows as messages to a queue of the user's.

use filas_domain::row_queue::{CALL_BYTES, RowMessage, RowQueue};
use filas_domain::trace::TraceParent;

use super::{assert_permanent, samples};

/// The user's end of a queue.
pub trait RowInbox: Sync {
    /// Takes some of the messages that are there, for good.
    fn take(&self) -> impl Future<Output = Vec<RowMessage>> + Send;
}

/// A queue of a user's at `url`, whole. It is empty at first and at the end, and `inbox` is its other end.
///
/// # Panics
/// Where it does not do what the port says.
pub async fn row_queue(queue: &impl RowQueue, url: &str, inbox: &impl RowInbox) {
    for count in [1, 10] {
        let sent = messages(count);
        let verdicts = queue.send(url, &sent).await.unwrap();
        assert_eq!(verdicts, vec![Ok(()); count]);
        assert_eq!(take_all(inbox, count).await, sorted(sent));
    }
    as_much_as_a_call_takes(queue, url, inbox).await;
    assert_permanent(queue.send(url, &messages(11)).await, "eleven messages");
    let foreign = RowMessage { body: "\"\u{1}\"".to_owned(), ..messages(1).remove(0) };
    let mut mixed = messages(2);
    mixed.insert(1, foreign);
    let verdicts = queue.send(url, &mixed).await.unwrap();
    assert_eq!(verdicts.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true], "{verdicts:?}");
    mixed.remove(1);
    assert_eq!(take_all(inbox, 2).await, sorted(mixed));
}

async fn as_much_as_a_call_takes(queue: &impl RowQueue, url: &str, inbox: &impl RowInbox) {
    let large =
        |message: RowMessage| RowMessage { body: format!("\"{}\"", "x".repeat(CALL_BYTES / 2 - 600)), ..message };
    let sent: Vec<_> = messages(2).into_iter().map(large).collect();
    assert_eq!(queue.send(url, &sent).await.unwrap(), [Ok(()), Ok(())]);
    assert_eq!(take_all(inbox, 2).await, sorted(sent));
}

fn messages(count: usize) -> Vec<RowMessage> {
    let task = samples::task().id;
    let message = |row: usize| RowMessage {
        idempotency_key: format!("{task}.{row}"),
        trace: TraceParent::of_task(task).child(&row.to_string()),
        body: format!(r#"{{"row":{row},"ñ":"\u0001"}}"#),
    };
    (2..2 + count).map(message).collect()
}

fn sorted(mut messages: Vec<RowMessage>) -> Vec<RowMessage> {
    messages.sort_by(|one, other| one.idempotency_key.cmp(&other.idempotency_key));
    messages
}

async fn take_all(inbox: &impl RowInbox, count: usize) -> Vec<RowMessage> {
    let mut taken = Vec::new();
    for _ in 0..40 {
        taken.extend(inbox.take().await);
        if taken.len() >= count {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    sorted(taken)
}
