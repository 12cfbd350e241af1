//! Queues in SQS.
//!
//! * [`sending`]: batches to the workers
//! * [`ingest`]: a file whose event was lost
//! * [`reports`]: the files of tasks that have ended
//! * [`deliveries`]: when a message comes again
//! * [`monitor`]: how full the queues are

mod deliveries;
mod ingest;
mod monitor;
mod reports;
mod sending;

pub use deliveries::SqsDeliveries;
pub use ingest::SqsIngestQueue;
pub use monitor::{SqsMonitor, WatchedQueue};
pub use reports::SqsReportQueue;
pub use sending::SqsBatchQueue;
