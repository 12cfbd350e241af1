//! Rows as messages to a queue of the user's.

use std::future::Future;

use crate::ports::PortError;
use crate::trace::TraceParent;

/// SQS's bound on one call.
pub const MESSAGES_A_CALL: usize = 10;

/// The most bytes of one call, and so of one message: what every SQS takes.
pub const CALL_BYTES: usize = 262_144;

/// One row as a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowMessage {
    /// Names the row: the message's attribute `idempotency-key`, and what a FIFO queue drops repetitions by. Consumers of
    /// other queues get a row twice once in a while and tell it by this.
    pub idempotency_key: String,
    /// What caused it: the message's attribute `traceparent`.
    pub trace: TraceParent,
    /// The message: JSON text.
    pub body: String,
}

/// Why the queue will never take a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// For programs: the queue's own code.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Sends rows to queues of the users'.
pub trait RowQueue: Send + Sync {
    /// Sends at most [`MESSAGES_A_CALL`] messages of together at most [`CALL_BYTES`] to the queue at `url`, and says of
    /// each, in order, whether it was taken. What the queue refuses for now is sent again.
    ///
    /// # Errors
    /// When it is not known of each message that it was taken or never will be. Some may have been taken.
    fn send(
        &self,
        url: &str,
        messages: &[RowMessage],
    ) -> impl Future<Output = Result<Vec<Result<(), Rejected>>, PortError>> + Send;
}
