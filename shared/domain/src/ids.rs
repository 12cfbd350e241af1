//! Names of things. Each is parsed once, at the edge, and trusted afterwards.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::clock::Timestamp;

/// A text that is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{text}' is not {expected}")]
pub struct NotAnId {
    text: String,
    expected: &'static str,
}

impl NotAnId {
    fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), expected }
    }
}

/// The id of a task: a UUIDv7, so ids sort by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(Uuid);

impl TaskId {
    /// The id for a task created at `now`; `random` makes it unique within the millisecond.
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random).into_uuid())
    }

    /// Its 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl FromStr for TaskId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        // Only the canonical spelling: two spellings of one id would be two keys in a store.
        match Uuid::try_parse(text) {
            Ok(id) if id.as_hyphenated().to_string() == text => Ok(Self(id)),
            _ => Err(NotAnId::new(text, "a task id")),
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(formatter)
    }
}

/// The number of a batch within its task, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct BatchNumber(u32);

impl BatchNumber {
    /// The batch at this position of the index.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The position in the index.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for BatchNumber {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        text.parse().map(Self).map_err(|_| NotAnId::new(text, "a batch number"))
    }
}

impl fmt::Display for BatchNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The number of a row as the person sees it in the spreadsheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RowNumber(u32);

impl RowNumber {
    /// The row with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number in the spreadsheet.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for RowNumber {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        // Only the canonical spelling, as everywhere here.
        match text.parse::<u32>() {
            Ok(number) if number > 0 && number.to_string() == text => Ok(Self(number)),
            _ => Err(NotAnId::new(text, "a row number")),
        }
    }
}

impl fmt::Display for RowNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Who a task belongs to: 1 to 64 of `a-z`, `0-9`, `-`, `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner(String);

impl Owner {
    /// The owner's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Owner {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnId::new(text, "an owner (1 to 64 of a-z, 0-9, - and _)"))
        }
    }
}

impl TryFrom<String> for Owner {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A pipeline as a task pins it: its name and the version (a digest of its text) that the task started with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PipelineRef {
    /// The pipeline's name.
    pub name: String,
    /// The first hexadecimal digits of the digest of its text.
    pub version: String,
}

impl PipelineRef {
    /// Whether a pipeline may have this name: 1 to 64 of a-z, 0-9 and -.
    pub fn is_name(text: &str) -> bool {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=64).contains(&text.len()) && text.bytes().all(fits)
    }
}

/// The token that names one row to the outside, and the idempotency key of its side effects: `<task>.<row>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Receipt {
    /// The task.
    pub task: TaskId,
    /// The row within the task.
    pub row: RowNumber,
}

impl fmt::Display for Receipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.task, self.row)
    }
}

impl TryFrom<String> for Receipt {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<Receipt> for String {
    fn from(receipt: Receipt) -> Self {
        receipt.to_string()
    }
}

impl FromStr for Receipt {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let wrong = || NotAnId::new(text, "a receipt (<task>.<row>)");
        let (task, row) = text.split_once('.').ok_or_else(wrong)?;
        let receipt =
            Self { task: task.parse().map_err(|_| wrong())?, row: RowNumber(row.parse().map_err(|_| wrong())?) };
        if receipt.to_string() == text { Ok(receipt) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> TaskId {
        TaskId::new(Timestamp::from_millis(1_700_000_000_000), [7; 10])
    }

    #[test]
    fn task_ids_sort_by_creation_and_read_back() {
        let later = TaskId::new(Timestamp::from_millis(1_700_000_000_001), [0; 10]);
        assert!(task() < later);
        assert!(task().to_string() < later.to_string());
        assert_eq!(task().to_string().parse(), Ok(task()));
    }

    #[test]
    fn only_the_canonical_spelling_is_a_task_id() {
        for wrong in ["", "x", &task().to_string().to_uppercase(), &format!("{{{}}}", task())] {
            assert!(wrong.parse::<TaskId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn receipts_read_back_and_nothing_else_does() {
        let receipt = Receipt { task: task(), row: RowNumber::new(17) };
        assert_eq!(receipt.to_string().parse(), Ok(receipt));
        for wrong in ["", "17", &format!("{}.", task()), &format!("{}.017", task()), &format!("{}.+17", task())] {
            assert!(wrong.parse::<Receipt>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn pipelines_have_plain_names() {
        let longest = "a".repeat(64);
        for (name, expected) in [
            ("orders-2", true),
            (longest.as_str(), true),
            (&"a".repeat(65), false),
            ("", false),
            ("Orders", false),
            ("a/b", false),
            ("é", false),
        ] {
            assert_eq!(PipelineRef::is_name(name), expected, "{name}");
        }
    }

    #[test]
    fn owners_are_plain_names() {
        assert!("acme-2_eu".parse::<Owner>().is_ok());
        for wrong in ["", "Acme", "a b", "a#b", &"x".repeat(65)] {
            assert!(wrong.parse::<Owner>().is_err(), "{wrong}");
        }
    }
}
