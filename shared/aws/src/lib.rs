//! The outside of Filas as AWS has it. Nothing else in the project names the SDK.
//!
//! * [`env`]: what the environment configures; a missing variable is an error with its name
//! * [`clients`]: one client for each service, made once per cold start
//! * [`ledger`]: tasks and batches in one DynamoDB table
//! * [`stream`]: what was written there, as changes of tasks and batches
//! * [`objects`]: files, rows and results in S3, and presigned requests for them
//! * [`queues`]: the batch queue, the visibility of deliveries and the depths of all queues
//! * [`pipelines`]: which version of an owner's pipeline is the present one
//! * [`access`]: the keys that owners made, and how often each calls
//! * [`records`], [`permits`], [`secrets`], [`row_queue`]: what pipelines need of others
//! * [`topic`]: everybody who wants to know
//! * [`connections`], [`watchers`]: clients that look on, and what they look at
//! * [`meter`]: what a process asks of all of them
//! * [`telemetry`]: logs as JSON lines
//! * [`system`]: the clock and the randomness of the machine

pub mod access;
pub mod clients;
pub mod connections;
pub mod env;
mod errors;
pub mod ledger;
pub mod meter;
pub mod objects;
pub mod permits;
pub mod pipeline_ports;
pub mod pipelines;
pub mod queues;
pub mod records;
mod retry;
pub mod row_queue;
pub mod secrets;
mod signed;
pub mod stream;
pub mod system;
pub mod telemetry;
pub mod topic;
pub mod watchers;

pub use access::DynamoAccess;
pub use clients::Cloud;
pub use connections::GatewayConnections;
pub use ledger::DynamoLedger;
pub use meter::CloudMeter;
pub use objects::S3Objects;
pub use permits::DynamoPermits;
pub use pipelines::DynamoPipelines;
pub use queues::{SqsBatchQueue, SqsDeliveries, SqsIngestQueue, SqsMonitor, SqsReportQueue, WatchedQueue};
pub use records::DynamoRecords;
pub use row_queue::SqsRowQueue;
pub use secrets::SsmSecrets;
pub use system::{SystemClock, random_bytes};
pub use topic::SnsTopic;
pub use watchers::DynamoWatchers;
