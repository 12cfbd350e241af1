//! A clock that stands until it is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::ports::Clock;

/// A clock that the test moves. Its clones are the same clock.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(now.as_millis())))
    }

    /// Moves the clock to `now`, back too.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Moves the clock on and says what it shows.
    pub fn advance(&self, duration: Duration) -> Timestamp {
        let now = self.now().plus(duration);
        self.set(now);
        now
    }
}

impl Default for ManualClock {
    /// A clock that stands at 2023-11-14T22:13:20Z.
    fn default() -> Self {
        Self::new(Timestamp::from_millis(1_700_000_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
