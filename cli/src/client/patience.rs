//! How often and how long to try again.

use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::Duration;

use super::error::{ClientError, Next};
use crate::progress::Progress;

/// How often and how long to try again when trouble may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// How often a call is made at most.
    pub attempts: u32,
    /// How often a call is made at most when it only reads, and a person waits at the prompt.
    pub reading_attempts: u32,
    /// The pause after the first attempt; it doubles with each.
    pub first_pause: Duration,
    /// The longest wait that a server may ask for with `Retry-After`; beyond it the call is given up.
    pub longest_wait: Duration,
    /// How long the watching of a task goes on without any answer.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 6,
            reading_attempts: 3,
            first_pause: Duration::from_millis(250),
            longest_wait: Duration::from_secs(60),
            silence: Duration::from_secs(60),
        }
    }
}

impl Patience {
    pub(super) fn reading(&self) -> Self {
        Self { attempts: self.reading_attempts, ..self.clone() }
    }

    /// Calls `attempt` with its number, from 1, until it succeeds, its trouble will not pass, or patience ends.
    pub(super) fn attempt<T>(
        &self,
        progress: &mut dyn Progress,
        mut attempt: impl FnMut(&mut dyn Progress) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut number = 1;
        loop {
            let error = match attempt(progress) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let Some(pause) = self.pause(number, &error) else { return Err(error) };
            progress.retrying(&error, pause);
            thread::sleep(pause);
            number += 1;
        }
    }

    /// How long to wait after attempt `number` (from 1) ended with `error`; `None` when that was the last.
    fn pause(&self, number: u32, error: &ClientError) -> Option<Duration> {
        if number >= self.attempts {
            return None;
        }
        match error.next() {
            Next::GiveUp => None,
            Next::BackOff => Some(jittered(self.first_pause * 2u32.saturating_pow(number - 1))),
            Next::Wait(wait) => (wait <= self.longest_wait).then_some(wait),
        }
    }
}

/// Between half of `pause` and all of it, so that clients that were turned away together do not come back together.
fn jittered(pause: Duration) -> Duration {
    // A fresh hasher is seeded by the operating system: enough of a dice for a pause.
    let dice = RandomState::new().hash_one(()) % 1000;
    pause / 2 + pause / 2 * u32::try_from(dice).unwrap_or(0) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, retry_after: Option<Duration>) -> ClientError {
        ClientError::Status { place: "the API".into(), status, text: None, retry_after }
    }

    #[test]
    fn pauses_double_with_jitter_and_end() {
        let patience = Patience { first_pause: Duration::from_millis(100), attempts: 3, ..Patience::default() };
        for (number, longest) in [(1, 100), (2, 200)] {
            let pause = patience.pause(number, &error(503, None)).unwrap().as_millis();
            assert!((longest / 2..=longest).contains(&pause), "{pause}");
        }
        assert_eq!(patience.pause(3, &error(503, None)), None);
    }

    #[test]
    fn a_server_that_names_its_time_is_obeyed_or_left() {
        let patience = Patience::default();
        let wait = Duration::from_secs(7);
        assert_eq!(patience.pause(1, &error(429, Some(wait))), Some(wait));
        assert_eq!(patience.pause(1, &error(429, Some(Duration::from_secs(61)))), None);
        assert_eq!(patience.pause(1, &error(404, None)), None);
    }
}
