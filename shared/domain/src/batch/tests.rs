use super::*;
use crate::ids::RowNumber;
use crate::outcome::{Failure, OutcomeLine, RowResult, Stage};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn queued(rows: u32) -> Batch {
    Batch::unclaimed(&BatchMessage {
        task: TaskId::new(at(1), [1; 10]),
        batch: BatchNumber::new(3),
        plan: BatchPlan {
            first_row: RowNumber::new(2),
            last_row: RowNumber::new(rows + 1),
            rows,
            bytes: ByteRange { start: 100, end: 100 + u64::from(rows) * 10 },
        },
    })
}

/// Progress over `rows` rows of which the first `failed` failed.
fn progress(rows: u32, failed: u32) -> Progress {
    let mut counts = Counts::default();
    for row in 0..rows {
        let result = if row < failed {
            RowResult::Failed(Failure { stage: Stage::Deliver, code: "HTTP_422".into(), message: "no".into() })
        } else {
            RowResult::Succeeded { kept: None }
        };
        counts.count(&OutcomeLine::new(RowNumber::new(row), result));
    }
    Progress { rows, bytes: u64::from(rows) * 10, counts, ..Progress::default() }
}

fn claimed(batch: &Batch, now: u64) -> Batch {
    batch.claimed("worker", "m1", at(now), at(now + 60)).unwrap()
}

#[test]
fn one_worker_at_a_time() {
    let held = claimed(&queued(10), 5);
    assert_eq!(held.claimed("other", "m1", at(6), at(66)), Err(Refusal::Leased(at(65))));
    let taken_over = held.claimed("other", "m1", at(65), at(125)).unwrap();
    assert_eq!((taken_over.epoch(), taken_over.version), (2, 2));
    assert_eq!(taken_over.attempts[0].result, Some(AttemptResult::Lost));
    assert_eq!(taken_over.workers_lost(), 2, "the first, and the second as long as it has not ended");
}

#[test]
fn a_duplicate_of_the_message_does_not_wait_for_the_worker_that_has_the_batch() {
    let held = claimed(&queued(10), 5);
    assert_eq!(held.claimed("other", "m2", at(6), at(66)), Err(Refusal::Duplicate));
    assert!(held.claimed("other", "m2", at(65), at(125)).is_ok(), "after the lease anybody may");
    assert!(queued(10).answers_to("m2"));
    assert!(held.answers_to("m1") && !held.answers_to("m2"));
}

#[test]
fn a_closed_batch_is_not_claimed_again() {
    let done = claimed(&queued(10), 5).recorded(&progress(10, 0), at(6));
    assert_eq!(done.state, BatchState::Done);
    assert_eq!(done.claimed("other", "m1", at(500), at(560)), Err(Refusal::Closed));
}

#[test]
fn what_is_left_is_handed_on_and_goes_on_where_it_ended() {
    let first = claimed(&queued(10), 5).recorded(&progress(4, 1), at(6));
    assert_eq!((first.state, first.rows_left()), (BatchState::Queued, 6));
    assert_eq!(first.bytes_left(), ByteRange { start: 140, end: 200 });
    let second = claimed(&first, 7).recorded(&progress(6, 0), at(8));
    assert_eq!((second.state, second.rows_left()), (BatchState::Done, 0));
    assert_eq!((second.counts.succeeded, second.counts.failed), (9, 1));
}

#[test]
fn a_dead_batch_says_why_and_keeps_what_was_done() {
    let first = claimed(&queued(10), 5).recorded(&progress(4, 1), at(6));
    let second = claimed(&first, 7).released("the store did not answer", at(8));
    let dead = second.buried(at(9));
    assert_eq!((dead.state, dead.counts.unprocessed), (BatchState::Dead, 6));
    assert_eq!(dead.reason.unwrap(), "Given up after 2 attempts. The last error: the store did not answer");
    let silent = claimed(&queued(10), 5).buried(at(9));
    assert!(silent.reason.unwrap().contains("without saying why"));
}

#[test]
fn what_a_task_counts_is_the_sum_of_its_batches_after_every_change() {
    let start = queued(10);
    let claimed_once = claimed(&start, 5);
    let handed_on = claimed_once.recorded(&progress(4, 1), at(6));
    let claimed_twice = claimed(&handed_on, 7);
    let released = claimed_twice.released("trouble", at(8));
    let dead = released.buried(at(9));
    let life = [start, claimed_once, handed_on, claimed_twice, released, dead];
    let mut counted = Contribution::default();
    for pair in life.windows(2) {
        let change = BatchChange { before: pair[0].clone(), after: pair[1].clone() };
        counted.add(&difference(&[change]), 1);
        assert_eq!(counted, pair[1].contribution());
        assert_eq!(pair[1].version, pair[0].version + 1);
    }
    assert_eq!((counted.succeeded, counted.failed, counted.unprocessed, counted.dead), (3, 1, 6, 1));
    assert_eq!(counted.attempts, 2);
}

