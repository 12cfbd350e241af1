use super::*;
use crate::batch::{BatchChange, Progress, difference};
use crate::clock::Timestamp;
use crate::ids::{Owner, PipelineRef, RowNumber};
use crate::message::BatchMessage;
use crate::outcome::Counts;
use crate::plan::{BatchPlan, ByteRange};
use crate::task::{Order, TaskState};

const NOW: Timestamp = Timestamp::from_millis(1000);

fn ended() -> (Task, Batch) {
    let order = Order {
        owner: "acme".parse::<Owner>().unwrap(),
        pipeline: PipelineRef { name: "orders".into(), version: "1".into() },
        filename: None,
        media_type: None,
        size: 1,
        sheet: None,
        batch_size: 1000,
    };
    let mut task = Task::registered(TaskId::new(NOW, [1; 10]), order, NOW);
    let plan = BatchPlan {
        first_row: RowNumber::new(2),
        last_row: RowNumber::new(4),
        rows: 3,
        bytes: ByteRange { start: 0, end: 30 },
    };
    let before = Batch::unclaimed(&BatchMessage { task: task.id, batch: BatchNumber::new(0), plan });
    let counts = Counts { succeeded: 2, failed: 1, failed_by_code: [("X".into(), 1)].into(), ..Counts::default() };
    let progress = Progress { rows: 3, bytes: 30, counts: counts.clone(), ..Progress::default() };
    let after = before.claimed("worker", "m1", NOW, NOW).unwrap().recorded(&progress, NOW);
    let counted = difference(&[BatchChange { before, after: after.clone() }]);
    task.head.state = TaskState::CompletedWithFailures;
    (task.head.total, task.head.batches) = (Some(3), Some(1));
    task.tally = Tally { counts, done: 1, attempts: u64::try_from(counted.attempts).unwrap(), ..Tally::default() };
    (task, after)
}

#[track_caller]
fn check(task: &Task, batch: &Batch, expected: &[&str]) {
    let audit = compare(task, std::slice::from_ref(batch));
    assert_eq!(audit.agrees, expected.is_empty(), "{audit:?}");
    assert_eq!(audit.findings.len(), expected.len(), "{audit:?}");
    for (finding, expected) in audit.findings.iter().zip(expected) {
        assert!(finding.contains(expected), "{finding}");
    }
}

#[test]
fn books_that_agree_have_no_findings() {
    let (task, batch) = ended();
    check(&task, &batch, &[]);
}

#[test]
fn every_way_in_which_they_can_differ_is_a_finding() {
    let (mut task, batch) = ended();
    task.tally.counts.succeeded = 3;
    check(&task, &batch, &["its batches come to", "4 outcomes for 3 rows"]);

    let (mut task, batch) = ended();
    task.tally.counts.failed_by_code.insert("Y".into(), 1);
    check(&task, &batch, &["its batches come to"]);

    let (task, mut batch) = ended();
    batch.plan.rows = 4;
    check(&task, &batch, &["closed with 3 outcomes for 4 rows"]);

    let (mut task, mut batch) = ended();
    batch.state = crate::batch::BatchState::Queued;
    task.tally.done = 0;
    check(&task, &batch, &["is open, and the task has ended"]);
}
