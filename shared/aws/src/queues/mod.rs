//! Queues in SQS.
//!
//! * [`sending`]: batches to the workers
//! * [`deliveries`]: when a message comes again
//! * [`monitor`]: how full the queues are

mod deliveries;
mod monitor;
mod sending;

pub use deliveries::SqsDeliveries;
pub use monitor::{SqsMonitor, WatchedQueue};
pub use sending::SqsBatchQueue;
