//! What must never break.

/// A rule, broken by one step. Rules about a single moment are in [`Protocol::properties`](crate::Protocol).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A batch was written although a worker held it who is not the writer.
    TakenFromItsHolder,
    /// What a finished task counts was changed, and not by a redrive.
    ChangedAfterTheEnd,
    /// A worker that holds a batch ran a row of it that has its outcome.
    RanACountedRow,
    /// A row was run before the file was known to be readable to its end.
    RanBeforeTheSplit,
    /// The task went from one state to another that may not follow.
    IllegalTransition,
    /// A redriven batch was buried by a letter that is older than the redrive.
    BuriedByAnOldLetter,
}
