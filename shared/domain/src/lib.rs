//! The rules of Filas, pure: no AWS, no tokio, no clock, no environment. Times and ids are passed in.
//!
//! * [`ids`]: task, batch, row, owner, receipt and object key, each parsed once and trusted afterwards
//! * [`clock`]: a moment in UTC, in milliseconds
//! * [`task`]: the states of a task, its legal transitions, its counters
//! * [`batch`]: the states of a batch: claim, checkpoint, close, release, bury
//! * [`plan`]: rows to batches, and the index that is stored beside them
//! * [`message`]: what travels through the queues
//! * [`outcome`]: what became of a row, as stored and as counted
//! * [`keys`]: where things lie in the bucket
//! * [`limits`]: every bound on what a person may send
//! * [`access`]: who may call, as which owner
//! * [`delivery`]: messages as Lambda delivers them, and the partial batch response
//! * [`fan_out`]: one message for each open batch, at first and again
//! * [`commands`]: cancel, pause, resume, redrive
//! * [`completion`]: the end of a task, which happens once
//! * [`sweep`]: what a crash, or a lost message, left to be done
//! * [`audit`]: the counters of a task beside the sums over its batches
//! * [`erasure`]: everything of a task goes
//! * [`fate`]: what is known of each row of a batch
//! * [`error_chain`]: an error with its causes in one line
//! * [`problem`]: errors as RFC 9457 problem details
//! * [`metrics`]: what CloudWatch is told, by printed lines
//! * [`usage`]: what a task asked of the cloud, and about what that costs
//! * [`view`]: tasks and batches as the API shows them
//! * [`record`]: what a `store` delivery keeps, once for each key
//! * [`own_pipeline`]: the pipelines of an owner, by name
//! * [`row_line`]: the lines of a rows object
//! * [`permits`]: how often all workers together may ask one partner
//! * [`breaker`]: nobody asks a partner that is down
//! * [`stop`]: when a task gives up early
//! * [`report`]: the files that are written when a task has ended
//! * [`secrets`], [`row_queue`]: what a pipeline needs of others
//! * [`trace`]: which calls belong together
//! * [`event`]: what happened, as CloudEvents
//! * [`live`]: what clients are told while they look on
//! * [`ports`]: what the functions need from the outside

pub mod access;
pub mod audit;
pub mod batch;
pub mod breaker;
pub mod clock;
pub mod commands;
pub mod completion;
pub mod delivery;
pub mod erasure;
mod error_chain;
pub mod event;
pub mod fan_out;
pub mod fate;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod live;
pub mod message;
pub mod metrics;
pub mod outcome;
pub mod own_pipeline;
pub mod permits;
pub mod plan;
pub mod ports;
pub mod problem;
pub mod record;
pub mod report;
pub mod row_line;
pub mod row_queue;
mod schema;
pub mod secrets;
pub mod stop;
pub mod sweep;
pub mod task;
pub mod trace;
pub mod usage;
pub mod view;

pub use error_chain::error_chain;
pub use ids::{BatchNumber, Owner, PipelineRef, Receipt, RowNumber, TaskId};
