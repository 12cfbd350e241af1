//! Records: what a `store` delivery keeps, once for each key.

use std::future::Future;

use crate::clock::Timestamp;
use crate::ids::{Owner, Receipt};
use crate::ports::PortError;

/// The longest key of a record, in bytes: what DynamoDB takes as a sort key.
pub const KEY_BYTES: usize = 1024;

/// The largest record, in bytes of JSON. DynamoDB's bound on an item is 400 KB, names and numbers included.
pub const RECORD_BYTES: usize = 380_000;

/// What a record is found by. It is unique across everything that the owner ever stored by this pipeline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// Whose it is.
    pub owner: Owner,
    /// The name of the pipeline that stored it.
    pub pipeline: String,
    /// The row's key. It is not empty, and not longer than [`KEY_BYTES`].
    pub key: String,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is found by.
    pub id: RecordId,
    /// The row that it was made of.
    pub source: Receipt,
    /// When it was stored.
    pub stored: Timestamp,
    /// What was stored, as JSON text: numbers keep every digit.
    pub json: String,
}

/// What became of a record that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is there: now, or since this row came for the first time.
    Kept,
    /// Another row has the key, this one. Nothing was changed.
    TakenBy(Receipt),
}

/// Keeps records.
pub trait Records: Send + Sync {
    /// Stores the record unless there is one with its id. A record of the same row is left as it is, and as good.
    fn keep(&self, record: &Record) -> impl Future<Output = Result<Stored, PortError>> + Send;

    /// The record, if there is one.
    fn record(&self, id: &RecordId) -> impl Future<Output = Result<Option<Record>, PortError>> + Send;

    /// The owner's records of a pipeline by key (in the order of its bytes), those after the key `after` where one is given.
    fn list(
        &self,
        owner: &Owner,
        pipeline: &str,
        after: Option<&str>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Record>, PortError>> + Send;
}
