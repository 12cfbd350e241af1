use super::*;
use crate::ids::{BatchNumber, PipelineRef, RowNumber};
use crate::message::BatchMessage;
use crate::plan::{BatchPlan, ByteRange};
use crate::task::{Order, Reason};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const ORIGIN: Origin<'static> = Origin { source: "stack", sequence: "123" };

fn task(state: TaskState, version: u64) -> Task {
    let order = Order {
        owner: "acme".parse().unwrap(),
        pipeline: PipelineRef { name: "prices".into(), version: "12ab".into() },
        filename: None,
        media_type: None,
        size: 12,
        sheet: None,
        batch_size: 1000,
    };
    let mut task = Task::registered(TaskId::new(NOW, [3; 10]), order, NOW);
    (task.head.state, task.version) = (state, version);
    task
}

fn check_task(old: Option<Task>, new: Option<Task>, expected: &str) {
    let event = of_task(ORIGIN, old.as_ref(), new.as_ref()).unwrap();
    assert_eq!(event.kind, format!("filas.task.{expected}"), "{old:?} {new:?}");
    assert_eq!(event.subject, format!("tasks/{}", task(TaskState::Paused, 1).id));
    assert_eq!(event.owner.unwrap().as_str(), "acme");
}

#[test]
fn each_change_of_a_task_has_a_name() {
    use TaskState as S;
    check_task(None, Some(task(S::AwaitingUpload, 1)), "created");
    check_task(Some(task(S::Completed, 1)), None, "deleted");
    for (old, new, expected) in [
        (S::AwaitingUpload, S::Splitting, "splitting"),
        (S::Splitting, S::Processing, "processing"),
        (S::Processing, S::Paused, "paused"),
        (S::Paused, S::Processing, "resumed"),
        (S::Processing, S::Cancelling, "cancelling"),
        (S::Cancelling, S::Cancelled, "cancelled"),
        (S::Processing, S::Completed, "completed"),
        (S::Processing, S::CompletedWithFailures, "completed"),
        (S::CompletedWithFailures, S::Processing, "redriven"),
        (S::Cancelled, S::Processing, "redriven"),
        (S::Splitting, S::Failed, "failed"),
        (S::AwaitingUpload, S::Expired, "expired"),
        (S::Processing, S::Processing, "updated"),
    ] {
        check_task(Some(task(old, 1)), Some(task(new, 2)), expected);
    }
    check_task(Some(task(S::Processing, 2)), Some(task(S::Processing, 2)), "progress");
}

#[test]
fn every_legal_transition_has_an_event_of_its_own() {
    for old in TaskState::ALL {
        for new in TaskState::ALL.into_iter().filter(|new| old.may_become(*new)) {
            let event = of_task(ORIGIN, Some(&task(old, 1)), Some(&task(new, 2))).unwrap();
            assert!(!event.kind.ends_with("updated") && !event.kind.ends_with("progress"), "{old:?} to {new:?}");
        }
    }
}

#[test]
fn the_same_record_is_the_same_event() {
    let mut ended = task(TaskState::Failed, 2);
    ended.head.reason = Some(Reason { code: "FILE_ENCRYPTED".into(), message: "Remove the password.".into() });
    let event = of_task(ORIGIN, Some(&task(TaskState::Splitting, 1)), Some(&ended)).unwrap();
    assert_eq!(of_task(ORIGIN, Some(&task(TaskState::Splitting, 1)), Some(&ended)).unwrap(), event);
    assert_eq!(event.id, format!("tasks/{}@123", ended.id));
    let json = serde_json::to_value(&event).unwrap();
    assert_eq!((&json["specversion"], &json["type"]), (&"1.0".into(), &"filas.task.failed".into()));
    assert_eq!((&json["source"], &json["data"]["reason"]["code"]), (&"/filas/stack".into(), &"FILE_ENCRYPTED".into()));
    assert_eq!(json["time"], "2023-11-14T22:13:20Z");
    assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
}

#[test]
fn sequences_sort_as_numbers_do() {
    let of = |sequence| of_damage(Origin { source: "stack", sequence }, "x").sequence;
    assert!(of("9") < of("10"));
}

#[test]
fn each_change_of_a_batch_has_a_name() {
    let plan = BatchPlan {
        first_row: RowNumber::new(2),
        last_row: RowNumber::new(9),
        rows: 8,
        bytes: ByteRange { start: 10, end: 90 },
    };
    let message = BatchMessage { task: task(TaskState::Processing, 1).id, batch: BatchNumber::new(7), plan };
    let claimed = Batch::unclaimed(&message).claimed("worker", "message", NOW, NOW).unwrap();
    let with = |state| Batch { state, ..claimed.clone() };
    for (state, expected) in [
        (BatchState::Queued, "queued"),
        (BatchState::Parked, "parked"),
        (BatchState::Done, "completed"),
        (BatchState::Dead, "dead"),
        (BatchState::Cancelled, "cancelled"),
        (BatchState::Processing, "updated"),
    ] {
        let event = of_batch(ORIGIN, Some(&claimed), Some(&with(state))).unwrap();
        assert_eq!(event.kind, format!("filas.batch.{expected}"));
        assert_eq!(event.subject, format!("tasks/{}/batches/7", message.task));
    }
    let event = of_batch(ORIGIN, None, Some(&claimed)).unwrap();
    assert_eq!((event.kind.as_str(), &event.data["worker"]), ("filas.batch.processing", &"worker".into()));
    assert_eq!(of_batch(ORIGIN, Some(&claimed), None), None);
}
