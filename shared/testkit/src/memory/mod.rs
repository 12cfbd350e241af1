//! The ports in memory, for tests: the same behaviour as the real ones, held to it by [`contract`](crate::contract).
//!
//! Every fake is a handle: its clones see the same state. None of them looks at the machine's clock or draws a random
//! number, so a test runs the same way each time. Each can be told to fail: `fail_next` before it has an effect, and
//! `lose_answers` after it, as when the network takes the answer away.
//!
//! * [`clock`]: a clock that stands until it is set
//! * [`ledger`]: tasks and batches
//! * [`objects`]: objects, and requests signed by nobody
//! * [`queue`]: a queue with visibility timeouts, receive counts and dead letters
//! * [`pipelines`]: the pipelines of owners
//! * [`access`]: keys of owners, and counters of requests
//! * [`records`], [`permits`], [`secrets`], [`row_queue`]: what pipelines need of others
//! * [`topic`], [`watchers`]: what others are told, and who looks on
//! * [`meter`]: what a worker asks of the cloud
//! * [`faults`]: the failures that a test asks for
//! * [`strike`]: every port under a fate that strikes calls: failures, stalls and deaths

mod access;
mod clock;
mod faults;
mod ledger;
mod meter;
mod objects;
mod permits;
mod pipelines;
mod queue;
mod records;
mod row_queue;
mod secrets;
mod strike;
#[cfg(test)]
mod tests;
mod topic;
mod watchers;

pub use access::MemoryAccess;
pub use clock::ManualClock;
pub use ledger::MemoryLedger;
pub use meter::MemoryMeter;
pub use objects::{MemoryObjects, MemoryStream};
pub use permits::MemoryPermits;
pub use pipelines::MemoryPipelines;
pub use queue::{Delivery, MemoryQueue};
pub use records::MemoryRecords;
pub use row_queue::{MemoryRowQueue, SentCall};
pub use secrets::MemorySecrets;
pub use strike::{At, Call, Fate, Fragile, FragileStream, PlannedFate, STALL, Strike, Subject, WorldClock};
pub use topic::MemoryTopic;
pub use watchers::{MemoryConnections, MemoryWatchers};
