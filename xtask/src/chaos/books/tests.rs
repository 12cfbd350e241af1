use std::collections::BTreeSet;

use filas_domain::RowNumber;
use filas_domain::outcome::{Failure, RowResult};
use serde_json::json;

use super::*;

const TASK: &str = "018bcfe5-6800-7707-8707-070707070707";

/// Four rows in two batches; row 3 is bad.
fn workbook() -> Workbook {
    Workbook { name: "w".into(), rows: 4, batch_size: 2, bad_rows: BTreeSet::from([3]) }
}

fn outcome(row: u32) -> OutcomeLine {
    let result = if row == 3 { failed(Stage::Validate, "INVALID_ROW") } else { RowResult::Succeeded { kept: None } };
    OutcomeLine::new(RowNumber::new(row), result)
}

fn failed(stage: Stage, code: &str) -> RowResult {
    RowResult::Failed(Failure { stage, code: code.into(), message: "no".into() })
}

fn outcomes() -> Vec<OutcomeLine> {
    (2..6).map(outcome).collect()
}

fn ledger() -> (TaskView, Vec<BatchView>) {
    let task = json!({
        "id": TASK, "state": "completed_with_failures", "pipeline": {"name": "prices", "version": "0123456789ab"},
        "size": 1, "total": 4, "succeeded": 3, "failed": 1, "unprocessed": 0, "failed_by_code": {"INVALID_ROW": 1},
        "batches": {"total": 2, "size": 2, "done": 2, "dead": 0, "cancelled": 0, "parked": 0, "reopened": 0},
        "attempts": 2, "created": "", "links": {},
    });
    let batch = |number: u32, failed: u64| {
        json!({
            "number": number, "state": "done", "first_row": 2 + 2 * number, "last_row": 3 + 2 * number, "rows": 2,
            "succeeded": 2 - failed, "failed": failed, "unprocessed": 0, "attempts": [],
        })
    };
    let batches = [batch(0, 1), batch(1, 0)].map(|batch| serde_json::from_value(batch).unwrap());
    (serde_json::from_value(task).unwrap(), batches.into())
}

fn entry(row: u32, path: Option<&str>) -> JournalEntry {
    let path = path.map(str::to_owned);
    let effects = u64::from(path.is_some());
    JournalEntry { key: format!("{TASK}.{row}"), requests: 1, effects, last_status: Some(200), path }
}

fn journal() -> Vec<JournalEntry> {
    let book = workbook();
    [2, 4, 5].map(|row| entry(row, Some(&format!("/prices/{}", book.sku(row))))).into()
}

/// How many findings of each kind the three books have.
fn check(
    name: &str,
    expected: [usize; 4],
    change: impl FnOnce(&mut TaskView, &mut Vec<BatchView>, &mut Vec<OutcomeLine>, &mut Vec<JournalEntry>),
) {
    let ((mut task, mut batches), mut outcomes, mut journal) = (ledger(), outcomes(), journal());
    change(&mut task, &mut batches, &mut outcomes, &mut journal);
    let mut findings = compare_ledger(&task, &batches, &outcomes);
    findings.add(compare_rows(&workbook(), &outcomes));
    findings.add(compare_partner(TASK, &workbook(), &outcomes, &journal));
    let found = [&findings.lost, &findings.counted_twice, &findings.delivered_twice, &findings.wrong].map(Vec::len);
    assert_eq!(found, expected, "{name}: {findings:#?}");
    assert_eq!(findings.is_empty(), expected == [0; 4], "{name}");
}

#[test]
fn books_that_agree_have_nothing_against_each_other() {
    check("as it should be", [0; 4], |_, _, _, _| {});
    check("a row that failed at the partner, after it had its effect", [0; 4], |task, batches, outcomes, _| {
        outcomes[0] = OutcomeLine::new(RowNumber::new(2), failed(Stage::Deliver, "HTTP_503"));
        (task.succeeded, task.failed) = (2, 2);
        task.failed_by_code.insert("HTTP_503".into(), 1);
        (batches[0].succeeded, batches[0].failed) = (0, 2);
    });
    check("a request without an effect", [0; 4], |_, _, _, journal| journal.push(entry(3, None)));
}

#[test]
fn a_loss_is_found_in_whichever_book() {
    check("an outcome is missing: counted without a row, too", [1, 3, 0, 0], |_, _, outcomes, _| {
        outcomes.pop();
    });
    check("the task counts too few", [1, 0, 0, 0], |task, _, _, _| task.succeeded -= 1);
    check("a batch counts too few", [2, 0, 0, 0], |_, batches, _, _| batches[1].succeeded -= 1);
    check("a code counts too few", [1, 0, 0, 0], |task, _, _, _| task.failed_by_code.clear());
    check("a success without an effect", [1, 0, 0, 0], |_, _, _, journal| journal.truncate(2));
}

#[test]
fn counting_twice_is_found_in_whichever_book() {
    check("two outcomes of one row: more of them than counted", [3, 1, 0, 0], |_, _, outcomes, _| {
        outcomes.insert(1, outcome(2));
    });
    check("the task counts too many", [0, 1, 0, 0], |task, _, _, _| task.failed += 1);
    check("a batch is counted twice", [0, 1, 0, 0], |task, _, _, _| task.batches.done += 1);
}

#[test]
fn delivering_twice_is_found_by_the_product_and_not_only_by_the_key() {
    check("two keys for one row", [0, 0, 1, 0], |_, _, _, journal| {
        let path = journal[0].path.clone();
        journal.push(JournalEntry { key: format!("{TASK}.2-again"), path, ..journal[0].clone() });
    });
    check("one key with two effects", [0, 0, 1, 0], |_, _, _, journal| journal[0].effects = 2);
}

#[test]
fn what_cannot_be_is_found() {
    check("a bad row that succeeded, and was delivered", [2, 3, 0, 2], |_, _, outcomes, journal| {
        outcomes[1] = OutcomeLine::new(RowNumber::new(3), RowResult::Succeeded { kept: None });
        journal.push(entry(3, Some(&format!("/prices/{}", workbook().sku(3)))));
    });
    check("a row under the key of another", [0, 0, 0, 1], |_, _, _, journal| journal[0].key = format!("{TASK}.9"));
    check("an effect that no row asks for", [0, 0, 0, 1], |_, _, _, journal| {
        journal.push(entry(2, Some("/prices/elsewhere")));
    });
    check("a batch that is still open", [0, 0, 0, 1], |_, batches, _, _| {
        batches[1].state = filas_domain::batch::BatchState::Queued;
    });
    check("outcomes in another order", [0, 0, 0, 1], |_, _, outcomes, _| outcomes.swap(0, 3));
}
