//! What travels through the batch queue: pointers, never rows. Versioned: an unknown version is an error, never a guess.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::{BatchNumber, TaskId};
use crate::plan::BatchPlan;

const VERSION: u32 = 1;

/// One batch to be processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchMessage {
    /// The task.
    pub task: TaskId,
    /// Which of its batches.
    pub batch: BatchNumber,
    /// Which rows, and where they lie.
    #[serde(flatten)]
    pub plan: BatchPlan,
}

/// A message that is not one of ours.
#[derive(Debug, Error)]
pub enum MessageError {
    /// Not a batch message.
    #[error("the message is not a batch message")]
    Malformed(#[source] serde_json::Error),
    /// Sent by another version of Filas.
    #[error("the batch message has version {0}, this program knows {VERSION}")]
    UnknownVersion(u32),
}

#[derive(Deserialize)]
struct Envelope {
    version: u32,
}

#[derive(Serialize)]
struct Sealed<'a> {
    version: u32,
    #[serde(flatten)]
    message: &'a BatchMessage,
}

impl BatchMessage {
    /// The body as sent.
    pub fn encode(&self) -> String {
        // Writing to memory cannot fail, and the type has no key that is not text.
        serde_json::to_string(&Sealed { version: VERSION, message: self }).unwrap_or_default()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// When it is not a batch message, or one of an unknown version.
    pub fn decode(body: &str) -> Result<Self, MessageError> {
        // The version first: the rest of an unknown version may look like anything.
        let envelope: Envelope = serde_json::from_str(body).map_err(MessageError::Malformed)?;
        if envelope.version != VERSION {
            return Err(MessageError::UnknownVersion(envelope.version));
        }
        serde_json::from_str(body).map_err(MessageError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::ids::RowNumber;
    use crate::plan::ByteRange;

    fn message() -> BatchMessage {
        BatchMessage {
            task: TaskId::new(Timestamp::from_millis(1_700_000_000_000), [7; 10]),
            batch: BatchNumber::new(7),
            plan: BatchPlan {
                first_row: RowNumber::new(2),
                last_row: RowNumber::new(9),
                rows: 8,
                bytes: ByteRange { start: 10, end: 90 },
            },
        }
    }

    #[test]
    fn a_message_is_small_and_reads_back() {
        let body = message().encode();
        assert_eq!(
            body,
            r#"{"version":1,"task":"018bcfe5-6800-7707-8707-070707070707","batch":7,"first_row":2,"last_row":9,"rows":8,"start":10,"end":90}"#
        );
        assert_eq!(BatchMessage::decode(&body).unwrap(), message());
    }

    #[test]
    fn what_is_not_ours_is_an_error() {
        let newer = message().encode().replace("\"version\":1", "\"version\":2");
        assert!(matches!(BatchMessage::decode(&newer), Err(MessageError::UnknownVersion(2))));
        for body in ["", "{}", "poison", r#"{"version":1}"#] {
            assert!(matches!(BatchMessage::decode(body), Err(MessageError::Malformed(_))), "{body}");
        }
    }
}
