//! A queue service: at least once, in any order, some time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::delivery::{Delivery, UploadEvent};
use filas_domain::ids::{Owner, TaskId};
use filas_domain::message::BatchMessage;
use filas_domain::ports::{
    BatchQueue, Clock as _, Deliveries, IngestQueue, PortError, QueueDepth, QueueMonitor, ReportQueue,
};
use filas_domain::report::ReportMessage;
use filas_domain::trace::TraceParent;
use tokio::sync::Notify;

use crate::bugs::Bug;
use crate::sim::{QueueFault, Sim};

/// How a queue is set up, as in the template.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Its name in the depths.
    pub name: &'static str,
    /// When a message comes again that nobody has deleted or postponed.
    pub visibility: Duration,
    /// When a message is forgotten.
    pub retention: Duration,
    /// Deliveries before a message is a dead letter; `None` without a dead-letter queue.
    pub deliveries: Option<u32>,
}

/// A queue. Its clones are the same queue.
#[derive(Debug, Clone)]
pub struct SimQueue {
    sim: Arc<Sim>,
    settings: Settings,
    bug: Option<Bug>,
    stored: Arc<Mutex<Stored>>,
    arrived: Arc<Notify>,
    dead: Option<Box<SimQueue>>,
}

#[derive(Debug, Default)]
struct Stored {
    sent: u64,
    messages: VecDeque<Message>,
}

#[derive(Debug, Clone)]
struct Message {
    id: String,
    body: String,
    sent: Timestamp,
    receive_count: u32,
    visible_from: Timestamp,
}

impl SimQueue {
    /// An empty queue, whose dead letters go to `dead`.
    pub fn new(sim: &Arc<Sim>, settings: Settings, dead: Option<&Self>, bug: Option<Bug>) -> Self {
        let dead = dead.cloned().map(Box::new);
        Self { sim: sim.clone(), settings, bug, stored: Arc::default(), arrived: Arc::default(), dead }
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.sim.clock().now()
    }

    /// Sends any text.
    pub fn send_body(&self, body: String) {
        let sim = &self.sim;
        let id = {
            let mut stored = self.stored();
            stored.sent += 1;
            format!("{}-{}", self.settings.name, stored.sent)
        };
        if sim.queue_fault(QueueFault::LostMessage) || self.is_lost_by_bug() {
            sim.note(self.settings.name, || format!("{id} IS LOST"));
            return;
        }
        let mut visible_from = self.now();
        if sim.queue_fault(QueueFault::Delay) {
            visible_from = visible_from.plus(Duration::from_secs(sim.roll(|dice| dice.between(1, 900))));
        }
        self.stored().messages.push_back(Message { id, body, sent: self.now(), receive_count: 0, visible_from });
        self.arrived.notify_waiters();
    }

    fn is_lost_by_bug(&self) -> bool {
        self.bug == Some(Bug::QueueForgets) && self.sim.roll(|dice| dice.chance(100))
    }

    /// Waits until a message can be received.
    pub async fn wait(&self) {
        loop {
            let arrived = self.arrived.notified();
            match self.next_visible() {
                Some(wait) if wait.is_zero() => return,
                Some(wait) => {
                    // Whichever is first; both are only a reason to look again.
                    tokio::time::timeout(wait, arrived).await.ok();
                }
                None => arrived.await,
            }
        }
    }

    fn next_visible(&self) -> Option<Duration> {
        let now = self.now();
        self.stored().messages.iter().map(|message| message.visible_from.since(now)).min()
    }

    /// Receives up to `at_most` of the messages that are visible now, in any order. Those that were delivered too often
    /// become dead letters, and those that are too old are gone.
    pub fn receive(&self, at_most: u64) -> Vec<Delivery> {
        let now = self.now();
        self.forget_old(now);
        self.bury(now);
        let mut stored = self.stored();
        let visible = |message: &&mut Message| message.visible_from <= now;
        let mut visible: Vec<&mut Message> = stored.messages.iter_mut().filter(visible).collect();
        let wanted = self.sim.roll(|dice| dice.between(1, at_most));
        let mut received = Vec::new();
        while !visible.is_empty() && (received.len() as u64) < wanted {
            let message = visible.swap_remove(self.sim.roll(|dice| dice.index(visible.len())));
            message.receive_count += 1;
            message.visible_from = now.plus(self.settings.visibility);
            if self.sim.queue_fault(QueueFault::Duplicate) {
                message.visible_from = now.plus(Duration::from_secs(self.sim.roll(|dice| dice.below(20))));
                self.sim.note(self.settings.name, || format!("{} WILL COME TO A SECOND RECEIVER", message.id));
            }
            let handle = format!("{}/{}", message.id, message.receive_count);
            received.push(Delivery::new(&message.id, &handle, &message.body, message.receive_count));
        }
        drop(stored);
        self.arrived.notify_waiters();
        received
    }

