//! Sending, postponing, dying.

use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::message::BatchMessage;
use filas_domain::ports::{BatchQueue, Deliveries, QueueMonitor, ReportQueue};
use filas_domain::report::ReportMessage;

use super::{assert_permanent, eventually, samples};
use crate::memory::Delivery;

/// The other end of a queue. In the cloud that is Lambda, which asks no code of ours.
pub trait Inbox: Sync {
    /// Receives up to ten of the messages that are visible.
    fn receive(&self) -> impl Future<Output = Vec<Delivery>> + Send;

    /// Deletes a message.
    fn delete(&self, receipt_handle: &str) -> impl Future<Output = ()> + Send;

    /// Lets time pass for the queue.
    fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// A queue, whole. It is empty at first and at the end, and `inbox` is its other end. Its visibility timeout is a minute,
/// and it takes a message that is received for the third time for dead.
///
/// # Panics
/// Where it does not do what the ports say.
pub async fn queue(
    queue: &impl BatchQueue,
    deliveries: &impl Deliveries,
    monitor: &impl QueueMonitor,
    inbox: &impl Inbox,
) {
    every_message_arrives(queue, inbox).await;
    messages_carry_their_owner_and_cause_and_wait_for_nobody(queue, inbox).await;
    a_delivery_can_be_postponed(queue, deliveries, inbox).await;
    what_is_in_nobodys_hands_cannot_be_postponed(queue, deliveries, inbox).await;
    depths_are_seen_and_messages_die(queue, deliveries, monitor, inbox).await;
}

/// The queue of files to be written: what is sent arrives. It is empty at first and at the end.
///
/// # Panics
/// Where it does not do what the port says.
pub async fn report_queue(queue: &impl ReportQueue, inbox: &impl Inbox) {
    let message = ReportMessage { task: samples::task().id, finished: Timestamp::from_millis(7), continued: 2 };
    queue.send_report(&message).await.unwrap();
    let delivery = receive_one(inbox).await;
    assert_eq!(ReportMessage::decode(&delivery.body).unwrap(), message);
    inbox.delete(&delivery.receipt_handle).await;
}

async fn send(queue: &impl BatchQueue, count: u32) -> Vec<BatchMessage> {
    let task = samples::task().id;
    let messages: Vec<_> = (0..count).map(|number| samples::message(task, number)).collect();
    queue.send(&samples::owner(), samples::trace(), &messages).await.unwrap();
    messages
}

async fn receive_one(inbox: &impl Inbox) -> Delivery {
    let mut received = receive_some(inbox).await;
    assert_eq!(received.len(), 1);
    received.remove(0)
}

/// Receives until something comes: a queue may answer with nothing at first.
async fn receive_some(inbox: &impl Inbox) -> Vec<Delivery> {
    for _ in 0..20 {
        let received = inbox.receive().await;
        if !received.is_empty() {
            return received;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Vec::new()
}

async fn every_message_arrives(queue: &impl BatchQueue, inbox: &impl Inbox) {
    queue.send(&samples::owner(), samples::trace(), &[]).await.unwrap();
    for count in [1, 10, 25] {
        let sent = send(queue, count).await;
        let mut arrived = Vec::new();
        while arrived.len() < sent.len() {
            let received = receive_some(inbox).await;
            assert!(!received.is_empty(), "{} of {count} arrived", arrived.len());
            for delivery in received {
                assert_eq!(delivery.receive_count, 1);
                arrived.push(BatchMessage::decode(&delivery.body).unwrap());
                inbox.delete(&delivery.receipt_handle).await;
            }
        }
        arrived.sort_by_key(|message| message.batch);
        assert_eq!(arrived, sent);
    }
}

/// The queue is fair between owners: each message says whose it is. It is no queue of theirs, in which one would wait for
/// another: while some of an owner's messages are in somebody's hands, the others are delivered.
async fn messages_carry_their_owner_and_cause_and_wait_for_nobody(queue: &impl BatchQueue, inbox: &impl Inbox) {
    let (busy, other) = (samples::owner(), samples::owner());
    let causes = [samples::trace(), samples::trace()];
    let task = samples::task().id;
    let messages: Vec<_> = (0..15).map(|number| samples::message(task, number)).collect();
    queue.send(&busy, causes[0], &messages[..13]).await.unwrap();
    queue.send(&other, causes[1], &messages[13..]).await.unwrap();
    let mut arrived = Vec::new();
    // Nothing is deleted before everything was delivered.
    while arrived.len() < messages.len() {
        let received = receive_some(inbox).await;
        assert!(!received.is_empty(), "{} of 15 arrived while others were in somebody's hands", arrived.len());
        arrived.extend(received);
    }
    for delivery in &arrived {
        let message = BatchMessage::decode(&delivery.body).unwrap();
        let (owner, cause) = if message.batch.get() < 13 { (&busy, causes[0]) } else { (&other, causes[1]) };
        assert_eq!(delivery.group.as_deref(), Some(owner.as_str()), "{}", delivery.body);
        assert_eq!(delivery.trace, Some(cause), "{}", delivery.body);
        inbox.delete(&delivery.receipt_handle).await;
    }
}

async fn a_delivery_can_be_postponed(queue: &impl BatchQueue, deliveries: &impl Deliveries, inbox: &impl Inbox) {
    send(queue, 1).await;
    let first = receive_one(inbox).await;
    deliveries.postpone(&first.receipt_handle, Duration::from_secs(2)).await.unwrap();
    assert_eq!(inbox.receive().await, [], "it came before its time");
    inbox.pass(Duration::from_millis(2100)).await;
    let second = receive_one(inbox).await;
    assert_eq!((second.message_id, second.receive_count), (first.message_id, 2));
    inbox.delete(&second.receipt_handle).await;
}

async fn what_is_in_nobodys_hands_cannot_be_postponed(
    queue: &impl BatchQueue,
    deliveries: &impl Deliveries,
    inbox: &impl Inbox,
) {
    send(queue, 1).await;
    let delivery = receive_one(inbox).await;
    inbox.delete(&delivery.receipt_handle).await;
    assert_permanent(deliveries.postpone("nonsense", Duration::ZERO).await, "no receipt handle");
}

async fn depths_are_seen_and_messages_die(
    queue: &impl BatchQueue,
    deliveries: &impl Deliveries,
    monitor: &impl QueueMonitor,
    inbox: &impl Inbox,
) {
    let look = async || {
        let depths = monitor.depths().await.unwrap();
        assert_eq!(depths.len(), 1);
        (depths[0].visible, depths[0].in_flight, depths[0].delayed, depths[0].dead)
    };
    eventually((0, 0, 0, 0), &look).await;
    send(queue, 1).await;
    eventually((1, 0, 0, 0), &look).await;
    for time in 1..=2 {
        let delivery = receive_one(inbox).await;
        assert_eq!(delivery.receive_count, time);
        eventually((0, 1, 0, 0), &look).await;
        deliveries.postpone(&delivery.receipt_handle, Duration::ZERO).await.unwrap();
    }
    assert_eq!(inbox.receive().await, [], "received once too often");
    eventually((0, 0, 0, 1), &look).await;
}
