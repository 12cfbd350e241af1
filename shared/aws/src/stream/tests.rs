use filas_domain::batch::BatchState;
use filas_domain::task::TaskState;
use serde_json::json;

use super::*;

/// The two tell of the same writes: a task and the key of its request are registered, it is split, its only batch is
/// claimed and closed, it ends, and both are deleted.
const AS_AWS_SENDS_IT: &str = include_str!("../../fixtures/stream-aws.json");
/// Captured from MiniStack 1.5.33.
const AS_MINISTACK_SENDS_IT: &str = include_str!("../../fixtures/stream-ministack.json");

fn event(json: &str) -> StreamEvent {
    serde_json::from_str(json).unwrap()
}

fn changes(json: &str) -> Vec<Change> {
    event(json).records.iter().map(|record| record.change().unwrap()).collect()
}

fn tasks(change: &Change) -> Option<(Option<TaskState>, Option<TaskState>)> {
    let state = |task: &Option<Box<Task>>| task.as_ref().map(|task| task.head.state);
    match change {
        Change::Task { old, new } => Some((state(old), state(new))),
        _ => None,
    }
}

fn batches(change: &Change) -> Option<(Option<BatchState>, Option<BatchState>)> {
    let state = |batch: &Option<Box<Batch>>| batch.as_ref().map(|batch| batch.state);
    match change {
        Change::Batch { old, new } => Some((state(old), state(new))),
        _ => None,
    }
}

#[test]
fn writes_are_read_as_aws_and_as_ministack_send_them() {
    use TaskState::{AwaitingUpload, CompletedWithFailures, Processing};
    for json in [AS_AWS_SENDS_IT, AS_MINISTACK_SENDS_IT] {
        let changes = changes(json);
        let of_tasks: Vec<_> = changes.iter().filter_map(tasks).collect();
        let expected = [
            (None, Some(AwaitingUpload)),
            (Some(AwaitingUpload), Some(Processing)),
            (Some(Processing), Some(Processing)),
            (Some(Processing), Some(CompletedWithFailures)),
            (Some(CompletedWithFailures), None),
        ];
        assert_eq!(of_tasks, expected);
        let of_batches: Vec<_> = changes.iter().filter_map(batches).collect();
        let expected = [
            (None, Some(BatchState::Processing)),
            (Some(BatchState::Processing), Some(BatchState::Done)),
            (Some(BatchState::Done), None),
        ];
        assert_eq!(of_batches, expected);
        assert_eq!(changes.iter().filter(|change| **change == Change::Other).count(), 1, "the idempotency key");
        assert_eq!(changes.len(), 9);
    }
}

#[test]
fn a_change_carries_everything_that_is_stored() {
    let Some(Change::Task { new: Some(task), .. }) = changes(AS_AWS_SENDS_IT).into_iter().nth(6) else {
        panic!("the seventh record is the end of the task");
    };
    assert_eq!(task.head.order.filename.as_deref(), Some("prices.csv"));
    assert_eq!((task.version, task.tally.counts.succeeded, task.tally.done), (3, 7, 1));
    assert_eq!(task.tally.counts.failed_by_code["HTTP_422"], 1);
    assert_eq!(task.head.finished.unwrap().as_millis(), 1_700_000_001_073);
    let Some(Change::Batch { new: Some(batch), .. }) =
        changes(AS_AWS_SENDS_IT).into_iter().find(|change| batches(change).is_some_and(|(old, _)| old.is_some()))
    else {
        panic!("a batch was closed");
    };
    assert_eq!((batch.task, batch.version, batch.parts[0].bytes.end), (task.id, 2, 300));
}

#[test]
fn an_answer_names_a_record() {
    let event = event(AS_AWS_SENDS_IT);
    let answer = StreamAnswer::again_from(&event.records[1]);
    assert_eq!(
        serde_json::to_value(&answer).unwrap(),
        json!({ "batchItemFailures": [{ "itemIdentifier": event.records[1].sequence_number() }] })
    );
    assert_eq!(serde_json::to_value(StreamAnswer::default()).unwrap(), json!({ "batchItemFailures": [] }));
    assert!(StreamAnswer::default().is_empty() && !answer.is_empty());
}

fn check_unreadable(spoil: impl Fn(&mut Value), expected: &str) {
    let mut event: Value = serde_json::from_str(AS_AWS_SENDS_IT).unwrap();
    spoil(&mut event["Records"][0]["dynamodb"]);
    let event: StreamEvent = serde_json::from_value(event).unwrap();
    let number = event.records[0].sequence_number().to_owned();
    let error = event.records[0].change().unwrap_err();
    assert_eq!(filas_domain::error_chain(&error), expected.replace("NUMBER", &number));
    assert!(event.records[2].change().is_ok(), "its neighbours are read all the same");
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_the_record() {
    check_unreadable(
        |record| record["Keys"] = json!({ "id": { "S": "x" } }),
        "the stream record NUMBER does not have the keys of the ledger",
    );
    check_unreadable(
        |record| drop(record.as_object_mut().unwrap().remove("NewImage")),
        "the stream record NUMBER has no image",
    );
    let cannot = "the stream record NUMBER cannot be read: the stored";
    check_unreadable(
        |record| drop(record["NewImage"].as_object_mut().unwrap().remove("head")),
        &format!("{cannot} item has no usable head"),
    );
    for foreign in [json!({ "B": "AAEqQQ==" }), json!({ "SS": ["a"] }), json!({ "N": 1 }), json!({}), json!("text")] {
        check_unreadable(
            |record| record["NewImage"]["owner"] = foreign.clone(),
            &format!("{cannot} value has a type that Filas does not write"),
        );
    }
}
