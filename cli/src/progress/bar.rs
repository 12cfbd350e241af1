//! A bar, for a person at a terminal.

use std::ops::ControlFlow;
use std::time::Duration;

use filas_domain::view::TaskView;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Progress, remarks, rows_done, stderr_line, trouble};
use crate::client::ClientError;

const BYTES: &str =
    "{prefix:<11} [{wide_bar:.cyan}] {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
const WAITING: &str = "{prefix:<11} {spinner} {msg}";
const ROWS: &str = "{prefix:<11} [{wide_bar:.green}] {human_pos}/{human_len} rows{msg}";
/// How often a spinner turns and a bar is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// Draws on standard error. What it has drawn disappears when it is done.
pub struct Bar {
    bar: ProgressBar,
    template: &'static str,
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

impl Bar {
    /// Draws nothing yet.
    pub fn new() -> Self {
        Self { bar: ProgressBar::hidden(), template: "" }
    }

    /// The bar with this template, told what it stands for; a new one unless it is the one that is drawn.
    fn with(&mut self, template: &'static str, doing: &'static str, length: u64) -> &ProgressBar {
        if self.template != template {
            self.bar.finish_and_clear();
            self.bar = ProgressBar::new(length).with_style(style(template)).with_prefix(doing);
            // The first picture is drawn at once, so everything in it is set before.
            self.bar.enable_steady_tick(TICK);
            self.template = template;
        }
        self.bar.set_prefix(doing);
        self.bar.set_length(length);
        &self.bar
    }
}

fn style(template: &str) -> ProgressStyle {
    let bar = ProgressStyle::default_bar();
    // The templates are constants and are tried by a test; a broken one would still draw the default.
    bar.template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

impl Progress for Bar {
    fn sent(&mut self, bytes: u64, of: u64) {
        self.with(BYTES, "sending", of).set_position(bytes);
    }

    fn received(&mut self, bytes: u64, of: u64) {
        self.with(BYTES, "receiving", of).set_position(bytes);
    }

    fn task(&mut self, task: &TaskView) -> ControlFlow<()> {
        let text = remarks(task).join(", ");
        let state = task.state.as_str();
        match task.total {
            Some(total) => {
                let bar = self.with(ROWS, state, total);
                bar.set_position(rows_done(task));
                bar.set_message(format!(", {text}"));
            }
            None => self.with(WAITING, state, 0).set_message(text),
        }
        ControlFlow::Continue(())
    }

    fn retrying(&mut self, error: &ClientError, pause: Duration) {
        let text = trouble(error, pause);
        self.bar.suspend(|| stderr_line(&text));
    }

    fn done(&mut self) {
        self.bar.finish_and_clear();
        self.template = "";
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.done();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_templates() {
        for template in [BYTES, WAITING, ROWS] {
            assert!(ProgressStyle::default_bar().template(template).is_ok(), "{template}");
        }
    }
}
