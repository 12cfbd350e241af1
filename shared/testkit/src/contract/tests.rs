//! The contracts, held against the fakes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use filas_domain::row_queue::RowMessage;

use super::{Inbox, RowInbox};
use crate::memory::{
    Delivery, ManualClock, MemoryAccess, MemoryLedger, MemoryObjects, MemoryPermits, MemoryPipelines, MemoryQueue,
    MemoryRecords, MemoryRowQueue, MemorySecrets, MemoryWatchers,
};

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
    super::report_queue(&queue, &inbox).await;
    super::queue(&queue, &queue, &queue, &inbox).await;
}

#[tokio::test]
async fn the_records_in_memory_keep_the_contract() {
    super::records(&MemoryRecords::new()).await;
}

#[tokio::test]
async fn the_keys_and_rates_in_memory_keep_the_contract() {
    super::keys(&MemoryAccess::new()).await;
    super::rates(&MemoryAccess::new()).await;
}

#[tokio::test]
async fn the_permits_in_memory_keep_the_contract() {
    super::permits(&MemoryPermits::new()).await;
}

#[tokio::test]
async fn the_pipelines_in_memory_keep_the_contract() {
    super::pipelines(&MemoryPipelines::new()).await;
}

#[tokio::test]
async fn the_secrets_in_memory_keep_the_contract() {
    let secrets = MemorySecrets::new();
    super::secrets(&secrets, async |owner, name, text| secrets.put(owner, name, text)).await;
}

#[tokio::test]
async fn the_watchers_in_memory_keep_the_contract() {
    super::watchers(&MemoryWatchers::new()).await;
}

/// The calls of a queue in memory that were not taken yet.
struct MemoryRowInbox {
    queue: MemoryRowQueue,
    taken: AtomicUsize,
}

impl RowInbox for MemoryRowInbox {
    async fn take(&self) -> Vec<RowMessage> {
        let calls = self.queue.calls();
        let taken = self.taken.swap(calls.len(), Ordering::SeqCst);
        calls.into_iter().skip(taken).flat_map(|call| call.messages).collect()
    }
}

#[tokio::test]
async fn the_row_queue_in_memory_keeps_the_contract() {
    let queue = MemoryRowQueue::new();
    let inbox = MemoryRowInbox { queue: queue.clone(), taken: AtomicUsize::new(0) };
    super::row_queue(&queue, "memory://rows", &inbox).await;
}
