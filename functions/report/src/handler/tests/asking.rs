//! Ends of tasks become requests for files.

use filas_aws::stream::StreamEvent;
use filas_domain::report::{ReportMessage, ResultFile};
use filas_testkit::memory::{At, Strike};
use serde_json::{Value, json};

use super::world::{World, failed, succeeded};
use crate::handler::Event;

/// The life of a task, as MiniStack tells it: its end is the seventh record.
const LIFE: &str = include_str!("../../../../../shared/aws/fixtures/stream-ministack.json");
const LIFE_ON_AWS: &str = include_str!("../../../../../shared/aws/fixtures/stream-aws.json");

fn event(json: &str) -> StreamEvent {
    match serde_json::from_str(json).unwrap() {
        Event::Stream(event) => event,
        Event::Queue(_) => panic!("a stream is taken for a queue"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_task_is_asked_for_and_nothing_else() {
    for life in [LIFE, LIFE_ON_AWS] {
        let world = World::new();
        assert!(world.reporter().tell(&event(life)).await.is_empty());
        let asked: Vec<_> = world.queue.bodies().iter().map(|body| ReportMessage::decode(body).unwrap()).collect();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].finished.as_millis(), 1_700_000_001_073);
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_told_comes_again_with_all_that_follows() {
    let world = World::new();
    let event = event(LIFE);
    world.strike(At::Of("send_report", 1), Strike::FailBefore);
    let answer = serde_json::to_value(world.reporter().tell(&event).await).unwrap();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], event.records[6].sequence_number());
    assert!(world.reporter().tell(&event).await.is_empty());
    assert_eq!(world.queue.bodies().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_is_no_end_of_the_others() {
    let world = World::new();
    let mut life: Value = serde_json::from_str(LIFE).unwrap();
    life["Records"][8]["dynamodb"]["OldImage"]["head"] = json!({ "S": "nonsense" });
    let event = event(&life.to_string());
    let answer = serde_json::to_value(world.reporter().tell(&event).await).unwrap();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], event.records[8].sequence_number());
    assert_eq!(world.queue.bodies().len(), 1, "what comes before it is told");
}

#[test]
fn messages_are_told_from_records() {
    let message = json!({"Records": [{
        "messageId": "m", "receiptHandle": "h", "body": "{}", "attributes": {"ApproximateReceiveCount": "1"},
    }]});
    assert!(matches!(serde_json::from_value(message).unwrap(), Event::Queue(_)));
}

#[tokio::test(start_paused = true)]
async fn two_requests_for_the_same_files_write_them_once() {
    let world = World::new();
    let id = world.split("csv", &[("order_id", None)], &[json!({"order_id": "A"}), json!({"order_id": null})]).await;
    world.end(id, &[succeeded(2), failed(3, "INVALID_ROW", "order_id: is required")]).await;
    world.report(id).await;
    let created = || world.fate.calls().iter().filter(|call| **call == "create").count();
    let before = created();
    world.report(id).await;
    assert_eq!(created(), before);
}

#[tokio::test(start_paused = true)]
async fn a_request_for_an_end_that_is_no_more_is_dropped() {
    let world = World::new();
    let id = world.split("csv", &[("order_id", None)], &[json!({"order_id": "A"}), json!({"order_id": "B"})]).await;
    world.end(id, &[succeeded(2), failed(3, "X", "no")]).await;
    world.ask(id).await;
    let key = world.key(id, ResultFile::Outcomes).await;
    let now = filas_domain::ports::Clock::now(&world.clock);
    world.head(id, |task| task.reopened(now).unwrap()).await;
    assert_eq!(world.invoke().await, 0);
    assert_eq!(world.objects.bytes(&key), None);
}

#[tokio::test(start_paused = true)]
async fn nonsense_stays_until_it_is_a_dead_letter() {
    let world = World::new();
    world.queue.send_body("{\"version\":9}");
    for _ in 0..10 {
        world.invoke().await;
        tokio::time::sleep(std::time::Duration::from_secs(600)).await;
        filas_domain::ports::Clock::now(&world.clock);
    }
    assert_eq!(world.queue.dead().len(), 1);
}
