//! A circuit breaker: when a partner is down, nobody asks it for a while, and then one asks for all.
//!
//! It is closed while requests go through, opens after many failures in a row or nearly only failures, and after a while
//! admits a single request, the probe: if that goes through it closes, otherwise it stays open for longer.

use std::time::Duration;

use crate::clock::Timestamp;

/// So many failures in a row open it.
const IN_A_ROW: u32 = 20;

/// So many results are remembered.
const REMEMBERED: u32 = u64::BITS;

/// So many failures among the remembered results open it.
const MOST_FAILURES: u32 = 58;

/// How long it stays open at first. Each probe that fails doubles it.
const FIRST_OPEN: Duration = Duration::from_secs(15);

/// It does not stay open for longer.
const LONGEST_OPEN: Duration = Duration::from_secs(300);

/// The breaker of one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    /// The last results, the newest in the lowest bit; a failure is a one.
    failures: u64,
    results: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Closed { in_a_row: u32 },
    Open { until: Timestamp, opened: u32, reason: String },
    Probing { until: Timestamp, opened: u32, reason: String },
}

/// Whether a request may go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admitted,
    /// The partner was down, and another request is the probe: wait for what becomes of that.
    Wait,
    /// The partner is down.
    Refused(Down),
}

/// A partner is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// What went wrong the last time.
    pub reason: String,
    /// When a probe is admitted.
    pub until: Timestamp,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

impl Breaker {
    /// A closed one.
    pub const fn new() -> Self {
        Self { state: State::Closed { in_a_row: 0 }, failures: 0, results: 0 }
    }

    /// Asks for a request at `now`. One that is admitted ends with [`succeeded`](Self::succeeded) or
    /// [`failed`](Self::failed); a probe that never says how it ended makes room for another after a while.
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        let (opened, reason) = match &self.state {
            State::Closed { .. } => return Admission::Admitted,
            State::Probing { until, .. } if now < *until => return Admission::Wait,
            State::Open { until, reason, .. } if now < *until => {
                return Admission::Refused(Down { reason: reason.clone(), until: *until });
            }
            State::Open { opened, reason, .. } | State::Probing { opened, reason, .. } => (*opened, reason.clone()),
        };
        self.state = State::Probing { until: now.plus(open_for(opened)), opened, reason };
        Admission::Admitted
    }

    /// The partner is there, whatever it said.
    pub fn succeeded(&mut self) {
        if !matches!(self.state, State::Closed { .. }) {
            // What was remembered is from before it was down.
            *self = Self::new();
        }
        self.state = State::Closed { in_a_row: 0 };
        self.remember(false);
    }

    /// The partner could not do it at `now`: it did not answer, or said that it is in trouble.
    pub fn failed(&mut self, now: Timestamp, reason: &str) {
        self.remember(true);
        match &self.state {
            State::Closed { in_a_row } => {
                let in_a_row = in_a_row + 1;
                let too_many = self.results == REMEMBERED && self.failures.count_ones() >= MOST_FAILURES;
                if in_a_row >= IN_A_ROW || too_many {
                    self.open(now, 0, reason);
                } else {
                    self.state = State::Closed { in_a_row };
                }
            }
            State::Probing { opened, .. } => self.open(now, opened + 1, reason),
            // A request that was under way when it opened.
            State::Open { .. } => {}
        }
    }

    /// An attempt said nothing of the partner at `now`, such as one that was refused because there were too many. If it was
    /// the probe, another may go at once.
    pub fn unclear(&mut self, now: Timestamp) {
        if let State::Probing { opened, reason, .. } = &self.state {
            self.state = State::Open { until: now, opened: *opened, reason: reason.clone() };
        }
    }

    /// Whether the partner is down at `now`, and there is nothing to wait for.
    pub fn down(&self, now: Timestamp) -> Option<Down> {
        match &self.state {
            State::Open { until, reason, .. } if now < *until => Some(Down { reason: reason.clone(), until: *until }),
            State::Closed { .. } | State::Open { .. } | State::Probing { .. } => None,
        }
    }

    fn open(&mut self, now: Timestamp, opened: u32, reason: &str) {
        self.state = State::Open { until: now.plus(open_for(opened)), opened, reason: reason.to_owned() };
    }

    fn remember(&mut self, failure: bool) {
        self.failures = self.failures << 1 | u64::from(failure);
        self.results = (self.results + 1).min(REMEMBERED);
    }
}

fn open_for(opened: u32) -> Duration {
    FIRST_OPEN.saturating_mul(1 << opened.min(10)).min(LONGEST_OPEN)
}

#[cfg(test)]
mod tests;
