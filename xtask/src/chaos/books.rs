//! The three books of a task, held against each other: what the ledger counts, the outcomes in S3, and what the partner
//! received. Pure.

use std::collections::BTreeMap;

use filas_domain::outcome::{Counts, OutcomeLine, Stage};
use filas_domain::view::{BatchView, TaskView};
use filas_testkit::partner::JournalEntry;

use super::plan::Workbook;

/// What the books have against each other. Nothing in it is as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Rows without an outcome, outcomes that no counter knows, and successes that the partner knows nothing of.
    pub lost: Vec<String>,
    /// Rows with more than one outcome, and counters that are higher than the outcomes.
    pub counted_twice: Vec<String>,
    /// Rows that had their effect at the partner more than once.
    pub delivered_twice: Vec<String>,
    /// Whatever else is not as it should be.
    pub wrong: Vec<String>,
}

impl Findings {
    /// Whether the books agree.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// All of them, as sentences.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.lost.iter().chain(&self.counted_twice).chain(&self.delivered_twice).chain(&self.wrong)
    }

    /// Takes those of another pair of books in.
    pub fn add(&mut self, more: Self) {
        self.lost.extend(more.lost);
        self.counted_twice.extend(more.counted_twice);
        self.delivered_twice.extend(more.delivered_twice);
        self.wrong.extend(more.wrong);
    }

    /// Two numbers that should be the same: fewer in the ledger than there are is a loss, more is counting twice.
    fn same(&mut self, what: &str, counted: u64, there: u64) {
        let sentence = || format!("{what}: {counted} counted, {there} there");
        match counted.cmp(&there) {
            std::cmp::Ordering::Less => self.lost.push(sentence()),
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => self.counted_twice.push(sentence()),
        }
    }
}

/// Holds the counters of a task, and those of its batches, against its outcomes.
pub fn compare_ledger(task: &TaskView, batches: &[BatchView], outcomes: &[OutcomeLine]) -> Findings {
    let mut findings = Findings::default();
    let mut there = Counts::default();
    outcomes.iter().for_each(|outcome| there.count(outcome));
    findings.same("rows of the task", task.total.unwrap_or(0), there.rows());
    let counted = [task.succeeded, task.failed, task.unprocessed];
    let sums = [
        batches.iter().map(|batch| batch.succeeded).sum(),
        batches.iter().map(|batch| batch.failed).sum(),
        batches.iter().map(|batch| batch.unprocessed).sum(),
    ];
    let there_by_kind = [there.succeeded, there.failed, there.unprocessed];
    for (index, kind) in ["succeeded", "failed", "unprocessed"].into_iter().enumerate() {
        findings.same(&format!("{kind} rows of the task"), counted[index], there_by_kind[index]);
        findings.same(&format!("{kind} rows of its batches"), sums[index], there_by_kind[index]);
    }
    let codes: std::collections::BTreeSet<&String> =
        task.failed_by_code.keys().chain(there.failed_by_code.keys()).collect();
    for code in codes {
        let of = |counts: &BTreeMap<String, u64>| counts.get(code).copied().unwrap_or(0);
        findings.same(&format!("rows failed as {code}"), of(&task.failed_by_code), of(&there.failed_by_code));
    }
    for batch in batches {
        let outcomes = batch.succeeded + batch.failed + batch.unprocessed;
        findings.same(&format!("rows of batch {}", batch.number), outcomes, batch.rows.into());
        if !batch.state.is_closed() {
            findings.wrong.push(format!("the task has ended and batch {} is {:?}", batch.number, batch.state));
        }
    }
    let closed = task.batches.done + task.batches.dead + task.batches.cancelled;
    findings.same("closed batches", closed.into(), batches.len() as u64);
    findings.same("batches", task.batches.total.unwrap_or(0).into(), batches.len() as u64);
    findings
}

