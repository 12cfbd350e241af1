//! How often an owner may call: so many requests in each minute of the clock, counted across all instances.
//!
//! A minute that begins forgets the one before, so within any sixty seconds there may be twice the number. That costs one
//! write for each request, and nothing that has to be read.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::clock::Timestamp;

const WINDOW_SECS: u64 = 60;

/// How long a counter is kept after its minute.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// A minute of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window(u64);

impl Window {
    /// The minute that `now` is in.
    pub const fn of(now: Timestamp) -> Self {
        Self(now.as_secs() / WINDOW_SECS * WINDOW_SECS)
    }

    /// Its first second, since the Unix epoch.
    pub const fn start_secs(self) -> u64 {
        self.0
    }

    /// When its counter may be forgotten.
    pub fn forgotten(self) -> Timestamp {
        Timestamp::from_millis((self.0 + WINDOW_SECS) * 1000).plus(KEPT)
    }

    /// Whole seconds from `now` to its end, and one at least.
    const fn left(self, now: Timestamp) -> u64 {
        let left = (self.0 + WINDOW_SECS).saturating_sub(now.as_secs());
        if left == 0 { 1 } else { left }
    }
}

/// The most requests of an owner in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(NonZeroU32);

/// What is left to an owner in this minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests in a minute.
    pub limit: u32,
    /// Requests that are left.
    pub left: u32,
    /// Seconds until there are `limit` again.
    pub reset: Duration,
    /// Whether the request that was counted last may go on.
    pub is_within: bool,
}

impl RateLimit {
    /// So many requests in a minute; none at all is no limit.
    pub fn per_minute(requests: u32) -> Option<Self> {
        NonZeroU32::new(requests).map(Self)
    }

    /// What is left when the request at `now` was number `count` of its minute.
    pub fn allowance(self, count: u32, now: Timestamp) -> Allowance {
        let limit = self.0.get();
        Allowance {
            limit,
            left: limit.saturating_sub(count),
            reset: Duration::from_secs(Window::of(now).left(now)),
            is_within: count <= limit,
        }
    }
}

impl Allowance {
    /// The field `RateLimit-Policy` of the IETF draft "RateLimit header fields for HTTP".
    pub fn policy_field(&self) -> String {
        format!("\"owner\";q={};w={WINDOW_SECS}", self.limit)
    }

    /// The field `RateLimit` of the same draft.
    pub fn field(&self) -> String {
        format!("\"owner\";r={};t={}", self.left, self.reset.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000 + 999)
    }

    #[test]
    fn the_last_request_within_the_limit_goes_on_and_the_next_does_not() {
        let limit = RateLimit::per_minute(2).unwrap();
        for (count, left, is_within) in [(1, 1, true), (2, 0, true), (3, 0, false), (u32::MAX, 0, false)] {
            let allowance = limit.allowance(count, at(119));
            assert_eq!((allowance.left, allowance.is_within, allowance.reset.as_secs()), (left, is_within, 1));
        }
        assert_eq!(RateLimit::per_minute(0), None);
    }

    #[test]
    fn a_minute_ends_where_the_next_begins() {
        assert_eq!(Window::of(at(59)).start_secs(), 0);
        assert_eq!(Window::of(at(60)).start_secs(), 60);
        assert_eq!(Window::of(at(60)).forgotten().as_secs(), 120 + 3600);
        assert_eq!(RateLimit::per_minute(1).unwrap().allowance(1, at(60)).reset.as_secs(), 60);
    }

    #[test]
    fn the_fields_are_structured_as_the_draft_has_them() {
        let allowance = RateLimit::per_minute(6000).unwrap().allowance(10, at(30));
        assert_eq!(allowance.policy_field(), "\"owner\";q=6000;w=60");
        assert_eq!(allowance.field(), "\"owner\";r=5990;t=30");
    }
}
