//! A moment in UTC. Filas never asks for the time here: it is passed in.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, as DynamoDB's time to live wants them.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// This moment and `duration` more, saturating at the end of time.
    pub fn plus(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// How long it is from `earlier` to this moment; zero when it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// RFC 3339 in UTC with milliseconds, as the API shows it.
    pub fn to_rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok())
            .unwrap_or_else(|| format!("{} ms after 1970", self.0))
    }
}

impl Timestamp {
    /// The moment that an RFC 3339 text names, to the millisecond; `None` for other texts, and before 1970.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok().map(Self)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_in_utc() {
        assert_eq!(Timestamp::from_millis(0).to_rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp::from_millis(1_709_251_200_250).to_rfc3339(), "2024-03-01T00:00:00.25Z");
    }

    #[test]
    fn moments_are_read_in_any_zone() {
        for (text, expected) in [
            ("2024-03-01T00:00:00.25Z", Some(1_709_251_200_250)),
            ("2024-03-01T02:00:00.250+02:00", Some(1_709_251_200_250)),
            ("1969-12-31T00:00:00Z", None),
            ("2024-03-01", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), expected.map(Timestamp::from_millis), "{text}");
        }
    }

    #[test]
    fn a_moment_out_of_the_calendar_is_still_shown() {
        assert_eq!(Timestamp::from_millis(u64::MAX).to_rfc3339(), "18446744073709551615 ms after 1970");
    }

    #[test]
    fn time_does_not_run_backwards() {
        let (early, late) = (Timestamp::from_millis(5), Timestamp::from_millis(9));
        assert_eq!(late.since(early), Duration::from_millis(4));
        assert_eq!(early.since(late), Duration::ZERO);
    }
}
