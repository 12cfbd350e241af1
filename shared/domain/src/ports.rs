//! What the functions need from the outside, in the words of the domain. `filas-aws` has the real ones, `filas-testkit`
//! the ones in memory, and one body of tests holds both to the same behaviour.

use std::error::Error;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

use crate::access::key::{ApiKey, KeyId};
use crate::access::rate::Window;
use crate::batch::{Batch, BatchChange};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::ids::{BatchNumber, Owner, TaskId};
use crate::keys::ObjectKey;
use crate::message::BatchMessage;
use crate::plan::ByteRange;
use crate::report::ReportMessage;
use crate::task::{Head, Task, TaskState};
use crate::trace::TraceParent;

/// Trouble with something outside: a store, a queue.
#[derive(Debug, Error)]
#[error("{operation}")]
pub struct PortError {
    operation: String,
    transient: bool,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl PortError {
    /// An error that may pass by itself: a time-out, a throttle.
    pub fn transient(operation: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation: operation.into(), transient: true, source: source.into() }
    }

    /// An error that stays until somebody changes something: a missing permission, a missing object.
    pub fn permanent(operation: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation: operation.into(), transient: false, source: source.into() }
    }

    /// Whether it may pass by itself.
    pub const fn is_transient(&self) -> bool {
        self.transient
    }
}

/// A write under a version that is no longer the stored one, or trouble with the store.
#[derive(Debug, Error)]
pub enum WriteError {
    /// Somebody else wrote first; nothing was written.
    #[error("somebody else wrote first")]
    Stale,
    /// Trouble with the store; it may not be known whether something was written.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// Tasks, one at a time. Reads see every write that was answered before.
pub trait TaskLedger: Send + Sync {
    /// The task, if there is one.
    fn task(&self, id: TaskId) -> impl Future<Output = Result<Option<Task>, PortError>> + Send;

    /// Writes `head` if the stored head still has the version of `read`; its version becomes one higher. The tally is
    /// not touched.
    fn write_head(&self, read: &Task, head: &Head) -> impl Future<Output = Result<(), WriteError>> + Send;
}

/// Batches and what they add to their task.
pub trait BatchLedger: TaskLedger {
    /// Those of the batches that somebody has claimed before, in any order.
    fn batches(
        &self,
        task: TaskId,
        numbers: &[BatchNumber],
    ) -> impl Future<Output = Result<Vec<Batch>, PortError>> + Send;

    /// Stores every change, and adds their [`difference`](crate::batch::difference) to the task's tally, all or nothing:
    /// only if each batch still has the version that it was read with, and the task exists. At most
    /// [`CHANGES_AT_ONCE`] changes, of one task. A single change that adds nothing, as a claim, may be stored without a
    /// look at the task: nothing is counted by it.
    fn write_batches(&self, changes: &[BatchChange]) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// As [`write_batches`](Self::write_batches), and with them the head, all or nothing: only if it still has the
    /// version of `read`; it becomes one higher.
    fn write_task_and_batches(
        &self,
        read: &Task,
        head: &Head,
        changes: &[BatchChange],
    ) -> impl Future<Output = Result<(), WriteError>> + Send;
}

/// The most batches in one [`BatchLedger::write_batches`]: DynamoDB takes 100 items in a transaction.
pub const CHANGES_AT_ONCE: usize = 90;

/// What a person sent as `Idempotency-Key`, and what the request was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key as sent.
    pub key: String,
    /// A digest of everything that makes the request.
    pub fingerprint: String,
    /// From when on it may be forgotten.
    pub expires: Timestamp,
}

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// The task is new.
    New,
    /// The key was used before, by a request with this fingerprint, which made this task.
    Before {
        /// The task of that time.
        task: TaskId,
        /// The fingerprint of that time.
        fingerprint: String,
    },
}

/// Registers tasks.
pub trait TaskRegister: Send + Sync {
    /// Stores the task, and under its owner the key, both or neither.
    fn register(
        &self,
        task: &Task,
        key: Option<&IdempotencyKey>,
    ) -> impl Future<Output = Result<Registered, PortError>> + Send;

    /// Whether a task was registered under this key of the owner's, and the key is not forgotten at `now`.
    fn remembers(
        &self,
        owner: &Owner,
        key: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;
}

/// Counts the tasks of an owner that have not ended.
pub trait OpenTasks: Send + Sync {
    /// How many there are, or `at_most`, whichever is less. Tasks that began or ended a moment ago may be missing or still
    /// be there.
    fn open_tasks(&self, owner: &Owner, at_most: u32) -> impl Future<Output = Result<u32, PortError>> + Send;
}

/// Keeps the keys that owners made.
pub trait Keys: Send + Sync {
    /// Stores a new key.
    fn add(&self, key: &ApiKey) -> impl Future<Output = Result<(), PortError>> + Send;

    /// The owner's key, if there is one. It sees every change that was answered before.
    fn key(&self, owner: &Owner, id: &KeyId) -> impl Future<Output = Result<Option<ApiKey>, PortError>> + Send;

