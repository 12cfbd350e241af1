//! When to try again.

use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::Visitor;

/// When to try a request again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RetrySpec {
    /// Attempts in all, the first included.
    #[cfg_attr(test, schemars(range(min = 1, max = 20)))]
    pub attempts: u32,
    /// What counts as transient.
    #[serde(rename = "for")]
    pub kinds: Vec<RetryKind>,
}

impl Default for RetrySpec {
    fn default() -> Self {
        let kinds = vec![RetryKind::Status(429), RetryKind::StatusClass(5), RetryKind::Timeout, RetryKind::Connection];
        Self { attempts: 5, kinds }
    }
}

/// One kind of transient trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryKind {
    /// One status, such as `429`.
    Status(u16),
    /// A class of statuses by its first digit, such as `5xx`.
    StatusClass(u16),
    /// No answer in time.
    Timeout,
    /// The connection could not be made, or broke.
    Connection,
}

impl RetryKind {
    fn from_number(number: u64) -> Option<Self> {
        u16::try_from(number).ok().filter(|status| (400..=599).contains(status)).map(Self::Status)
    }

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "timeout" => Some(Self::Timeout),
            "connection" => Some(Self::Connection),
            "4xx" => Some(Self::StatusClass(4)),
            "5xx" => Some(Self::StatusClass(5)),
            _ => Self::from_number(text.parse().ok()?),
        }
    }
}

impl<'de> Deserialize<'de> for RetryKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RetryKindVisitor)
    }
}

struct RetryKindVisitor;

impl Visitor<'_> for RetryKindVisitor {
    type Value = RetryKind;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a status from 400 to 599, `4xx`, `5xx`, `timeout` or `connection`")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<RetryKind, E> {
        let wrong = || E::custom(format!("{number} is no status from 400 to 599"));
        RetryKind::from_number(number).ok_or_else(wrong)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<RetryKind, E> {
        self.visit_u64(u64::try_from(number).map_err(|_| E::custom(format!("{number} is no status")))?)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RetryKind, E> {
        let wrong =
            || E::custom(format!("`{text}` is no status from 400 to 599, `4xx`, `5xx`, `timeout` or `connection`"));
        RetryKind::from_text(text).ok_or_else(wrong)
    }
}
