//! The clock of a world whose time is tokio's paused time.

use filas_domain::clock::Timestamp;
use filas_domain::ports::Clock;
use tokio::time::Instant;

use crate::memory::ManualClock;

/// A clock that follows tokio's time, which the test pauses, and takes a [`ManualClock`] with it for the fakes.
#[derive(Debug, Clone)]
pub struct WorldClock {
    manual: ManualClock,
    start: Timestamp,
    origin: Instant,
}

impl WorldClock {
    /// A clock that goes on from what `manual` shows.
    pub fn new(manual: &ManualClock) -> Self {
        Self { manual: manual.clone(), start: manual.now(), origin: Instant::now() }
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        self.manual.set(self.start.plus(self.origin.elapsed()));
        self.manual.now()
    }
}
