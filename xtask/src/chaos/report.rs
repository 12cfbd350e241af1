//! What came of all runs, in numbers.

use std::fmt;
use std::time::Duration;

use super::faults::Done;
use super::plan::Function;
use super::run::Ran;

/// All runs together.
#[derive(Debug, Default)]
pub struct Report {
    /// How many runs.
    pub runs: u32,
    /// Tasks of all runs.
    pub tasks: u64,
    /// Rows of all files.
    pub rows: u64,
    /// What was done to the runs.
    pub done: Done,
    /// Attempts at a batch whose worker was never heard of again: the kills that hit something.
    pub attempts_lost: u64,
    /// Rows of dead batches, and failed rows, that were put through again.
    pub redriven: u64,
    /// Files that were given up after we had killed two of their readers.
    pub given_up: u64,
    /// What was lost.
    pub lost: u64,
    /// What was counted twice.
    pub counted_twice: u64,
    /// What was delivered twice in effect.
    pub delivered_twice: u64,
    /// What else was not as it should be.
    pub wrong: u64,
    /// From the last fault until the last task ended, of each run.
    pub recoveries: Vec<Duration>,
}

impl Report {
    /// Takes a run in.
    pub fn add(&mut self, ran: &Ran) {
        self.runs += 1;
        self.tasks += ran.tasks.len() as u64;
        self.rows += ran.rows;
        self.done.add(&ran.done);
        self.attempts_lost += ran.attempts_lost;
        self.redriven += ran.again.rows;
        self.given_up += ran.given_up;
        self.lost += ran.findings.lost.len() as u64;
        self.counted_twice += ran.findings.counted_twice.len() as u64;
        self.delivered_twice += ran.findings.delivered_twice.len() as u64;
        self.wrong += ran.findings.wrong.len() as u64;
        self.recoveries.push(ran.recovery);
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.lost + self.counted_twice + self.delivered_twice + self.wrong == 0
    }

    /// The recovery time that so many in 100 runs did not exceed.
    fn recovery(&self, percent: usize) -> Duration {
        let mut sorted = self.recoveries.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = &self.done;
        let kills: Vec<String> = [Function::Processor, Function::Split, Function::Upload, Function::DeadLetter]
            .into_iter()
            .filter_map(|function| Some(format!("{} {}", function.as_str(), done.kills.get(&function)?)))
            .collect();
        let seconds = |percent| format!("{:.1} s", self.recovery(percent).as_secs_f64());
        let lines = [
            ("runs", self.runs.to_string()),
            ("kills", format!("{} ({}); {} attempts lost", done.killed(), kills.join(", "), self.attempts_lost)),
            ("restarts", format!("{} of the emulator", done.restarts)),
            ("duplicates", format!("{} messages", done.duplicates)),
            ("partner", format!("{} times of trouble", done.troubles)),
            ("commands", format!("{} tasks paused and resumed, {} cancelled", done.pauses, done.cancellations)),
            ("redriven", format!("{} rows, dead or failed", self.redriven)),
            ("given up", format!("{} files whose reader was ended twice", self.given_up)),
            ("rows", format!("{} in {} tasks", self.rows, self.tasks)),
            ("lost", self.lost.to_string()),
            ("counted twice", self.counted_twice.to_string()),
            ("delivered twice in effect", self.delivered_twice.to_string()),
            ("otherwise wrong", self.wrong.to_string()),
            ("recovery", format!("p50 {}, p99 {}", seconds(50), seconds(99))),
        ];
        lines.iter().try_for_each(|(name, value)| writeln!(formatter, "{name:<25}  {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::books::Findings;

    #[test]
    fn the_report_adds_up_and_one_finding_spoils_it() {
        let mut report = Report::default();
        for seconds in 1..=200 {
            report.add(&Ran { rows: 10, recovery: Duration::from_secs(seconds), ..Ran::default() });
        }
        assert!(report.is_clean());
        let shown = report.to_string();
        for line in
            ["runs                       200", "rows                       2000 in 0 tasks", "p50 100.0 s, p99 198.0 s"]
        {
            assert!(shown.contains(line), "{line:?} is not in\n{shown}");
        }
        let sentence = || vec!["row 7 has no outcome".to_owned()];
        for findings in [
            Findings { lost: sentence(), ..Findings::default() },
            Findings { counted_twice: sentence(), ..Findings::default() },
            Findings { delivered_twice: sentence(), ..Findings::default() },
            Findings { wrong: sentence(), ..Findings::default() },
        ] {
            let mut report = Report::default();
            report.add(&Ran { findings, ..Ran::default() });
            assert!(!report.is_clean(), "{report}");
        }
    }

    #[test]
    fn no_runs_have_no_recovery() {
        assert_eq!(Report::default().recovery(99), Duration::ZERO);
    }
}
