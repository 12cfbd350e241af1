//! How the partner misbehaves, as one value that is replaced whole.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the partner server behaves. The default is a partner that answers everything at once.
///
/// `PUT /_partner/settings` takes this as JSON; a key that is left out gets its default, an unknown one is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartnerSettings {
    /// Time that each request takes before it has its effect, in milliseconds.
    pub latency_ms: u64,
    /// Share of the latency that varies at random: 0.5 makes 100 ms anything from 50 to 150 ms. 0..=1.
    pub jitter: f64,
    /// Share of requests that are answered with `error_status` and have no effect. 0..=1.
    pub error_rate: f64,
    /// The status of those answers, and of the failures of `fail_first`. 400..=599.
    pub error_status: u16,
    /// Requests accepted in each second; the others are answered 429 with `Retry-After`. 0 means no limit.
    pub rate_limit_per_second: u32,
    /// Share of requests that are never answered. 0..=1.
    pub hang_rate: f64,
    /// Whether a request that hangs has had its effect.
    pub hang_after_effect: bool,
    /// Share of requests whose connection is reset instead of an answer. 0..=1.
    pub reset_rate: f64,
    /// Whether a request that is reset has had its effect: the case that only an idempotency key can save.
    pub reset_after_effect: bool,
    /// How many requests of each idempotency key fail with `error_status` before one is let through.
    pub fail_first: u32,
    /// Seed of every random decision, so that a run can be repeated.
    pub seed: u64,
}

impl Default for PartnerSettings {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            jitter: 0.0,
            error_rate: 0.0,
            error_status: 500,
            rate_limit_per_second: 0,
            hang_rate: 0.0,
            hang_after_effect: false,
            reset_rate: 0.0,
            reset_after_effect: false,
            fail_first: 0,
            seed: 1,
        }
    }
}

/// A setting that makes no sense, with its name and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSetting {
    name: &'static str,
    must_be: &'static str,
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} must be {}", self.name, self.must_be)
    }
}

impl std::error::Error for InvalidSetting {}

impl PartnerSettings {
    /// Refuses shares outside 0..=1, statuses that are no errors, and a latency over an hour.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let shares = [
            ("jitter", self.jitter),
            ("error_rate", self.error_rate),
            ("hang_rate", self.hang_rate),
            ("reset_rate", self.reset_rate),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(InvalidSetting { name, must_be: "between 0 and 1" });
            }
        }
        if !(400..=599).contains(&self.error_status) {
            return Err(InvalidSetting { name: "error_status", must_be: "between 400 and 599" });
        }
        if self.latency_ms > 3_600_000 {
            return Err(InvalidSetting { name: "latency_ms", must_be: "at most 3600000" });
        }
        Ok(())
    }
}
