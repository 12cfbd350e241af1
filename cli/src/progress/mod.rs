//! How an upload and a task come along.
//!
//! * [`Bar`]: for a person at a terminal
//! * [`Lines`]: for a log
//! * [`JsonLines`]: for a program

mod bar;
mod lines;

use std::io::{IsTerminal, Write, stderr};
use std::ops::ControlFlow;
use std::time::Duration;

use filas_domain::view::TaskView;

use crate::client::ClientError;
use crate::words;
pub use bar::Bar;
pub use lines::{JsonLines, Lines};

/// Is told how things come along. Every method does nothing unless it is made to.
pub trait Progress {
    /// So many bytes of the file are sent.
    fn sent(&mut self, _bytes: u64, _of: u64) {}

    /// So many bytes of the results are here.
    fn received(&mut self, _bytes: u64, _of: u64) {}

    /// The task as it is now. A break ends the watching.
    fn task(&mut self, _task: &TaskView) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Trouble that may pass; the next attempt comes after the pause.
    fn retrying(&mut self, _error: &ClientError, _pause: Duration) {}

    /// There is no more to come; the terminal is given back.
    fn done(&mut self) {}
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}

/// A bar when standard error is a terminal, plain lines on it otherwise.
pub fn on_stderr() -> Box<dyn Progress> {
    if stderr().is_terminal() { Box::new(Bar::new()) } else { Box::new(Lines::new(stderr())) }
}

/// One line on standard error. A closed standard error is no reason to stop, let alone to panic.
pub fn stderr_line(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// Trouble that may pass, on one line.
fn trouble(error: &ClientError, pause: Duration) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {}", words::plain(&cause.to_string())));
    format!("{error}{}; trying again in {}", cause.unwrap_or_default(), words::seconds(pause.as_secs_f64()))
}

/// What is worth telling besides state and rows: rate, rows without success, time left.
fn remarks(task: &TaskView) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(rate) = task.rows_per_second {
        remarks.push(format!("{} rows/s", words::rate(rate)));
    }
    if task.total.is_some() {
        remarks.push(format!("{} failed", words::count(task.failed)));
    }
    if task.unprocessed > 0 {
        remarks.push(format!("{} unprocessed", words::count(task.unprocessed)));
    }
    if let Some(left) = task.seconds_left {
        remarks.push(format!("{} left", words::seconds(left)));
    }
    remarks
}

/// Rows with an outcome.
fn rows_done(task: &TaskView) -> u64 {
    task.succeeded + task.failed + task.unprocessed
}
