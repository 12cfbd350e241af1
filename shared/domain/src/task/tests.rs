use std::time::Duration;

use super::*;

const LEASE: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn registered() -> Task {
    let order = Order {
        owner: "local".parse().unwrap(),
        pipeline: PipelineRef { name: "orders".into(), version: "1".into() },
        filename: Some("orders.xlsx".into()),
        media_type: None,
        size: 10,
        sheet: None,
        batch_size: 1000,
    };
    Task::registered(TaskId::new(at(1), [1; 10]), order, at(1))
}

/// The task after its head was written.
fn with(task: &Task, head: Head) -> Task {
    assert!(
        task.head.state == head.state || task.head.state.may_become(head.state),
        "{:?} -> {:?}",
        task.head.state,
        head.state
    );
    Task { version: task.version + 1, head, ..task.clone() }
}

fn reading(task: &Task, now: Timestamp) -> Task {
    match task.decide_split(now, LEASE) {
        SplitDecision::Read(head) => with(task, *head),
        other => panic!("not to be read: {other:?}"),
    }
}

#[test]
fn state_names_read_back() {
    for state in TaskState::ALL {
        assert_eq!(TaskState::parse(state.as_str()), Some(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    assert_eq!(TaskState::parse("nothing"), None);
}

#[test]
fn final_states_are_left_by_a_redrive_only() {
    for state in TaskState::ALL.into_iter().filter(|state| state.is_final()) {
        for next in TaskState::ALL {
            if state.may_become(next) {
                assert_eq!(next, TaskState::Processing, "{state:?} -> {next:?}");
            }
        }
    }
}

#[test]
fn two_events_for_one_file_are_one_split() {
    let task = reading(&registered(), at(2));
    assert_eq!(task.decide_split(at(3), LEASE), SplitDecision::Wait(at(62)));
    let task = with(&task, task.split_done(5, 1, "csv", at(4)));
    assert_eq!(task.decide_split(at(5), LEASE), SplitDecision::SendAgain);
    let task = with(&task, task.fanned_out(at(5)));
    assert_eq!(task.decide_split(at(6), LEASE), SplitDecision::Nothing);
}

#[test]
fn a_reader_that_died_is_replaced_and_then_the_file_is_given_up() {
    let first = reading(&registered(), at(2));
    let second = reading(&first, at(100));
    assert_eq!(second.head.split.epoch, 2);
    match second.decide_split(at(200), LEASE) {
        SplitDecision::GiveUp(head) => assert_eq!(head.reason.unwrap().code, "FILE_CRASHES_READER"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn machine_trouble_while_reading_is_not_held_against_the_file() {
    let mut task = registered();
    for second in 2..20 {
        task = reading(&task, at(second));
        task = with(&task, task.split_released(at(second)));
    }
    assert_eq!(task.head.split.epoch, 0);
}

#[test]
fn a_file_without_rows_is_complete_at_once() {
    let task = reading(&registered(), at(2));
    let head = task.split_done(0, 0, "xlsx", at(3));
    assert_eq!((head.state, head.finished, head.total), (TaskState::Completed, Some(at(3)), Some(0)));
}

#[test]
fn a_task_finishes_once_and_only_when_every_batch_is_closed() {
    let task = reading(&registered(), at(2));
    let mut task = with(&task, task.split_done(20, 2, "csv", at(3)));
    task.tally.done = 1;
    task.tally.counts.succeeded = 10;
    assert_eq!(task.finished(at(4)), None);
    task.tally.dead = 1;
    task.tally.counts.unprocessed = 10;
    let task = with(&task, task.finished(at(5)).unwrap());
    assert_eq!(task.head.state, TaskState::CompletedWithFailures);
    assert_eq!(task.finished(at(6)), None);
}

#[test]
fn all_rows_through_is_completed() {
    let task = reading(&registered(), at(2));
    let mut task = with(&task, task.split_done(10, 1, "csv", at(3)));
    task.tally.done = 1;
    task.tally.counts.succeeded = 10;
    assert_eq!(task.finished(at(4)).unwrap().state, TaskState::Completed);
}

fn in_state(state: TaskState) -> Task {
    let mut task = registered();
    task.head.state = state;
    if !matches!(state, TaskState::AwaitingUpload | TaskState::Splitting | TaskState::Failed | TaskState::Expired) {
        (task.head.total, task.head.batches) = (Some(10), Some(1));
        task.head.split.fanned_out = true;
    }
    task
}

#[test]
fn commands_change_states_as_the_diagram_says_and_never_twice() {
    let reason = || Reason { code: "PARTNER_DOWN".into(), message: "no answer".into() };
    for state in TaskState::ALL {
        let task = in_state(state);
        let changed = [
            task.cancel(None, at(9)),
            task.pause(reason(), Some(at(20)), at(9)),
            task.resume(at(9)),
            task.reopened(at(9)).map(|head| Changed::To(Box::new(head))),
        ];
        for changed in changed.into_iter().flatten() {
            let Changed::To(head) = changed else { continue };
            let same = head.state == state && state == TaskState::Processing;
            assert!(same || state.may_become(head.state), "{state:?} -> {:?}", head.state);
        }
    }
    assert_eq!(in_state(TaskState::Cancelled).cancel(None, at(9)), Ok(Changed::Already));
    assert_eq!(in_state(TaskState::Paused).pause(reason(), None, at(9)), Ok(Changed::Already));
    assert_eq!(in_state(TaskState::Processing).resume(at(9)), Ok(Changed::Already));
    let refused = in_state(TaskState::Completed).pause(reason(), None, at(9)).unwrap_err();
    assert_eq!(refused.to_string(), "a task that is completed cannot be paused");
}

#[test]
fn a_task_is_cancelled_at_once_while_it_has_no_rows() {
    let Ok(Changed::To(head)) = in_state(TaskState::Splitting).cancel(None, at(9)) else { panic!("refused") };
    assert_eq!((head.state, head.finished), (TaskState::Cancelled, Some(at(9))));
    let Ok(Changed::To(head)) = in_state(TaskState::Paused).cancel(None, at(9)) else { panic!("refused") };
    assert_eq!((head.state, head.finished), (TaskState::Cancelling, None));
}

#[test]
fn whoever_resumes_or_reopens_a_task_owes_it_messages() {
    let Ok(Changed::To(head)) = in_state(TaskState::Paused).resume(at(9)) else { panic!("refused") };
    assert!(!head.split.fanned_out);
    assert!(!in_state(TaskState::Completed).reopened(at(9)).unwrap().split.fanned_out);
}

#[test]
fn a_paused_task_ends_when_its_last_batch_does() {
    let mut task = in_state(TaskState::Paused);
    assert_eq!(task.finished(at(9)), None);
    task.tally.done = 1;
    assert_eq!(task.finished(at(9)).unwrap().state, TaskState::Completed);
}