#[test]
fn a_claim_alone_counts_nothing() {
    let before = queued(10);
    let after = claimed(&before, 5);
    assert!(difference(&[BatchChange { before, after }]).is_zero());
}

#[test]
fn nobody_rests_or_cancels_a_batch_that_a_worker_holds() {
    let held = claimed(&queued(10), 5);
    assert_eq!(held.parked("m1", at(6)), Err(Refusal::Leased(at(65))));
    assert_eq!(held.cancelled("", at(6)), Err(Refusal::Duplicate));
    let parked = held.parked("m1", at(65)).unwrap();
    assert_eq!((parked.state, parked.attempts[0].result), (BatchState::Parked, Some(AttemptResult::Lost)));
    assert_eq!(claimed(&parked, 70).state, BatchState::Processing);
    let cancelled = parked.cancelled("", at(66)).unwrap();
    assert_eq!((cancelled.state, cancelled.counts.unprocessed), (BatchState::Cancelled, 10));
    assert_eq!(cancelled.cancelled("", at(67)), Err(Refusal::Closed));
}

#[test]
fn a_dead_batch_goes_on_where_it_died() {
    let died = claimed(&queued(10), 5).recorded(&progress(4, 1), at(6)).buried(at(9));
    let queued_again = died.redriven(&Selection::Dead, at(10)).unwrap();
    assert_eq!((queued_again.state, queued_again.rows_left()), (BatchState::Queued, 6));
    assert_eq!((queued_again.counts.unprocessed, queued_again.redrives.len()), (0, 1));
    assert_eq!(queued_again.redriven(&Selection::Dead, at(11)), None, "it is open already");
    let second_death = claimed(&queued_again, 12).released("trouble", at(13)).buried(at(14));
    assert_eq!((second_death.state, second_death.counts.rows()), (BatchState::Dead, 10));
    assert_eq!(second_death.attempts.len(), 2, "the history is kept");
}

#[test]
fn the_letter_that_buried_a_batch_does_not_bury_it_again_after_a_redrive() {
    let died = claimed(&queued(10), 5).buried(at(9));
    let again = died.redriven(&Selection::Dead, at(10)).unwrap();
    assert!(!again.answers_to("m1"), "the old letter came once more");
    let taken = again.claimed("worker", "m2", at(11), at(71)).unwrap();
    assert!(taken.answers_to("m2") && !taken.answers_to("m1"));
    let never_taken = queued(10).buried(at(9)).redriven(&Selection::Dead, at(10)).unwrap();
    assert!(!never_taken.answers_to("m1"));
}

#[test]
fn failed_rows_are_taken_out_of_the_counts_until_they_are_done_again() {
    let done = claimed(&queued(10), 5).recorded(&progress(10, 3), at(6));
    let code = |code: &str| Selection::Failed { code: Some(code.into()) };
    assert_eq!(done.redriven(&code("TIMEOUT"), at(7)), None);
    assert_eq!(done.redriven(&Selection::Dead, at(7)), None);
    let again = done.redriven(&code("HTTP_422"), at(7)).unwrap();
    assert_eq!((again.rows_left(), again.counts.failed, again.counts.succeeded), (3, 0, 7));
    assert!(again.counts.failed_by_code.is_empty());
    assert_eq!(again.bytes_left(), again.plan.bytes, "they lie among the others");

    let handed_on = claimed(&again, 8).recorded(&progress(2, 1), at(9));
    assert_eq!((handed_on.state, handed_on.rows_left()), (BatchState::Queued, 1));
    let dead = handed_on.buried(at(10));
    assert_eq!((dead.counts.rows(), dead.counts.unprocessed), (10, 1));
    let ended = claimed(&dead.redriven(&Selection::Dead, at(11)).unwrap(), 12).recorded(&progress(1, 0), at(13));
    assert_eq!((ended.state, ended.counts.succeeded, ended.counts.failed), (BatchState::Done, 9, 1));
    assert_eq!((ended.rows_left(), ended.redo.is_none()), (0, true));
    assert_eq!(ended.redriven(&Selection::Failed { code: None }, at(14)).unwrap().rows_left(), 1);
}

#[test]
fn redrives_count_exactly() {
    let done = claimed(&queued(10), 5).recorded(&progress(10, 3), at(6));
    let again = done.redriven(&Selection::Failed { code: None }, at(7)).unwrap();
    let taken = difference(&[BatchChange { before: done, after: again.clone() }]);
    assert_eq!((taken.failed, taken.done, taken.failed_by_code["HTTP_422"]), (-3, -1, -3));
    let ended = claimed(&again, 8).recorded(&progress(3, 0), at(9));
    let given = difference(&[BatchChange { before: again, after: ended }]);
    assert_eq!((given.succeeded, given.failed, given.done), (3, 0, 1));
}
