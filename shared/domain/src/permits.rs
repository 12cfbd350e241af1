//! Permits: how often all workers together may ask one partner, and until when nobody may.
//!
//! A bucket holds one number: the next instant that nobody has taken yet. Who wants permits takes a block of them, which is
//! a piece of time: a permit at a rate of 200/s is 5 ms wide. The pieces never overlap, whoever takes them, because the
//! bucket is replaced only if it is still the one that was read. A worker uses its permits each at its own instant, or a
//! little later ([`Rate::tolerance`]), and never before or after; so in any second there are at most `rate` permits and
//! one block.
//!
//! The clock is that of the caller. Clocks that differ by less than the rest of a block ([`Rate::skew_allowed`]) keep the
//! bound.

use std::future::Future;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::ports::{Clock, PortError, WriteError};

/// A block is as many permits as there are in this time, and one at least.
const BLOCK: Duration = Duration::from_millis(200);

/// How far ahead permits may be taken. Further ahead a pause would come too late, and a worker's end would waste more.
const HORIZON: Duration = Duration::from_millis(500);

/// A bucket that somebody else replaces each time is given up after so many tries.
const TRIES: u32 = 16;

/// A moment, in microseconds since the Unix epoch: a millisecond is too coarse for a thousand permits a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(u64);

impl Micros {
    /// So many microseconds since the Unix epoch.
    pub const fn new(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The moment and `duration` more.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// The moment and `duration` less.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// How long it is from `earlier` to this moment; zero when it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl From<Timestamp> for Micros {
    fn from(moment: Timestamp) -> Self {
        Self(moment.as_millis().saturating_mul(1000))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// So many permits in a time span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    permits: NonZeroU32,
    per: Duration,
}

impl Rate {
    /// `permits` in every `per`.
    pub const fn new(permits: NonZeroU32, per: Duration) -> Self {
        Self { permits, per }
    }

    /// The time that `count` permits take, rounded up.
    pub fn time_of(self, count: u32) -> Duration {
        let time = (self.per.as_micros() * u128::from(count)).div_ceil(u128::from(self.permits.get()));
        Duration::from_micros(u64::try_from(time).unwrap_or(u64::MAX))
    }

    /// The most permits that are taken at once.
    pub fn block(self) -> u32 {
        let permits = BLOCK.as_micros() * u128::from(self.permits.get()) / self.per.as_micros().max(1);
        u32::try_from(permits).unwrap_or(u32::MAX).max(1)
    }

    /// How late a permit may be used. After that it is lost.
    pub fn tolerance(self) -> Duration {
        self.time_of(self.block()) * 3 / 4
    }

    /// How much the clocks of two workers may differ.
    pub fn skew_allowed(self) -> Duration {
        self.time_of(self.block()) - self.tolerance()
    }
}

/// What one rate is kept for: a destination of a pipeline of an owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination(String);

impl Destination {
    /// The destination that stands at `place` of a pipeline, such as `deliver.http`. No part may contain `#`: names of
    /// owners and pipelines never do.
    pub fn new(owner: &str, pipeline: &str, place: &str) -> Self {
        Self(format!("{owner}#{pipeline}#{place}"))
    }

    /// A text that no other destination has.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is kept of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    /// The first instant that nobody has taken.
    pub next_free: Micros,
    /// Nobody may ask before.
    pub paused_until: Micros,
}

impl Bucket {
    /// This bucket, paused until `until` at least; `None` when it is anyway.
    pub fn paused(self, until: Micros) -> Option<Self> {
        (until > self.paused_until).then_some(Self { paused_until: until, ..self })
    }
}

/// Permits that were taken: `count` of them, one after the other from `start` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The instant of the first.
    pub start: Micros,
    /// How many.
    pub count: u32,
    /// Of what rate.
    pub rate: Rate,
}

impl Lease {
    /// The instants of the permits.
    pub fn instants(self) -> impl Iterator<Item = Micros> {
        (0..self.count).map(move |position| self.start.plus(self.rate.time_of(position)))
    }
}

/// What a worker gets that wants permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Permits, if the bucket can be replaced by this one.
    Grant(Lease, Bucket),
    /// None for now: others have taken the near future, or there is a pause. It is worth asking again then.
    Wait(Micros),
}

/// What somebody gets at `now` who wants so many permits: at most a block, at least one.
pub fn decide(bucket: Option<Bucket>, rate: Rate, wanted: u32, now: Micros) -> Decision {
    let bucket = bucket.unwrap_or_default();
    let start = now.max(bucket.next_free).max(bucket.paused_until);
    let horizon = HORIZON.max(rate.time_of(rate.block()));
    if start > now.plus(horizon) {
        return Decision::Wait(start.minus(horizon));
    }
    let count = wanted.clamp(1, rate.block());
    let next_free = start.plus(rate.time_of(count));
    Decision::Grant(Lease { start, count, rate }, Bucket { next_free, ..bucket })
}

/// Keeps the buckets.
pub trait Permits: Send + Sync {
    /// The destination's bucket, as every write left it that was answered before.
    fn bucket(&self, of: &Destination) -> impl Future<Output = Result<Option<Bucket>, PortError>> + Send;

    /// Replaces the bucket if it still is `before`. A bucket may be forgotten a day after its instants have passed.
    fn replace(
        &self,
        of: &Destination,
        before: Option<Bucket>,
        after: Bucket,
    ) -> impl Future<Output = Result<(), WriteError>> + Send;
}

/// Permits, or when to ask again; and the bucket as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The permits, if there are any.
    pub lease: Option<Lease>,
    /// When to ask again, where there are none.
    pub ask_again: Micros,
    /// Nobody may ask the partner before.
    pub paused_until: Micros,
}

/// Takes up to `wanted` permits.
///
/// # Errors
/// When the buckets cannot be read or written, or others are quicker each time.
pub async fn take(
    permits: &impl Permits,
    clock: &(impl Clock + ?Sized),
    of: &Destination,
    rate: Rate,
    wanted: u32,
) -> Result<Answer, PortError> {
    for _ in 0..TRIES {
        let before = permits.bucket(of).await?;
        let paused_until = before.unwrap_or_default().paused_until;
        let (lease, after) = match decide(before, rate, wanted, clock.now().into()) {
            Decision::Grant(lease, after) => (lease, after),
            Decision::Wait(ask_again) => return Ok(Answer { lease: None, ask_again, paused_until }),
        };
        match permits.replace(of, before, after).await {
            Ok(()) => return Ok(Answer { lease: Some(lease), ask_again: after.next_free, paused_until }),
            Err(WriteError::Stale) => {}
            Err(WriteError::Port(error)) => return Err(error),
        }
    }
    Err(contended(of))
}

/// Lets nobody ask the partner before `until`.
///
/// # Errors
/// When the buckets cannot be read or written, or others are quicker each time.
pub async fn pause(permits: &impl Permits, of: &Destination, until: Micros) -> Result<(), PortError> {
    for _ in 0..TRIES {
        let before = permits.bucket(of).await?;
        let Some(after) = before.unwrap_or_default().paused(until) else { return Ok(()) };
        match permits.replace(of, before, after).await {
            Ok(()) => return Ok(()),
            Err(WriteError::Stale) => {}
            Err(WriteError::Port(error)) => return Err(error),
        }
    }
    Err(contended(of))
}

fn contended(of: &Destination) -> PortError {
    PortError::transient(format!("take permits of {}", of.as_str()), "others were quicker each time")
}

#[cfg(test)]
mod tests;
