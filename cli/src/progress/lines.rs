//! Plain lines for a log, and JSON lines for a program.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use filas_domain::task::TaskState;
use filas_domain::view::TaskView;

use super::{Progress, remarks, rows_done, stderr_line, trouble};
use crate::client::ClientError;
use crate::words;

/// The shortest time between two lines of the same state, for a log.
const LINE_EVERY: Duration = Duration::from_secs(2);
/// The same for a program.
const JSON_EVERY: Duration = Duration::from_secs(1);

/// A line with each change of state, and otherwise at most every 2 seconds, and only when there is something new.
pub struct Lines<W: Write> {
    out: W,
    pace: Pace<(u8, String)>,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`. What cannot be written is let go: progress is not worth failing for.
    pub fn new(out: W) -> Self {
        Self { out, pace: Pace::new(LINE_EVERY) }
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }

    fn bytes(&mut self, phase: u8, doing: &str, bytes: u64, of: u64) {
        let text = format!("{doing} {} of {}", words::bytes(bytes), words::bytes(of));
        // The first piece says nothing yet, the last one is worth a line.
        if self.pace.worth(&(phase, text.clone()), bytes == of) {
            self.line(&text);
        }
    }
}

impl<W: Write> Progress for Lines<W> {
    fn sent(&mut self, bytes: u64, of: u64) {
        self.bytes(0, "sent", bytes, of);
    }

    fn received(&mut self, bytes: u64, of: u64) {
        self.bytes(1, "received", bytes, of);
    }

    fn task(&mut self, task: &TaskView) -> ControlFlow<()> {
        let mut text = task.state.as_str().to_owned();
        if let Some(total) = task.total {
            text += &format!(" {} of {} rows", words::count(rows_done(task)), words::count(total));
        }
        for remark in remarks(task) {
            text += &format!(", {remark}");
        }
        let state = TaskState::ALL.iter().position(|state| *state == task.state).unwrap_or(0);
        let phase = u8::try_from(state + 2).unwrap_or(u8::MAX);
        let new_state = self.pace.seen.as_ref().is_none_or(|(seen, _)| *seen != phase);
        if self.pace.worth(&(phase, text.clone()), new_state) {
            self.line(&text);
        }
        ControlFlow::Continue(())
    }

    fn retrying(&mut self, error: &ClientError, pause: Duration) {
        self.line(&trouble(error, pause));
    }
}

/// The task as a line of JSON, with each change of state, at its end, and otherwise at most every second.
pub struct JsonLines<W: Write> {
    out: W,
    pace: Pace<(TaskState, u64)>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`. When that is closed, nobody watches any more.
    pub fn new(out: W) -> Self {
        Self { out, pace: Pace::new(JSON_EVERY) }
    }
}

impl<W: Write> Progress for JsonLines<W> {
    fn task(&mut self, task: &TaskView) -> ControlFlow<()> {
        let new_state = self.pace.seen.is_none_or(|(seen, _)| seen != task.state);
        if !self.pace.worth(&(task.state, rows_done(task)), new_state) {
            return ControlFlow::Continue(());
        }
        let written = serde_json::to_string(task)
            .map_err(std::io::Error::from)
            .and_then(|line| writeln!(self.out, "{line}"))
            .and_then(|()| self.out.flush());
        if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn retrying(&mut self, error: &ClientError, pause: Duration) {
        stderr_line(&trouble(error, pause));
    }
}

/// What was told last, and when.
struct Pace<T> {
    every: Duration,
    seen: Option<T>,
    told: Instant,
}

impl<T: PartialEq + Clone> Pace<T> {
    fn new(every: Duration) -> Self {
        Self { every, seen: None, told: Instant::now() }
    }

    /// Whether `now` is to be told; it is taken as told then.
    fn worth(&mut self, now: &T, at_once: bool) -> bool {
        let new = self.seen.as_ref() != Some(now);
        if !new || !(at_once || self.told.elapsed() >= self.every) {
            return false;
        }
        self.seen = Some(now.clone());
        self.told = Instant::now();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::task;

    fn told(tasks: &[TaskView], json: bool) -> String {
        let mut out = Vec::new();
        let mut progress: Box<dyn Progress> =
            if json { Box::new(JsonLines::new(&mut out)) } else { Box::new(Lines::new(&mut out)) };
        for task in tasks {
            assert!(progress.task(task).is_continue());
        }
        drop(progress);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_log_gets_a_line_for_each_state_and_not_for_each_look() {
        let mut tasks = vec![TaskView { rows_per_second: None, ..task("splitting", None, 0, 0) }; 2];
        tasks.extend((1..50).map(|done| task("processing", Some(5000), done, 0)));
        tasks.push(task("completed", Some(5000), 5000, 0));
        let expected = "\
splitting
processing 1 of 5,000 rows, 31,416 rows/s, 0 failed
completed 5,000 of 5,000 rows, 31,416 rows/s, 0 failed
";
        assert_eq!(told(&tasks, false), expected);
    }

    #[test]
    fn a_program_gets_whole_tasks_and_the_last_one_for_certain() {
        let tasks =
            [task("processing", Some(5), 1, 0), task("processing", Some(5), 2, 0), task("completed", Some(5), 5, 0)];
        let text = told(&tasks, true);
        let lines: Vec<TaskView> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, [tasks[0].clone(), tasks[2].clone()]);
    }
}
