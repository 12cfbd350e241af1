use super::*;
use crate::batch::{Part, Progress, Selection};
use crate::ids::{BatchNumber, TaskId};
use crate::keys::ObjectKey;
use crate::message::BatchMessage;
use crate::outcome::{Counts, Failure, RowResult};
use crate::plan::ByteRange;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// A batch of the rows 2 to 6.
fn queued() -> Batch {
    Batch::unclaimed(&BatchMessage {
        task: TaskId::new(at(1), [1; 10]),
        batch: BatchNumber::new(0),
        plan: BatchPlan {
            first_row: RowNumber::new(2),
            last_row: RowNumber::new(6),
            rows: 5,
            bytes: ByteRange { start: 0, end: 50 },
        },
    })
}

fn claimed(batch: &Batch, now: u64) -> Batch {
    batch.claimed("worker", "m", at(now), at(now + 60)).unwrap()
}

/// The batch after outcomes for these rows, and the part that holds them: odd rows succeed, even ones fail with `code`.
fn recorded(batch: &Batch, rows: &[u32], code: &str) -> (Batch, Vec<u8>) {
    let (mut counts, mut bytes) = (Counts::default(), Vec::new());
    for row in rows {
        let failure = Failure { stage: Stage::Deliver, code: code.into(), message: "no".into() };
        let result = if row % 2 == 0 { RowResult::Failed(failure) } else { RowResult::Succeeded { kept: None } };
        let line = OutcomeLine::new(RowNumber::new(*row), result);
        counts.count(&line);
        line.write_to(&mut bytes);
    }
    let count = u32::try_from(rows.len()).unwrap();
    let range = ByteRange { start: 0, end: bytes.len() as u64 };
    let key = ObjectKey::part(batch.task, batch.number, batch.epoch());
    let part = Part { key, bytes: range, rows: count, is_overlay: false };
    let progress =
        Progress { rows: count, bytes: u64::from(count) * 10, counts, part: Some(part), ..Progress::default() };
    (batch.recorded(&progress, at(100)), bytes)
}

fn check(batch: &Batch, parts: &[Vec<u8>], now: u64, expected: &str) {
    let rows = numbers_of_plan(&batch.plan).unwrap();
    let fates = fates(batch, parts, &rows, at(now)).unwrap();
    let show = |(row, fate): (&RowNumber, &Fate)| {
        format!("{row} {}", fate.code.clone().unwrap_or_else(|| fate.state.as_str().to_owned()))
    };
    assert_eq!(fates.iter().map(show).collect::<Vec<_>>().join(", "), expected);
}

#[test]
fn rows_without_an_outcome_are_where_their_batch_is() {
    check(&queued(), &[], 5, "2 queued, 3 queued, 4 queued, 5 queued, 6 queued");
    let held = claimed(&queued(), 5);
    check(&held, &[], 6, "2 processing, 3 processing, 4 processing, 5 processing, 6 processing");
    check(&held, &[], 65, "2 queued, 3 queued, 4 queued, 5 queued, 6 queued");
    let (some, part) = recorded(&held, &[2, 3], "A");
    check(&some, std::slice::from_ref(&part), 101, "2 A, 3 succeeded, 4 queued, 5 queued, 6 queued");
    let parts = [part];
    check(&claimed(&some, 110), &parts, 111, "2 A, 3 succeeded, 4 processing, 5 processing, 6 processing");
    check(&some.buried(at(120)), &parts, 121, "2 A, 3 succeeded, 4 BATCH_DEAD, 5 BATCH_DEAD, 6 BATCH_DEAD");
    let cancelled = some.cancelled("", at(120)).unwrap();
    check(&cancelled, &parts, 121, "2 A, 3 succeeded, 4 CANCELLED, 5 CANCELLED, 6 CANCELLED");
}

#[test]
fn rows_that_are_done_again_have_no_outcome_until_they_are() {
    let (done, first) = recorded(&claimed(&queued(), 5), &[2, 3, 4, 5, 6], "A");
    check(&done, std::slice::from_ref(&first), 101, "2 A, 3 succeeded, 4 A, 5 succeeded, 6 A");
    let again = done.redriven(&Selection::Failed { code: None }, at(200)).unwrap();
    check(&again, std::slice::from_ref(&first), 201, "2 queued, 3 succeeded, 4 queued, 5 succeeded, 6 queued");
    let (some, second) = recorded(&claimed(&again, 210), &[2], "B");
    let parts = [first, second];
    check(&some, &parts, 211, "2 B, 3 succeeded, 4 queued, 5 succeeded, 6 queued");
    check(&some.buried(at(220)), &parts, 221, "2 B, 3 succeeded, 4 BATCH_DEAD, 5 succeeded, 6 BATCH_DEAD");
}

#[test]
fn rows_are_told_by_the_plan_unless_some_are_blank() {
    let plan = queued().plan;
    assert_eq!(numbers_of_plan(&plan).unwrap().len(), 5);
    assert_eq!(numbers_of_plan(&BatchPlan { rows: 4, ..plan }), None);
    let lines = b"{\"row\":2,\"record\":{\"a\":1}}\n{\"row\":6,\"error\":{\"code\":\"X\",\"message\":\"\"}}\n";
    assert_eq!(numbers_of_lines(lines).unwrap(), [2, 6].map(RowNumber::new));
    assert!(numbers_of_lines(b"{\"rows\":2}\n").is_err());
}
