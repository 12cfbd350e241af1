use super::*;
use crate::ids::{Owner, PipelineRef, TaskId};
use crate::task::Order;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

const PATIENCE: Patience = Patience {
    step: Duration::from_secs(10),
    empty_queue: Duration::from_secs(100),
    retention: Duration::from_secs(1000),
    upload: Duration::from_secs(500),
    stuck: Duration::from_secs(300),
};

fn task(state: TaskState, change: impl FnOnce(&mut Task)) -> Task {
    let order = Order {
        owner: "acme".parse::<Owner>().unwrap(),
        pipeline: PipelineRef { name: "orders".into(), version: "1".into() },
        filename: None,
        media_type: None,
        size: 1,
        sheet: None,
        batch_size: 1000,
    };
    let mut task = Task::registered(TaskId::new(at(0), [1; 10]), order, at(0));
    task.head.state = state;
    task.head.split.fanned_out = true;
    change(&mut task);
    task
}

#[track_caller]
fn check(task: &Task, now: u64, is_queue_empty: bool, expected: Sweep) {
    let seen = Observation { task, batches: &[], is_queue_empty };
    assert_eq!(decide(&seen, at(now), &PATIENCE), expected, "{:?} at {now}", task.head.state);
}

#[test]
fn an_upload_is_looked_for_and_given_up_when_its_time_is_over() {
    let waiting = task(TaskState::AwaitingUpload, |_| {});
    check(&waiting, 9, true, Sweep::Nothing);
    check(&waiting, 10, true, Sweep::LookForUpload { is_late: false });
    check(&waiting, 500, true, Sweep::LookForUpload { is_late: true });
}

#[test]
fn a_file_is_read_again_when_its_reader_is_long_gone() {
    let splitting = task(TaskState::Splitting, |task| task.head.split.lease_until = at(60));
    check(&splitting, 69, true, Sweep::Nothing);
    check(&splitting, 70, true, Sweep::ReadAgain);
}

#[test]
fn messages_that_nobody_sent_are_sent() {
    let half_sent = task(TaskState::Processing, |task| task.head.split.fanned_out = false);
    check(&half_sent, 9, true, Sweep::Nothing);
    check(&half_sent, 10, false, Sweep::SendOpen);
}

#[test]
fn messages_are_held_for_lost_when_the_queue_is_empty_or_has_forgotten_them() {
    let processing = task(TaskState::Processing, |_| {});
    check(&processing, 99, true, Sweep::Nothing);
    check(&processing, 100, true, Sweep::SendAgain);
    check(&processing, 999, false, Sweep::Nothing);
    check(&processing, 1000, false, Sweep::SendAgain);
}

#[test]
fn what_a_worker_does_is_activity() {
    let processing = task(TaskState::Processing, |_| {});
    let message = crate::message::BatchMessage {
        task: processing.id,
        batch: crate::ids::BatchNumber::new(0),
        plan: crate::plan::BatchPlan {
            first_row: crate::ids::RowNumber::new(2),
            last_row: crate::ids::RowNumber::new(2),
            rows: 1,
            bytes: crate::plan::ByteRange { start: 0, end: 9 },
        },
    };
    let held = Batch::unclaimed(&message).claimed("worker", "m1", at(90), at(150)).unwrap();
    let decided = |now: u64| {
        let batches = std::slice::from_ref(&held);
        decide(&Observation { task: &processing, batches, is_queue_empty: true }, at(now), &PATIENCE)
    };
    assert_eq!(decided(249), Sweep::Nothing);
    assert_eq!(decided(250), Sweep::SendAgain);
}

#[test]
fn a_paused_task_is_resumed_only_when_it_says_when() {
    check(&task(TaskState::Paused, |_| {}), 100_000, true, Sweep::Nothing);
    let trying = task(TaskState::Paused, |task| task.head.resume_at = Some(at(30)));
    check(&trying, 29, true, Sweep::Nothing);
    check(&trying, 30, true, Sweep::Resume);
}

#[test]
fn an_ended_task_is_audited_once() {
    check(&task(TaskState::Cancelling, |_| {}), 1, false, Sweep::CloseOpen);
    for state in TaskState::ALL.into_iter().filter(|state| state.is_final()) {
        check(&task(state, |_| {}), 1, false, Sweep::LastAudit);
        check(&task(state, |task| task.head.is_audited = true), 1, false, Sweep::Nothing);
    }
}

#[test]
fn a_task_that_should_move_and_does_not_is_stuck() {
    let check = |task: &Task, now: u64, expected: bool| {
        let seen = Observation { task, batches: &[], is_queue_empty: false };
        assert_eq!(is_stuck(&seen, at(now), &PATIENCE), expected, "{:?} at {now}", task.head.state);
    };
    for state in [TaskState::Splitting, TaskState::Processing, TaskState::Cancelling] {
        check(&task(state, |_| {}), 299, false);
        check(&task(state, |_| {}), 300, true);
    }
    for state in [TaskState::AwaitingUpload, TaskState::Paused, TaskState::Completed] {
        check(&task(state, |_| {}), 300, false);
    }
    check(&task(TaskState::Splitting, |task| task.head.split.lease_until = at(60)), 359, false);
}
