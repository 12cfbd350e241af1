use std::collections::BTreeSet;

use filas_testkit::memory::{MemoryLedger, MemoryTopic};
use serde_json::json;

use super::*;

/// A task is registered, split, its only batch claimed and closed, it ends, and both are deleted.
const STREAM: &str = include_str!("../../../../shared/aws/fixtures/stream-aws.json");

fn stream() -> StreamEvent {
    serde_json::from_str(STREAM).unwrap()
}

fn notifier(topic: &MemoryTopic) -> Notifier<MemoryLedger, MemoryTopic> {
    Notifier::new(MemoryLedger::new(), topic.clone(), "stack")
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

#[tokio::test]
async fn every_change_is_told_in_order_and_with_its_owner() {
    let topic = MemoryTopic::new();
    assert!(notifier(&topic).run(&stream()).await.unwrap().is_empty());
    let events = topic.published();
    let expected = [
        "filas.task.created",
        "filas.task.processing",
        "filas.batch.processing",
        "filas.batch.completed",
        "filas.task.progress",
        "filas.task.completed",
        "filas.task.deleted",
    ];
    assert_eq!(BTreeSet::from_iter(kinds(&events)), BTreeSet::from_iter(expected), "{events:#?}");
    assert_eq!(events.len(), expected.len(), "an idempotency key and the end of a batch's item are no events");
    assert!(events.iter().all(|event| event.owner.is_some() && event.task == events[0].task), "{events:#?}");
    assert!(events.iter().map(|event| &event.sequence).is_sorted(), "{events:#?}");
}

#[tokio::test]
async fn a_crash_before_the_end_publishes_again_under_the_same_ids() {
    let topic = MemoryTopic::new();
    // A topic that takes everything and whose answer is lost: to the function it is a crash.
    topic.lose_answers("publish", 1);
    let notifier = notifier(&topic);
    assert!(notifier.run(&stream()).await.is_err(), "an answer that says that all is well would lose events");
    notifier.run(&stream()).await.unwrap();
    let ids: Vec<_> = topic.published().into_iter().map(|event| event.id).collect();
    let (first, second) = ids.split_at(ids.len() / 2);
    assert_eq!(first, second);
    assert_eq!(BTreeSet::from_iter(first).len(), first.len(), "no two events share an id");
}

#[tokio::test]
async fn a_damaged_item_is_told_and_holds_nothing_up() {
    let topic = MemoryTopic::new();
    let mut event: serde_json::Value = serde_json::from_str(STREAM).unwrap();
    event["Records"][0]["dynamodb"]["NewImage"]["head"] = json!({ "S": "?" });
    notifier(&topic).run(&serde_json::from_value(event).unwrap()).await.unwrap();
    let events = topic.published();
    assert_eq!(events[0].kind, "filas.record.unreadable");
    assert_eq!(events.len(), 7);
}

#[tokio::test]
async fn whose_a_batch_is_is_looked_up_or_the_records_come_again() {
    let topic = MemoryTopic::new();
    let mut event: serde_json::Value = serde_json::from_str(STREAM).unwrap();
    let of_batches = |record: &serde_json::Value| {
        record["dynamodb"]["Keys"]["sk"]["S"].as_str().is_some_and(|key| key.starts_with("BATCH#"))
    };
    event["Records"].as_array_mut().unwrap().retain(of_batches);
    let stream: StreamEvent = serde_json::from_value(event).unwrap();
    let ledger = MemoryLedger::new();
    let notifier = Notifier::new(ledger.clone(), topic.clone(), "stack");
    ledger.fail_next("task", 1);
    assert!(notifier.run(&stream).await.is_err());
    assert_eq!(topic.published(), []);
    // The task is gone: the event still goes out.
    notifier.run(&stream).await.unwrap();
    assert_eq!(kinds(&topic.published()), ["filas.batch.processing", "filas.batch.completed"]);
    assert_eq!(topic.published()[0].owner, None);
}
