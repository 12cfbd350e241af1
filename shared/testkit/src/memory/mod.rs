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
//! * [`faults`]: the failures that a test asks for

mod clock;
mod faults;
mod ledger;
mod objects;
mod queue;
#[cfg(test)]
mod tests;

pub use clock::ManualClock;
pub use ledger::MemoryLedger;
pub use objects::{MemoryObjects, MemoryStream};
pub use queue::{Delivery, MemoryQueue};
