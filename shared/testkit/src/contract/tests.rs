//! The contracts, held against the fakes.

use std::time::Duration;

use super::Inbox;
use crate::memory::{Delivery, ManualClock, MemoryLedger, MemoryObjects, MemoryQueue};

/// The other end of a queue in memory, with the clock that it goes by.
struct MemoryInbox {
    queue: MemoryQueue,
    clock: ManualClock,
}

impl Inbox for MemoryInbox {
    async fn receive(&self) -> Vec<Delivery> {
        self.queue.receive(10)
    }

    async fn delete(&self, receipt_handle: &str) {
        self.queue.delete(receipt_handle);
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

#[tokio::test]
async fn the_ledger_in_memory_keeps_the_contract() {
    super::ledger(&MemoryLedger::new()).await;
}

#[tokio::test]
async fn the_objects_in_memory_keep_the_contract() {
    super::objects(&MemoryObjects::new()).await;
}

#[tokio::test]
async fn the_queue_in_memory_keeps_the_contract() {
    let clock = ManualClock::default();
    let queue = MemoryQueue::new("batch", &clock, Duration::from_secs(60), 2);
    let inbox = MemoryInbox { queue: queue.clone(), clock };
    super::queue(&queue, &queue, &queue, &inbox).await;
}
