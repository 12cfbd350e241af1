//! What goes wrong with one request: dice with a seed, and a limit of requests per second.

use std::time::{Duration, Instant};

use super::settings::PartnerSettings;

/// What is to become of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is answered, after so long.
    Answer { after: Duration },
    /// It gets the error status, after so long, and has no effect.
    Error { after: Duration },
    /// It is refused with 429 at once; the number is `Retry-After` in seconds.
    Limited { retry_after_seconds: u64 },
    /// It is never answered.
    Hang,
    /// Its connection is reset.
    Reset,
}

/// The random and the counted faults of one partner.
#[derive(Debug)]
pub(super) struct FaultSource {
    state: u64,
    window_start: Option<Instant>,
    accepted_in_window: u32,
}

impl FaultSource {
    /// Faults drawn from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed, window_start: None, accepted_in_window: 0 }
    }

    /// Decides about the next request. The number of draws does not depend on the outcome of earlier ones, so that a seed
    /// gives the same sequence whatever is switched on.
    pub(super) fn next_fate(&mut self, settings: &PartnerSettings, now: Instant) -> Fate {
        let (hang, reset, error, spread) = (self.share(), self.share(), self.share(), self.share());
        if let Some(retry_after_seconds) = self.over_the_limit(settings.rate_limit_per_second, now) {
            return Fate::Limited { retry_after_seconds };
        }
        let factor = 1.0 + settings.jitter * (2.0 * spread - 1.0);
        let after = Duration::from_millis(settings.latency_ms).mul_f64(factor);
        if hang < settings.hang_rate {
            Fate::Hang
        } else if reset < settings.reset_rate {
            Fate::Reset
        } else if error < settings.error_rate {
            Fate::Error { after }
        } else {
            Fate::Answer { after }
        }
    }

    /// Seconds to wait when this second's requests are used up; counts the request otherwise.
    fn over_the_limit(&mut self, per_second: u32, now: Instant) -> Option<u64> {
        if per_second == 0 {
            return None;
        }
        let fresh = self.window_start.is_none_or(|start| now.duration_since(start) >= Duration::from_secs(1));
        if fresh {
            self.window_start = Some(now);
            self.accepted_in_window = 0;
        }
        if self.accepted_in_window >= per_second {
            return Some(1);
        }
        self.accepted_in_window += 1;
        None
    }

    /// A number in 0..1, by SplitMix64 (Steele, Lea and Flood, 2014).
    fn share(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(settings: &PartnerSettings, seed: u64) -> Vec<Fate> {
        let mut source = FaultSource::new(seed);
        let now = Instant::now();
        (0..2_000).map(|_| source.next_fate(settings, now)).collect()
    }

    #[test]
    fn a_seed_repeats_its_faults_and_another_does_not() {
        let settings = PartnerSettings { error_rate: 0.1, reset_rate: 0.1, ..PartnerSettings::default() };
        assert_eq!(draw(&settings, 7), draw(&settings, 7));
        assert_ne!(draw(&settings, 7), draw(&settings, 8));
    }

    #[test]
    fn rates_are_kept() {
        let settings = PartnerSettings { error_rate: 0.25, ..PartnerSettings::default() };
        let errors = draw(&settings, 3).into_iter().filter(|fate| matches!(fate, Fate::Error { .. })).count();
        assert!((400..600).contains(&errors), "{errors} of 2000 at a rate of 0.25");
    }

    #[test]
    fn the_limit_opens_again_after_a_second() {
        let settings = PartnerSettings { rate_limit_per_second: 2, ..PartnerSettings::default() };
        let mut source = FaultSource::new(1);
        let start = Instant::now();
        let mut limited = |milliseconds| {
            let fate = source.next_fate(&settings, start + Duration::from_millis(milliseconds));
            fate == Fate::Limited { retry_after_seconds: 1 }
        };
        let seen = [0, 10, 20, 999, 1_000, 1_001, 1_002].map(&mut limited);
        assert_eq!(seen, [false, false, true, true, false, false, true]);
    }
}
