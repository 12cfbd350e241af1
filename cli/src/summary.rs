//! What became of a task, in words and as an exit code.

use std::fmt::{self, Display};

use filas_domain::task::TaskState;
use filas_domain::view::TaskView;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::client::ClientError;
use crate::words;

/// How a task ended, from the point of view of somebody who wants every row to go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every row succeeded.
    AllSucceeded,
    /// Every row has its outcome, and some failed or were not processed.
    SomeFailed,
    /// There are no outcomes, or they do not add up, or the task has not ended.
    Broken,
}

impl Verdict {
    /// Of the task as it is now.
    pub fn of(task: &TaskView) -> Self {
        let counted = task.succeeded + task.failed + task.unprocessed;
        match (task.state, task.total) {
            (TaskState::Completed | TaskState::CompletedWithFailures | TaskState::Cancelled, Some(total))
                if counted == total =>
            {
                if task.succeeded == total {
                    Self::AllSucceeded
                } else {
                    Self::SomeFailed
                }
            }
            _ => Self::Broken,
        }
    }

    /// 0, 3 or 1.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::AllSucceeded => 0,
            Self::SomeFailed => 3,
            Self::Broken => 1,
        }
    }
}

/// A task on a few lines: what came in, what became of it, how long it took, where the outcomes are.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    task: &'a TaskView,
}

impl<'a> Summary<'a> {
    /// Of the task as it is now.
    pub const fn of(task: &'a TaskView) -> Self {
        Self { task }
    }

    /// Seconds from the registration to the last outcome; `None` while it runs.
    pub fn elapsed(&self) -> Option<f64> {
        let moment = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
        let finished = moment(self.task.finished.as_deref()?)?;
        Some((finished - moment(&self.task.created)?).as_seconds_f64())
    }

    fn failed(&self) -> String {
        let mut by_code: Vec<_> = self.task.failed_by_code.iter().collect();
        by_code.sort_by_key(|(_, rows)| std::cmp::Reverse(**rows));
        let codes: Vec<_> =
            by_code.iter().map(|(code, rows)| format!("{} {}", words::plain(code), words::count(**rows))).collect();
        let total = words::count(self.task.failed);
        if codes.is_empty() { total.to_string() } else { format!("{total} ({})", codes.join(", ")) }
    }

    fn batches(&self) -> String {
        let batches = &self.task.batches;
        let Some(total) = batches.total else { return "not known yet".to_owned() };
        let mut text = format!("{} of {} rows", words::count(total.into()), words::count(batches.size.into()));
        for (count, what) in [(batches.dead, "dead"), (batches.cancelled, "cancelled")] {
            if count > 0 {
                text += &format!(", {} {what}", words::count(count.into()));
            }
        }
        text
    }

    fn results(&self) -> String {
        match self.task.links.contains_key("results") {
            true => format!("filas results {} --out results.ndjson", self.task.id),
            false => "none".to_owned(),
        }
    }

    /// What the person should know besides the numbers.
    fn remark(&self) -> Option<String> {
        let task = self.task;
        if let Some(reason) = &task.reason {
            return Some(format!("{}: {}", words::plain(&reason.code), words::plain(&reason.message)));
        }
        let counted = task.succeeded + task.failed + task.unprocessed;
        match (task.state.is_final(), task.total) {
            (true, Some(total)) if total != counted => {
                Some(format!("the outcomes do not add up: {counted} for {total} rows. Please report this."))
            }
            (true, None) if task.state == TaskState::Expired => Some("the file was never uploaded".to_owned()),
            (true, None) => Some("the file was not read to its end".to_owned()),
            _ => None,
        }
    }
}

impl Display for Summary<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.task;
        let number =
            |value: Option<u64>| value.map_or("not known yet".to_owned(), |value| words::count(value).to_string());
        let mut lines = vec![
            ("task", task.id.to_string()),
            ("file", task.filename.as_deref().map_or("not named".to_owned(), words::plain)),
            ("state", task.state.as_str().to_owned()),
            ("rows in", number(task.total)),
            ("succeeded", words::count(task.succeeded).to_string()),
            ("failed", self.failed()),
            ("unprocessed", words::count(task.unprocessed).to_string()),
            ("batches", self.batches()),
            ("attempts", words::count(task.attempts).to_string()),
        ];
        lines.extend(self.elapsed().map(|elapsed| ("elapsed", words::seconds(elapsed))));
        lines.extend(
            task.rows_per_second.map(|rate| ("rows/s", format!("{} from the first batch on", words::rate(rate)))),
        );
        if task.usage.dollars > 0.0 {
            lines.push(("cost", format!("about ${:.5}, at list prices", task.usage.dollars)));
        }
        lines.extend(self.remark().map(|remark| ("reason", remark)));
        lines.push(("results", self.results()));
        if task.links.contains_key("failures") {
            lines.push(("to mend", format!("filas failures {}", task.id)));
        }
        for (number, (name, value)) in lines.iter().enumerate() {
            let end = if number == 0 { "" } else { "\n" };
            write!(formatter, "{end}{name:<11}  {value}")?;
        }
        Ok(())
    }
}

