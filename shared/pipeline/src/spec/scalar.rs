//! Single values with a notation of their own.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Error as _, Visitor};
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

/// How long an answer is remembered: whole seconds, or a time span. Five minutes when it is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSpec(Duration);

impl CacheSpec {
    /// The span; zero means not at all.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl Default for CacheSpec {
    fn default() -> Self {
        Self(Duration::from_secs(300))
    }
}

impl<'de> Deserialize<'de> for CacheSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = number_or_text(deserializer, "seconds, or a time span such as 250ms, 10s or 2m")?;
        let span = match &written {
            NumberOrText::Number(seconds) => Some(Duration::from_secs(*seconds)),
            NumberOrText::Text(text) => DurationSpec::parse(text).map(DurationSpec::get),
        };
        span.map(Self).ok_or_else(|| D::Error::custom(format!("`{written}` is no time span such as 300, 10s or 2m")))
    }
}

/// So many in a time span: `200/s`, `600/m`, `5000/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSpec {
    /// How many; never 0.
    pub permits: u32,
    /// In what time: a second, a minute or an hour.
    pub per: Duration,
}

impl RateSpec {
    /// Reads `200/s`, `600/m` or `5000/h`.
    pub fn parse(text: &str) -> Option<Self> {
        let (permits, unit) = text.split_once('/')?;
        let per = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return None,
        };
        let permits = permits.trim().parse().ok().filter(|permits| *permits > 0)?;
        Some(Self { permits, per: Duration::from_secs(per) })
    }

    /// Permits in a second.
    pub fn per_second(self) -> f64 {
        f64::from(self.permits) / self.per.as_secs_f64()
    }
}

impl<'de> Deserialize<'de> for RateSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is no rate such as 200/s, 600/m or 5000/h")))
    }
}

/// How many failed rows are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedLimit {
    /// So many rows.
    Rows(u64),
    /// A share of the task's rows, in hundredths of a percent: 500 for `5%`.
    Share(u32),
}

impl FailedLimit {
    /// Reads `5%` or `0.25%`: above 0, at most 100, at most two decimals.
    fn parse_share(text: &str) -> Option<Self> {
        let (whole, decimals) = match text.strip_suffix('%')?.trim().split_once('.') {
            Some((whole, decimals)) => (whole, decimals),
            None => (text.strip_suffix('%')?.trim(), ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || decimals.len() > 2 || !digits(whole) || !digits(decimals) {
            return None;
        }
        let hundredths: u32 = format!("{whole}{decimals:0<2}").parse().ok()?;
        (1..=10_000).contains(&hundredths).then_some(Self::Share(hundredths))
    }
}

impl<'de> Deserialize<'de> for FailedLimit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = number_or_text(deserializer, "a number of rows, or a share such as 5%")?;
        let limit = match &written {
            NumberOrText::Number(rows) => Some(Self::Rows(*rows)),
            NumberOrText::Text(text) => Self::parse_share(text),
        };
        limit.ok_or_else(|| D::Error::custom(format!("`{written}` is no number of rows and no share such as 5%")))
    }
}

enum NumberOrText {
    Number(u64),
    Text(String),
}

impl fmt::Display for NumberOrText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

fn number_or_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<NumberOrText, D::Error> {
    deserializer.deserialize_any(NumberOrTextVisitor(expected))
}

struct NumberOrTextVisitor(&'static str);

impl Visitor<'_> for NumberOrTextVisitor {
    type Value = NumberOrText;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<NumberOrText, E> {
        Ok(NumberOrText::Number(number))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<NumberOrText, E> {
        // A negative number is shown as the text that it is, and fits nothing.
        Ok(u64::try_from(number).map_or_else(|_| NumberOrText::Text(number.to_string()), NumberOrText::Number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<NumberOrText, E> {
        Ok(NumberOrText::Text(text.to_owned()))
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
