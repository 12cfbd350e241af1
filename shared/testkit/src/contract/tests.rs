//! The contracts, held against the fakes.

use std::time::Duration;

use super::queue::MemoryInbox;
use crate::memory::{ManualClock, MemoryLedger, MemoryObjects, MemoryQueue};

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
