//! Mistakes in the protocol, each of which the model must find. They are mistakes that somebody could make: most of them
//! are one line away from the code.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bug {
    /// A batch is written first, and the task's counters in a write of their own.
    CountOutsideTransaction,
    /// The contribution of a batch is added as it is, and not as the difference to what was counted before.
    CountAbsolutely,
    /// A batch is closed first, and its outcomes stored afterwards.
    CountBeforeStoring,
    /// The message is acknowledged before the batch is closed.
    AcknowledgeBeforeCommit,
    /// A batch is closed without a look at its version.
    CommitUnfenced,
    /// A batch is claimed without a look at its version.
    ClaimUnfenced,
    /// A batch is claimed although a worker holds it.
    ClaimIgnoresLease,
    /// A message that finds its batch closed is acknowledged without a look whether the task ended.
    NoLookAfterRedelivery,
    /// A batch that is not finished is acknowledged without a message for the rest.
    HandOnWithoutMessage,
    /// A dead letter buries its batch whatever the batch is doing.
    BuryUnconditionally,
    /// A dead letter buries a batch that was redriven after the letter's message died.
    BuryRedriven,
    /// The task ends without a look at the head's version.
    FinishUnfenced,
    /// Messages go out before the file is wholly read.
    SendBeforeSplit,
    /// The task says that its messages are out before they are.
    MarkBeforeSending,
    /// The task says that its messages are out although it was changed since.
    MarkUnfenced,
    /// The reader of a file writes its result without a look at the head's version.
    SplitDoneUnfenced,
    /// A batch is parked without a second look at the task.
    ParkWithoutLookingAgain,
    /// A paused task goes on without new messages for its parked batches.
    ResumeWithoutSending,
    /// Cancelling closes batches that a worker holds.
    CancelClosesHeld,
    /// A redrive opens batches without moving the version of the head.
    ReopenKeepsVersion,
    /// A redriven batch keeps its rows counted as unprocessed.
    RedriveKeepsUnprocessed,
}
