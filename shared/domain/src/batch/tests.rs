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
    Progress { rows, bytes: u64::from(rows) * 10, counts, part: None }
}

fn claimed(batch: &Batch, now: u64) -> Batch {
    batch.claimed("worker", at(now), at(now + 60)).unwrap()
}

#[test]
fn one_worker_at_a_time() {
    let held = claimed(&queued(10), 5);
    assert_eq!(held.claimed("other", at(6), at(66)), Err(Refusal::Leased(at(65))));
    let taken_over = held.claimed("other", at(65), at(125)).unwrap();
    assert_eq!((taken_over.epoch(), taken_over.version), (2, 2));
    assert_eq!(taken_over.attempts[0].result, Some(AttemptResult::Lost));
    assert_eq!(taken_over.workers_lost(), 2, "the first, and the second as long as it has not ended");
}

#[test]
fn a_closed_batch_is_not_claimed_again() {
    let done = claimed(&queued(10), 5).recorded(&progress(10, 0), at(6));
    assert_eq!(done.state, BatchState::Done);
    assert_eq!(done.claimed("other", at(500), at(560)), Err(Refusal::Closed));
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
