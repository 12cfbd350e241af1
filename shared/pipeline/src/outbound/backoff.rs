//! How long to wait before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The upper bound of the first wait; it doubles with each attempt.
const FIRST_BOUND: Duration = Duration::from_millis(200);
/// The bound does not grow past this.
const LAST_BOUND: Duration = Duration::from_secs(20);

/// The wait after the `attempt`-th attempt (from 1): anything from nothing to a bound that doubles ("full jitter"), on top
/// of what the partner asked for. On top, because rows that were refused together must not come back together.
pub(crate) fn wait(attempt: u32, retry_after: Option<Duration>) -> Duration {
    let jitter = bound(attempt).mul_f64(random_share());
    retry_after.unwrap_or_default().saturating_add(jitter)
}

fn bound(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    FIRST_BOUND.saturating_mul(1 << doublings).min(LAST_BOUND)
}

/// A number in 0..1. Each state of the standard library's hasher differs, which is all the chance that is needed here.
pub(crate) fn random_share() -> f64 {
    let random = RandomState::new().hash_one(0_u8);
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_below_a_doubling_bound() {
        for (attempt, bound_ms) in [(1, 200), (2, 400), (3, 800), (7, 12_800), (8, 20_000), (1_000, 20_000)] {
            let waits: Vec<_> = (0..400).map(|_| wait(attempt, None)).collect();
            let bound = Duration::from_millis(bound_ms);
            assert!(waits.iter().all(|wait| *wait < bound), "attempt {attempt}");
            assert!(waits.iter().any(|wait| *wait < bound / 4), "attempt {attempt}: never short");
            assert!(waits.iter().any(|wait| *wait > bound / 4 * 3), "attempt {attempt}: never long");
        }
    }

    #[test]
    fn the_partners_word_is_the_least() {
        let asked = Duration::from_secs(3);
        let waits: Vec<_> = (0..100).map(|_| wait(1, Some(asked))).collect();
        assert!(waits.iter().all(|wait| (asked..asked + FIRST_BOUND).contains(wait)));
        assert!(waits.iter().any(|wait| *wait > asked));
        assert_eq!(wait(1, Some(Duration::MAX)), Duration::MAX);
    }
}
