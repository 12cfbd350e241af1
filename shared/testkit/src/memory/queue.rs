//! A queue in memory, as SQS behaves: a message that was received and not deleted comes again after its visibility
//! timeout, and one that was received too often goes to the dead letters.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::delivery::UploadEvent;
use filas_domain::ids::{Owner, TaskId};
use filas_domain::message::BatchMessage;
use filas_domain::ports::{
    BatchQueue, Clock as _, Deliveries, IngestQueue, PortError, QueueDepth, QueueMonitor, ReportQueue,
};
use filas_domain::report::ReportMessage;
use filas_domain::trace::TraceParent;

use super::clock::ManualClock;
use super::faults::{Faults, lock, plans_faults};

/// A queue in memory. Its clones are the same queue.
#[derive(Debug, Clone)]
pub struct MemoryQueue {
    name: String,
    clock: ManualClock,
    visibility_timeout: Duration,
    max_receive_count: u32,
    stored: Arc<Mutex<Stored>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Stored {
    sent: u64,
    waiting: Vec<Message>,
    dead: Vec<Message>,
}

#[derive(Debug, Clone)]
struct Message {
    id: u64,
    body: String,
    group: Option<String>,
    trace: Option<TraceParent>,
    receive_count: u32,
    visible_from: Timestamp,
}

/// A message in the hands of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub message_id: String,
    /// This delivery of it; good until the next one.
    pub receipt_handle: String,
    /// What was sent.
    pub body: String,
    /// Which delivery it is, from 1.
    pub receive_count: u32,
    /// On whose behalf it was sent, where the queue is fair.
    pub group: Option<String>,
    /// What caused it, where its sender said so.
    pub trace: Option<TraceParent>,
}

plans_faults!(MemoryQueue);

impl MemoryQueue {
    /// An empty queue. A message that is not deleted comes again after `visibility_timeout` on `clock`, until it was
    /// received `max_receive_count` times.
    ///
    /// Operations that can fail: `send`, `postpone`, `depths`.
    pub fn new(name: &str, clock: &ManualClock, visibility_timeout: Duration, max_receive_count: u32) -> Self {
        Self {
            name: name.to_owned(),
            clock: clock.clone(),
            visibility_timeout,
            max_receive_count,
            stored: Arc::default(),
            faults: Faults::new(&["send", "postpone", "depths"]),
        }
    }

    /// Sends any text.
    pub fn send_body(&self, body: impl Into<String>) {
        self.send_of(None, None, body.into());
    }

    fn send_of(&self, group: Option<String>, trace: Option<TraceParent>, body: String) {
        let mut stored = lock(&self.stored);
        stored.sent += 1;
        let message = Message { id: stored.sent, body, group, trace, receive_count: 0, visible_from: self.clock.now() };
        stored.waiting.push(message);
    }

    /// Receives up to `at_most` of the messages that are visible now, the oldest first.
    pub fn receive(&self, at_most: usize) -> Vec<Delivery> {
        let now = self.clock.now();
        let mut stored = lock(&self.stored);
        stored.bury(now, self.max_receive_count);
        let visible = stored.waiting.iter_mut().filter(|message| message.visible_from <= now).take(at_most);
        visible.map(|message| message.deliver(now.plus(self.visibility_timeout))).collect()
    }

    /// Deletes the message of a delivery; the handle of an older delivery does too.
    pub fn delete(&self, receipt_handle: &str) {
        let id = receipt_handle.split_once('-').map_or(receipt_handle, |(id, _)| id);
        lock(&self.stored).waiting.retain(|message| message.id.to_string() != id);
    }

    /// Makes every message that is in somebody's hands visible: it is delivered once more while the first receiver has it,
    /// as a standard queue may do.
    pub fn deliver_again(&self) {
        let now = self.clock.now();
        let mut stored = lock(&self.stored);
        stored.waiting.iter_mut().for_each(|message| message.visible_from = message.visible_from.min(now));
    }

    /// The bodies of all messages that are not dead, the oldest first, in somebody's hands or not.
    pub fn bodies(&self) -> Vec<String> {
        lock(&self.stored).waiting.iter().map(|message| message.body.clone()).collect()
    }

    /// The bodies of the dead letters, the oldest first. A message dies when it would be received once too often.
    pub fn dead(&self) -> Vec<String> {
        let mut stored = lock(&self.stored);
        stored.bury(self.clock.now(), self.max_receive_count);
        stored.dead.iter().map(|message| message.body.clone()).collect()
    }
}

impl Stored {
    fn bury(&mut self, now: Timestamp, max_receive_count: u32) {
        let is_over = |message: &Message| message.visible_from <= now && message.receive_count >= max_receive_count;
        let dead = self.waiting.extract_if(.., |message| is_over(message));
        self.dead.extend(dead);
    }
}

impl Message {
    fn deliver(&mut self, visible_from: Timestamp) -> Delivery {
        self.receive_count += 1;
        self.visible_from = visible_from;
        Delivery {
            message_id: self.id.to_string(),
            receipt_handle: self.receipt_handle(),
            body: self.body.clone(),
            receive_count: self.receive_count,
            group: self.group.clone(),
            trace: self.trace,
        }
    }

    fn receipt_handle(&self) -> String {
        format!("{}-{}", self.id, self.receive_count)
    }
}

impl IngestQueue for MemoryQueue {
    async fn send_arrival(&self, task: TaskId) -> Result<(), PortError> {
        self.faults.run("send", || {
            self.send_body(UploadEvent::arrival(task));
            Ok(())
        })
    }
}

impl ReportQueue for MemoryQueue {
    async fn send_report(&self, message: &ReportMessage) -> Result<(), PortError> {
        self.faults.run("send", || {
            self.send_body(message.encode());
            Ok(())
        })
    }
}

impl BatchQueue for MemoryQueue {
    async fn send(&self, owner: &Owner, trace: TraceParent, messages: &[BatchMessage]) -> Result<(), PortError> {
        self.faults.run("send", || {
            messages.iter().for_each(|message| self.send_of(Some(owner.to_string()), Some(trace), message.encode()));
            Ok(())
        })
    }
}

impl Deliveries for MemoryQueue {
    async fn postpone(&self, receipt_handle: &str, wait: Duration) -> Result<(), PortError> {
        self.faults.run("postpone", || {
            let now = self.clock.now();
            let mut stored = lock(&self.stored);
            let in_hand = |message: &&mut Message| {
                message.receipt_handle() == receipt_handle && message.receive_count > 0 && message.visible_from > now
            };
            let message = stored.waiting.iter_mut().find(in_hand);
            let message =
                message.ok_or_else(|| PortError::permanent("postpone in memory", "it is in nobody's hands"))?;
            message.visible_from = now.plus(wait);
            Ok(())
        })
    }
}

impl QueueMonitor for MemoryQueue {
    async fn depths(&self) -> Result<Vec<QueueDepth>, PortError> {
        self.faults.run("depths", || {
            let now = self.clock.now();
            let mut stored = lock(&self.stored);
            stored.bury(now, self.max_receive_count);
            let in_flight = stored.waiting.iter().filter(|message| message.visible_from > now).count();
            Ok(vec![QueueDepth {
                name: self.name.clone(),
                visible: (stored.waiting.len() - in_flight) as u64,
                in_flight: in_flight as u64,
                delayed: 0,
                dead: stored.dead.len() as u64,
            }])
        })
    }
}
