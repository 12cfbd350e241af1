use super::*;
use crate::batch::Progress;
use crate::ids::{PipelineRef, RowNumber, TaskId};
use crate::message::BatchMessage;
use crate::outcome::Counts;
use crate::plan::{BatchPlan, ByteRange};
use crate::task::Order;

const ROWS: u32 = 100;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// A task of so many batches of which so many rows have their outcome; it was split at second 0.
fn task(batches: u32, rows: u64) -> Task {
    let order = Order {
        owner: "acme".parse().unwrap(),
        pipeline: PipelineRef { name: "orders".into(), version: "1".into() },
        filename: None,
        media_type: None,
        size: 1,
        sheet: None,
        batch_size: ROWS,
    };
    let mut task = Task::registered(TaskId::new(at(0), [1; 10]), order, at(0));
    task.head = task.split_done(u64::from(batches * ROWS), batches, "csv", at(0));
    task.tally.counts.succeeded = rows;
    task.tally.done = u32::try_from(rows).unwrap() / ROWS;
    task
}

/// A batch that a worker had from second `begun` to second `ended`.
fn done(number: u32, begun: u64, ended: u64) -> Batch {
    let plan = BatchPlan {
        first_row: RowNumber::new(number * ROWS + 2),
        last_row: RowNumber::new(number * ROWS + 1 + ROWS),
        rows: ROWS,
        bytes: ByteRange { start: 0, end: 10 },
    };
    let id = TaskId::new(at(0), [1; 10]);
    let batch = Batch::unclaimed(&BatchMessage { task: id, batch: BatchNumber::new(number), plan });
    let claimed = batch.claimed("w", "m", at(begun), at(ended + 10)).unwrap();
    let counts = Counts { succeeded: ROWS.into(), ..Counts::default() };
    claimed.recorded(&Progress { rows: ROWS, bytes: 10, counts, ..Progress::default() }, at(ended))
}

fn check(task: &Task, recent: &[Batch], now: u64, rate: Option<f64>, left: Option<f64>) {
    let rounded = |value: Option<f64>| value.map(|value| (value * 10.0).round() / 10.0);
    let (found_rate, found_left) = super::rate(task, recent, at(now));
    assert_eq!((rounded(found_rate), rounded(found_left)), (rate, left), "at second {now}");
}

#[test]
fn nothing_is_known_before_the_first_rows_end() {
    check(&task(10, 0), &[], 5, None, None);
}

#[test]
fn the_rate_is_that_of_the_present_and_not_of_the_whole() {
    // 100 batches in the first second, and then one every ten.
    let quick = (0..40).map(|number| done(number, 0, 1));
    let slow: Vec<Batch> = quick
        .chain((40..70).map(|number| done(number, 10 * (u64::from(number) - 39), 10 * (u64::from(number) - 38))))
        .collect();
    let last = 10 * 31;
    // By the average since the start it would be 22.6 rows a second, and half the time.
    check(&task(100, 7000), &slow, last, Some(10.0), Some(300.0));
}

#[test]
fn batches_that_are_counted_together_are_one_moment() {
    let recent: Vec<Batch> =
        (0..20).map(|number| done(number, 2 * u64::from(number / 10), 2 * u64::from(number / 10) + 2)).collect();
    check(&task(40, 2000), &recent, 4, Some(500.0), Some(4.0));
}

#[test]
fn a_task_that_stands_still_does_not_end_in_a_moment() {
    let recent: Vec<Batch> = (0..99).map(|number| done(number, number.into(), u64::from(number) + 1)).collect();
    let nearly = task(100, 9900);
    check(&nearly, &recent[51..], 100, Some(96.0), Some(1.0));
    // Longer than usual is said as slower, and much longer as not known.
    check(&nearly, &recent[51..], 108, Some(72.7), Some(1.4));
    check(&nearly, &recent[51..], 110, None, None);
    check(&nearly, &recent[51..], 3600, None, None);
}

#[test]
fn work_that_takes_long_is_waited_for() {
    let recent: Vec<Batch> = (0..5).map(|number| done(number, 0, 60)).collect();
    let task = task(10, 500);
    check(&task, &recent, 119, Some(4.2), Some(119.0));
    check(&task, &recent, 301, None, None);
}

#[test]
fn only_a_task_that_is_processed_has_time_left_and_one_that_ended_a_rate_of_the_whole() {
    let recent = [done(0, 0, 1)];
    let running = task(10, 100);
    let at_state = |state| {
        let mut task = running.clone();
        task.head.state = state;
        task.head.finished = state.is_final().then(|| at(4));
        task
    };
    for state in [TaskState::Paused, TaskState::Cancelling, TaskState::Failed, TaskState::Splitting] {
        check(&at_state(state), &recent, 2, None, None);
        assert_eq!(window(&at_state(state)), None);
    }
    check(&at_state(TaskState::CompletedWithFailures), &recent, 100, Some(25.0), None);
    assert_eq!(window(&running), Some((BatchNumber::new(0), BatchNumber::new(10))));
    assert_eq!(window(&task(1000, 50_000)), Some((BatchNumber::new(452), BatchNumber::new(548))));
}
