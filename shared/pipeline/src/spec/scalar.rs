//! Single values with a notation of their own.

use std::time::Duration;

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Value;

/// A time span as a pipeline writes it: `250ms`, `10s` or `2m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationSpec(Duration);

impl DurationSpec {
    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The span.
    pub const fn get(self) -> Duration {
        self.0
    }

    /// Reads `250ms`, `10s` or `2m`. A number without a unit is refused, because either guess would be wrong for someone.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|character: char| !character.is_ascii_digit())?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let span = match unit {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            _ => return None,
        };
        Some(Self(span))
    }
}

impl<'de> Deserialize<'de> for DurationSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no time span such as 250ms, 10s or 2m")))
    }
}

/// A value, or the column that it is taken from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// `row.COLUMN`.
    Column(String),
    /// Anything else.
    Literal(Value),
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(match text.strip_prefix("row.") {
                Some(column) if !column.is_empty() => Self::Column(column.to_owned()),
                _ => Self::Literal(Value::String(text)),
            }),
            Value::Array(_) | Value::Object(_) => Err(D::Error::custom("expected row.COLUMN or a single value")),
            scalar => Ok(Self::Literal(scalar)),
        }
    }
}