/// Holds the outcomes against the rows that went in: each row has one, in the order of the sheet, and it is one that this
/// row can have.
pub fn compare_rows(book: &Workbook, outcomes: &[OutcomeLine]) -> Findings {
    let mut findings = Findings::default();
    let by_row = by_row(outcomes);
    for row in book.row_numbers() {
        match by_row.get(&row).map(Vec::as_slice) {
            None | Some([]) => findings.lost.push(format!("row {row} has no outcome")),
            Some([outcome]) => findings.wrong.extend(impossible(book, row, outcome)),
            Some(outcomes) => {
                findings.counted_twice.push(format!("row {row} has {} outcomes: {outcomes:?}", outcomes.len()));
            }
        }
    }
    let foreign = by_row.keys().filter(|row| !(2..book.rows + 2).contains(*row));
    findings.wrong.extend(foreign.map(|row| format!("there is an outcome for row {row}, which is not in the file")));
    if !outcomes.is_sorted_by_key(row_of) {
        findings.wrong.push("the outcomes are not in the order of the rows".to_owned());
    }
    findings
}

/// Holds the outcomes against what the partner received for this task and this task alone.
pub fn compare_partner(task: &str, book: &Workbook, outcomes: &[OutcomeLine], journal: &[JournalEntry]) -> Findings {
    let mut findings = Findings::default();
    let mut effects: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in journal {
        if let Some(path) = &entry.path {
            effects.entry(path).or_default().push(&entry.key);
        }
        if entry.effects > 1 {
            findings.delivered_twice.push(format!("{} had {} effects", entry.key, entry.effects));
        }
    }
    let by_row = by_row(outcomes);
    for row in book.row_numbers() {
        let (path, key) = (format!("/prices/{}", book.sku(row)), format!("{task}.{row}"));
        let keys = effects.remove(path.as_str()).unwrap_or_default();
        let succeeded = by_row
            .get(&row)
            .is_some_and(|outcomes| outcomes.iter().any(|outcome| matches!(outcome, OutcomeLine::Succeeded { .. })));
        match keys.as_slice() {
            [] if succeeded => findings.lost.push(format!("row {row} succeeded and the partner has nothing of it")),
            [] => {}
            [only] if *only != key => findings.wrong.push(format!("row {row} was delivered under the key {only}")),
            [_] if book.bad_rows.contains(&row) => findings.wrong.push(format!("row {row} is bad and was delivered")),
            [_] => {}
            many => findings.delivered_twice.push(format!("row {row} was delivered under {many:?}")),
        }
    }
    let foreign = effects.into_iter().map(|(path, keys)| format!("{keys:?} went to {path}, which no row asks for"));
    findings.wrong.extend(foreign);
    findings
}

fn by_row(outcomes: &[OutcomeLine]) -> BTreeMap<u32, Vec<&OutcomeLine>> {
    let mut by_row: BTreeMap<u32, Vec<&OutcomeLine>> = BTreeMap::new();
    for outcome in outcomes {
        by_row.entry(row_of(outcome)).or_default().push(outcome);
    }
    by_row
}

/// The row that an outcome is of.
pub fn row_of(outcome: &OutcomeLine) -> u32 {
    match outcome {
        OutcomeLine::Succeeded { row, .. } | OutcomeLine::Failed { row, .. } | OutcomeLine::Unprocessed { row, .. } => {
            row.get()
        }
    }
}

/// A bad row fails the validation, and no other does.
fn impossible(book: &Workbook, row: u32, outcome: &OutcomeLine) -> Option<String> {
    let bad = book.bad_rows.contains(&row);
    let fits = match outcome {
        OutcomeLine::Succeeded { .. } => !bad,
        OutcomeLine::Failed { failure, .. } => (failure.stage == Stage::Validate) == bad,
        OutcomeLine::Unprocessed { .. } => true,
    };
    (!fits).then(|| format!("row {row} is {} and ended as {outcome:?}", if bad { "bad" } else { "good" }))
}

#[cfg(test)]
mod tests;