    /// The owner's keys by id, those after the id `after` where one is given.
    fn keys(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<ApiKey>, PortError>> + Send;

    /// Revokes the owner's key at `now`, unless it was revoked before. `false` when there is none.
    fn revoke(&self, owner: &Owner, id: &KeyId, now: Timestamp)
    -> impl Future<Output = Result<bool, PortError>> + Send;
}

/// Counts the requests of owners.
pub trait Rates: Send + Sync {
    /// Counts one more request of the owner in this minute, and says how many there are now. A request may be counted twice
    /// when an answer is lost.
    fn count(&self, owner: &Owner, window: Window) -> impl Future<Output = Result<u32, PortError>> + Send;
}

/// Lists for people.
pub trait TaskCatalogue: Send + Sync {
    /// The owner's tasks, newest first, those before the task `before` where one is given.
    fn list(
        &self,
        owner: &Owner,
        state: Option<TaskState>,
        before: Option<TaskId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Task>, PortError>> + Send;

    /// Those of the task's batches that somebody has claimed, in order, with numbers in `from..until`.
    fn claimed_batches(
        &self,
        task: TaskId,
        from: BatchNumber,
        until: BatchNumber,
    ) -> impl Future<Output = Result<Vec<Batch>, PortError>> + Send;
}

/// The tasks that the sweeper looks at.
pub trait UnsettledTasks: Send + Sync {
    /// Tasks of every owner that are [not settled](Head::is_settled), oldest first, those after the task `after` where
    /// one is given. A task that changed a moment ago may still be missing, or still be there.
    fn unsettled(
        &self,
        after: Option<TaskId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<TaskId>, PortError>> + Send;
}

/// An object that was copied to this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// How many bytes it has.
    pub bytes: u64,
    /// What caused it to be stored, where whoever stored it said so.
    pub trace: Option<TraceParent>,
}

/// Reads objects.
pub trait ObjectReader: Send + Sync {
    /// The object, or the bytes of it that are asked for.
    fn get(&self, key: &ObjectKey, range: Option<ByteRange>)
    -> impl Future<Output = Result<Vec<u8>, PortError>> + Send;

    /// Writes the object into the file at `path`, which is made.
    fn download(&self, key: &ObjectKey, path: &Path) -> impl Future<Output = Result<Downloaded, PortError>> + Send;

    /// The object's size in bytes, or `None` when there is no such object.
    fn size(&self, key: &ObjectKey) -> impl Future<Output = Result<Option<u64>, PortError>> + Send;
}

/// Writes objects.
pub trait ObjectWriter: Send + Sync {
    /// An object being written.
    type Stream: ObjectStream;

    /// Stores the object.
    fn put(
        &self,
        key: &ObjectKey,
        media_type: &str,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Stores the object together with what caused it.
    fn put_traced(
        &self,
        key: &ObjectKey,
        media_type: &str,
        trace: TraceParent,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Begins an object that is too large for memory. Nothing is there until it is completed.
    fn create(&self, key: &ObjectKey, media_type: &str)
    -> impl Future<Output = Result<Self::Stream, PortError>> + Send;
}

/// An object being written, piece by piece.
pub trait ObjectStream: Send {
    /// Appends a piece of any size.
    fn append(&mut self, bytes: Vec<u8>) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Makes the object visible.
    fn complete(self) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Drops what was written.
    fn abandon(self) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A request that somebody without credentials may make, once it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// `PUT` or `GET`.
    pub method: String,
    /// Where to.
    pub url: String,
    /// The headers that must be sent as they are.
    pub headers: Vec<(String, String)>,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// Signs requests for one exact object.
pub trait ObjectSigner: Send + Sync {
    /// A PUT of exactly `size` bytes, together with what caused it.
    fn sign_put(
        &self,
        key: &ObjectKey,
        size: u64,
        trace: TraceParent,
        now: Timestamp,
    ) -> impl Future<Output = Result<SignedRequest, PortError>> + Send;

    /// A GET that is saved as `filename`.
    fn sign_get(
        &self,
        key: &ObjectKey,
        filename: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<SignedRequest, PortError>> + Send;
}

/// Sends batches to the workers.
pub trait BatchQueue: Send + Sync {
    /// Sends every message, on behalf of the owner of their tasks: the queue is fair between owners. With each goes what
    /// caused it. An entry that the queue refused is sent again; when it still is refused, that is an error.
    fn send(
        &self,
        owner: &Owner,
        trace: TraceParent,
        messages: &[BatchMessage],
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Asks for the files of tasks that have ended.
pub trait ReportQueue: Send + Sync {
    /// Sends the message. It may arrive twice.
    fn send_report(&self, message: &ReportMessage) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Has a file read again whose event was lost.
pub trait IngestQueue: Send + Sync {
    /// Sends what the bucket sends when the file of this task arrives.
    fn send_arrival(&self, task: TaskId) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The queue that a message came from.
pub trait Deliveries: Send + Sync {
    /// Hides the message for `wait` from now, after which it is delivered again.
    fn postpone(&self, receipt_handle: &str, wait: Duration) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// How full a queue is. The numbers are approximate, as the queue itself gives them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct QueueDepth {
    /// `batch` or `ingest`.
    pub name: String,
    /// Messages that can be received.
    pub visible: u64,
    /// Messages that somebody received and has not deleted.
    pub in_flight: u64,
    /// Messages that are not to be received yet.
    pub delayed: u64,
    /// Messages in its dead-letter queue.
    pub dead: u64,
}

/// Looks at the queues.
pub trait QueueMonitor: Send + Sync {
    /// Every queue.
    fn depths(&self) -> impl Future<Output = Result<Vec<QueueDepth>, PortError>> + Send;
}

/// Tells everybody who wants to know.
pub trait EventTopic: Send + Sync {
    /// Publishes every event, in any order; when one is refused, that is an error, though others may be out.
    fn publish(&self, events: &[Event]) -> impl Future<Output = Result<(), PortError>> + Send;
}