    fn forget_old(&self, now: Timestamp) {
        self.stored().messages.retain(|message| {
            let is_young = now.since(message.sent) < self.settings.retention;
            if !is_young {
                self.sim.note(self.settings.name, || format!("{} is past the retention", message.id));
            }
            is_young
        });
    }

    fn bury(&self, now: Timestamp) {
        let (Some(deliveries), Some(dead)) = (self.settings.deliveries, &self.dead) else { return };
        let mut stored = self.stored();
        let (over, stay): (VecDeque<Message>, VecDeque<Message>) = std::mem::take(&mut stored.messages)
            .into_iter()
            .partition(|message| message.visible_from <= now && message.receive_count >= deliveries);
        stored.messages = stay;
        drop(stored);
        for message in over {
            self.sim.note(self.settings.name, || format!("{} becomes a dead letter", message.id));
            self.sim.count_dead_letter();
            // The id stays, and so does the time of sending; deliveries are counted anew.
            dead.stored().messages.push_back(Message { receive_count: 0, visible_from: now, ..message });
            dead.arrived.notify_waiters();
        }
    }

    /// Deletes the message of a delivery; the handle of an older delivery does too, as long as it is known.
    pub fn delete(&self, receipt_handle: &str) {
        if self.sim.queue_fault(QueueFault::LostAcknowledgement) {
            self.sim.note(self.settings.name, || format!("{receipt_handle} IS NOT DELETED"));
            return;
        }
        let id = receipt_handle.split('/').next().unwrap_or(receipt_handle);
        self.stored().messages.retain(|message| message.id != id);
    }

    /// Whether no message is in it, in somebody's hands or not.
    pub fn is_empty(&self) -> bool {
        self.stored().messages.is_empty()
    }

    fn depth(&self) -> QueueDepth {
        let now = self.now();
        let stored = self.stored();
        let visible = stored.messages.iter().filter(|message| message.visible_from <= now).count() as u64;
        QueueDepth {
            name: self.settings.name.to_owned(),
            visible,
            in_flight: stored.messages.len() as u64 - visible,
            delayed: 0,
            dead: self.dead.as_ref().map_or(0, |dead| dead.stored().messages.len() as u64),
        }
    }
}

impl BatchQueue for SimQueue {
    async fn send(&self, _: &Owner, _: TraceParent, messages: &[BatchMessage]) -> Result<(), PortError> {
        messages.iter().for_each(|message| self.send_body(message.encode()));
        Ok(())
    }
}

impl IngestQueue for SimQueue {
    async fn send_arrival(&self, task: TaskId) -> Result<(), PortError> {
        self.send_body(UploadEvent::arrival(task));
        Ok(())
    }
}

impl ReportQueue for SimQueue {
    async fn send_report(&self, message: &ReportMessage) -> Result<(), PortError> {
        self.send_body(message.encode());
        Ok(())
    }
}

impl Deliveries for SimQueue {
    async fn postpone(&self, receipt_handle: &str, wait: Duration) -> Result<(), PortError> {
        let now = self.now();
        let mut stored = self.stored();
        let is_it = |message: &&mut Message| {
            format!("{}/{}", message.id, message.receive_count) == receipt_handle && message.visible_from > now
        };
        let message = stored.messages.iter_mut().find(is_it);
        let message = message.ok_or_else(|| PortError::permanent("postpone a message", "it is in nobody's hands"))?;
        message.visible_from = now.plus(wait);
        drop(stored);
        self.arrived.notify_waiters();
        Ok(())
    }
}

/// Looks at the queues of the world, and is sometimes wrong, as the real ones are.
#[derive(Debug, Clone)]
pub struct Depths {
    sim: Arc<Sim>,
    queues: Vec<SimQueue>,
}

impl Depths {
    /// Of these queues.
    pub fn new(sim: &Arc<Sim>, queues: &[&SimQueue]) -> Self {
        Self { sim: sim.clone(), queues: queues.iter().map(|queue| (*queue).clone()).collect() }
    }
}

impl QueueMonitor for Depths {
    async fn depths(&self) -> Result<Vec<QueueDepth>, PortError> {
        let mut depths: Vec<QueueDepth> = self.queues.iter().map(SimQueue::depth).collect();
        if self.sim.queue_fault(QueueFault::WrongDepth) {
            depths.iter_mut().for_each(|depth| (depth.visible, depth.in_flight) = (0, 0));
        }
        Ok(depths)
    }
}