/// What to do about an error, if there is something.
pub fn next_step(error: &ClientError, local: bool) -> Option<&'static str> {
    match error {
        ClientError::Problem { .. } | ClientError::Status { .. } if error.status() == Some(401) => {
            Some("give the key of this API with --key KEY or in FILAS_KEY")
        }
        ClientError::Problem { .. } if error.status() == Some(403) => {
            Some("make a key with that scope: filas keys create NAME --scope read,write,operate")
        }
        ClientError::NoAnswer { .. } if local => Some("start the local cloud with `cargo xtask up`"),
        ClientError::NoAnswer { .. } | ClientError::NotUnderstood { .. } => {
            Some("check the address given with --url or in FILAS_URL")
        }
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A task as the API would send it.
    pub(crate) fn task(state: &str, total: Option<u64>, succeeded: u64, failed: u64) -> TaskView {
        serde_json::from_value(serde_json::json!({
            "id": "018bcfe5-6800-7707-8707-070707070707", "state": state,
            "pipeline": {"name": "orders", "version": "0011223344556677"},
            "filename": "orders.xlsx", "size": 1000, "format": null, "total": total,
            "succeeded": succeeded, "failed": failed, "unprocessed": 0,
            "failed_by_code": {"HTTP_422": failed / 4, "INVALID_ROW": failed - failed / 4},
            "batches": {"total": 100, "size": 1000, "done": 99, "dead": 1, "cancelled": 0},
            "attempts": 101, "rows_per_second": 31415.9, "seconds_left": null, "reason": null,
            "created": "2024-03-01T00:00:00.25Z", "split_started": null, "split_ended": null,
            "finished": "2024-03-01T00:00:04.5Z", "links": {"results": "/v1/tasks/x/results"},
        }))
        .unwrap()
    }

    #[test]
    fn only_a_task_without_a_bad_row_is_a_success() {
        let cases = [
            (task("completed", Some(10), 10, 0), 0),
            (task("completed", Some(0), 0, 0), 0),
            (task("completed_with_failures", Some(10), 9, 1), 3),
            (task("cancelled", Some(10), 9, 1), 3),
            (task("cancelled", None, 0, 0), 1),
            (task("failed", None, 0, 0), 1),
            (task("expired", None, 0, 0), 1),
            (task("processing", Some(10), 10, 0), 1),
            (task("completed", Some(10), 9, 0), 1),
        ];
        for (task, code) in cases {
            assert_eq!(Verdict::of(&task).exit_code(), code, "{task:?}");
        }
        let unprocessed = TaskView { unprocessed: 1, ..task("completed_with_failures", Some(10), 9, 0) };
        assert_eq!(Verdict::of(&unprocessed).exit_code(), 3);
    }

    #[test]
    fn the_summary_says_what_became_of_every_row() {
        let task = task("completed_with_failures", Some(100_000), 99_996, 4);
        let expected = "\
task         018bcfe5-6800-7707-8707-070707070707
file         orders.xlsx
state        completed_with_failures
rows in      100,000
succeeded    99,996
failed       4 (INVALID_ROW 3, HTTP_422 1)
unprocessed  0
batches      100 of 1,000 rows, 1 dead
attempts     101
elapsed      4.2 s
rows/s       31,416 from the first batch on
results      filas results 018bcfe5-6800-7707-8707-070707070707 --out results.ndjson";
        assert_eq!(Summary::of(&task).to_string(), expected);
    }

    #[test]
    fn outcomes_that_do_not_add_up_are_said() {
        let task = task("completed", Some(10), 9, 0);
        assert!(Summary::of(&task).to_string().contains("do not add up: 9 for 10 rows"));
    }
}
