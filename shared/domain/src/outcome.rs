//! What became of a row: as the pipeline says it, as it is stored, and as it is counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::RowNumber;

/// The part of the journey in which a row failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The row could not be read from the file.
    Read,
    /// The row breaks the pipeline's schema.
    Validate,
    /// A look-up in another API.
    Enrich,
    /// A computation over the row.
    Compute,
    /// The delivery to a partner or a store.
    Deliver,
}

impl Stage {
    /// The name, as stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Validate => "validate",
            Self::Enrich => "enrich",
            Self::Compute => "compute",
            Self::Deliver => "deliver",
        }
    }
}

/// Why a row failed. Row trouble is data: it never fails the batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// What, for programs: `INVALID_ROW`, `HTTP_422`, …
    pub code: String,
    /// What, for people.
    pub message: String,
}

/// What the pipeline says of one row.
#[derive(Debug, Clone, PartialEq)]
pub enum RowResult {
    /// Everything worked; `kept` is what the pipeline keeps of a partner's answer.
    Succeeded {
        /// What the pipeline keeps of a partner's answer.
        kept: Option<Value>,
    },
    /// Something is wrong with the row.
    Failed(Failure),
}

/// One line of an outcomes object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum OutcomeLine {
    /// The row went through.
    Succeeded {
        /// The row.
        row: RowNumber,
        /// What the pipeline keeps of a partner's answer.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        kept: Option<Value>,
    },
    /// The row failed.
    Failed {
        /// The row.
        row: RowNumber,
        /// Why.
        #[serde(flatten)]
        failure: Failure,
    },
    /// The row was not tried, or it is not known what became of it.
    Unprocessed {
        /// The row.
        row: RowNumber,
        /// Why, for programs.
        code: String,
        /// Why, for people.
        message: String,
    },
}

impl OutcomeLine {
    /// The line for a row and what the pipeline said of it.
    pub fn new(row: RowNumber, result: RowResult) -> Self {
        match result {
            RowResult::Succeeded { kept } => Self::Succeeded { row, kept },
            RowResult::Failed(failure) => Self::Failed { row, failure },
        }
    }

    /// The row.
    pub const fn row(&self) -> RowNumber {
        match self {
            Self::Succeeded { row, .. } | Self::Failed { row, .. } | Self::Unprocessed { row, .. } => *row,
        }
    }

    /// Appends the line, newline included.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        // Writing to memory cannot fail, and the type has no key that is not text.
        if serde_json::to_writer(&mut *out, self).is_ok() {
            out.push(b'\n');
        }
    }
}

/// What is right of each row in these lines: of several lines for a row, the last.
///
/// # Errors
/// When a line is not an outcome.
pub fn latest(lines: &[u8]) -> Result<BTreeMap<RowNumber, OutcomeLine>, serde_json::Error> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice::<OutcomeLine>(line).map(|line| (line.row(), line))).collect()
}

/// How many rows ended how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that went through.
    pub succeeded: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Rows that were not tried, or of which it is not known what became of them.
    pub unprocessed: u64,
    /// The failed rows by code; the values add up to `failed`.
    #[serde(default)]
    pub failed_by_code: BTreeMap<String, u64>,
}

impl Counts {
    /// Counts one row.
    pub fn count(&mut self, line: &OutcomeLine) {
        match line {
            OutcomeLine::Succeeded { .. } => self.succeeded += 1,
            OutcomeLine::Failed { failure, .. } => {
                self.failed += 1;
                *self.failed_by_code.entry(failure.code.clone()).or_default() += 1;
            }
            OutcomeLine::Unprocessed { .. } => self.unprocessed += 1,
        }
    }

    /// Rows with an outcome.
    pub fn rows(&self) -> u64 {
        self.succeeded + self.failed + self.unprocessed
    }

    /// Adds `more`.
    pub fn add(&mut self, more: &Self) {
        self.succeeded += more.succeeded;
        self.failed += more.failed;
        self.unprocessed += more.unprocessed;
        for (code, rows) in &more.failed_by_code {
            *self.failed_by_code.entry(code.clone()).or_default() += rows;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(row: u32, code: &str) -> OutcomeLine {
        let failure = Failure { stage: Stage::Validate, code: code.into(), message: "quantity: too small".into() };
        OutcomeLine::new(RowNumber::new(row), RowResult::Failed(failure))
    }

    fn text(line: &OutcomeLine) -> String {
        let mut out = Vec::new();
        line.write_to(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_stored_as_the_documents_say() {
        let succeeded = OutcomeLine::new(RowNumber::new(2), RowResult::Succeeded { kept: None });
        assert_eq!(text(&succeeded), "{\"outcome\":\"succeeded\",\"row\":2}\n");
        assert_eq!(
            text(&failed(7, "INVALID_ROW")),
            "{\"outcome\":\"failed\",\"row\":7,\"stage\":\"validate\",\"code\":\"INVALID_ROW\",\"message\":\"quantity: too small\"}\n"
        );
    }

    #[test]
    fn lines_read_back() {
        for line in [failed(7, "X"), OutcomeLine::new(RowNumber::new(1), RowResult::Succeeded { kept: Some(1.into()) })]
        {
            assert_eq!(serde_json::from_str::<OutcomeLine>(&text(&line)).unwrap(), line);
        }
    }

    #[test]
    fn codes_add_up_to_the_failed() {
        let mut counts = Counts::default();
        for line in [failed(1, "A"), failed(2, "B"), failed(3, "A")] {
            counts.count(&line);
        }
        let mut twice = counts.clone();
        twice.add(&counts);
        assert_eq!(twice.failed, 6);
        assert_eq!(twice.failed_by_code, BTreeMap::from([("A".into(), 4), ("B".into(), 2)]));
        assert_eq!(twice.rows(), 6);
    }
}
