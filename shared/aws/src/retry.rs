//! Asking again, a bounded number of times.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::errors::Meaning;

/// Tries of one operation, the first included.
pub(crate) const TRIES: u32 = 8;

/// After this long no further try begins, unless there was only one.
const PATIENCE: Duration = Duration::from_secs(3);

const FIRST_WAIT: Duration = Duration::from_millis(25);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The last error, and whether any of the tries may have taken effect.
#[derive(Debug)]
pub(crate) struct Failed<E> {
    /// Of the last try.
    pub(crate) error: E,
    /// An earlier try ended without an answer: the service may have done what was asked, and this error may only say so.
    pub(crate) perhaps_done_before: bool,
}

/// Runs `operation` until it succeeds, fails for good, or has failed too often; waits longer each time, with full jitter.
pub(crate) async fn retrying<T, E, F>(
    mut operation: impl FnMut() -> F,
    meaning: impl Fn(&E) -> Meaning,
) -> Result<T, Failed<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let begun = Instant::now();
    let mut perhaps_done_before = false;
    let mut failures = 0;
    loop {
        let error = match operation().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        failures += 1;
        let meaning = meaning(&error);
        let wait = back_off(failures);
        let too_late = failures > 1 && begun.elapsed() + wait > PATIENCE;
        if !meaning.is_transient() || failures >= TRIES || too_late {
            return Err(Failed { error, perhaps_done_before });
        }
        perhaps_done_before |= meaning == Meaning::Unknown;
        tokio::time::sleep(wait).await;
    }
}

/// How long to wait after so many failures: anything from nothing to a bound that doubles.
pub(crate) fn back_off(failures: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(LONGEST_WAIT).mul_f64(fraction())
}

/// A number from 0 up to 1.
fn fraction() -> f64 {
    // Where the system has no randomness, everybody waits half: worse, and not worth failing for.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(random) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(meanings: &[Meaning], expected: Result<usize, (Meaning, bool)>) {
        let mut tries = 0;
        let found = retrying(
            || {
                tries += 1;
                let outcome = meanings.get(tries - 1).map_or(Ok(tries), |meaning| Err(*meaning));
                async move { outcome }
            },
            |meaning| *meaning,
        )
        .await
        .map_err(|failed| (failed.error, failed.perhaps_done_before));
        assert_eq!(found, expected, "{meanings:?}");
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_and_the_rest_is_not() {
        use Meaning::{Permanent, Refused, Unknown};
        check(&[], Ok(1)).await;
        check(&[Refused, Unknown], Ok(3)).await;
        check(&[Permanent], Err((Permanent, false))).await;
        check(&[Refused, Permanent], Err((Permanent, false))).await;
        check(&[Unknown, Refused, Permanent], Err((Permanent, true))).await;
        check(&[Refused; 8], Err((Refused, false))).await;
        check(&[Refused; 7], Ok(8)).await;
    }

    #[test]
    fn waits_are_bounded() {
        for failures in 0..100 {
            assert!(back_off(failures) <= LONGEST_WAIT);
        }
        assert!(back_off(1) <= FIRST_WAIT);
    }
}
