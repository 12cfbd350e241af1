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
