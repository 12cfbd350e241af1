//! Queues in SQS.
//!
//! * [`sending`]: batches to the workers
//! * [`ingest`]: a file whose event was lost
//! * [`deliveries`]: when a message comes again
//! * [`monitor`]: how full the queues are

mod deliveries;
mod ingest;
mod monitor;
mod sending;

pub use deliveries::SqsDeliveries;
pub use ingest::SqsIngestQueue;
pub use monitor::{SqsMonitor, WatchedQueue};
pub use sending::SqsBatchQueue;
