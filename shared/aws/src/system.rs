//! The clock and the randomness of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

use filas_domain::clock::Timestamp;
use filas_domain::ports::{Clock, PortError};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(0).plus(since_epoch)
    }
}

/// Bytes that nobody can guess, for ids.
///
/// # Errors
/// When the operating system has none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], PortError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| PortError::transient("draw random bytes", error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_of_this_century_and_goes_on() {
        let (first, second) = (SystemClock.now(), SystemClock.now());
        assert!(first.as_millis() > 1_700_000_000_000);
        assert!(second >= first);
    }

    #[test]
    fn no_two_draws_are_alike() {
        assert_ne!(random_bytes::<10>().unwrap(), random_bytes::<10>().unwrap());
    }
}
