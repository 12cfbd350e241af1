//! Every port under a fate.

use std::error::Error;
use std::future::{Future, pending};
use std::path::Path;
use std::time::Duration;

use filas_domain::batch::{Batch, BatchChange};
use filas_domain::clock::Timestamp;
use filas_domain::erasure::{Erasure, ObjectEraser, TaskEraser};
use filas_domain::ids::{BatchNumber, Owner, TaskId};
use filas_domain::keys::ObjectKey;
use filas_domain::message::BatchMessage;
use filas_domain::plan::ByteRange;
use filas_domain::ports::{
    BatchLedger, BatchQueue, Deliveries, Downloaded, IdempotencyKey, IngestQueue, ObjectReader, ObjectSigner,
    ObjectStream, ObjectWriter, OpenTasks, PortError, QueueDepth, QueueMonitor, Registered, ReportQueue, SignedRequest,
    TaskCatalogue, TaskLedger, TaskRegister, UnsettledTasks, WriteError,
};
use filas_domain::record::{Record, RecordId, Records, Stored};
use filas_domain::report::ReportMessage;
use filas_domain::task::{Head, Task, TaskState};
use filas_domain::trace::TraceParent;

use super::{Call, Fate, PlannedFate, STALL, Strike, Subject};

/// A port under a fate.
#[derive(Debug, Clone)]
pub struct Fragile<P, F = PlannedFate> {
    port: P,
    fate: F,
}

impl<P, F: Fate> Fragile<P, F> {
    /// `port`, every call of which meets `fate`.
    pub const fn new(port: P, fate: F) -> Self {
        Self { port, fate }
    }
}

/// The call with what strikes it.
async fn meet<F, T, E>(
    fate: &F,
    operation: &'static str,
    subject: Subject<'_>,
    effect: impl Future<Output = Result<T, E>> + Send,
) -> Result<T, E>
where
    F: Fate,
    T: Send,
    E: Error + From<PortError> + Send + Sync,
{
    let call = Call { operation, subject };
    let failed = || PortError::transient(operation, "fails as the test asked");
    let strike = fate.begin(&call).await;
    match strike {
        Some(Strike::FailBefore) => return Err(failed().into()),
        Some(Strike::DieBefore) => return pending().await,
        Some(Strike::Stall) => tokio::time::sleep(STALL).await,
        Some(Strike::FailAfter | Strike::DieAfter) | None => {}
    }
    let answer = effect.await;
    fate.end(&call, strike, answer.as_ref().err().map(|error| -> &(dyn Error + Send + Sync) { error })).await;
    match strike {
        Some(Strike::DieAfter) => pending().await,
        Some(Strike::FailAfter) => answer.and_then(|_| Err(failed().into())),
        _ => answer,
    }
}

impl<P: TaskLedger, F: Fate> TaskLedger for Fragile<P, F> {
    async fn task(&self, id: TaskId) -> Result<Option<Task>, PortError> {
        meet(&self.fate, "task", Subject::Task(id), self.port.task(id)).await
    }

    async fn write_head(&self, read: &Task, head: &Head) -> Result<(), WriteError> {
        meet(&self.fate, "write_head", Subject::Head(read, head, &[]), self.port.write_head(read, head)).await
    }
}

impl<P: BatchLedger, F: Fate> BatchLedger for Fragile<P, F> {
    async fn batches(&self, task: TaskId, numbers: &[BatchNumber]) -> Result<Vec<Batch>, PortError> {
        meet(&self.fate, "batches", Subject::Batches(task, numbers), self.port.batches(task, numbers)).await
    }

    async fn write_batches(&self, changes: &[BatchChange]) -> Result<(), WriteError> {
        meet(&self.fate, "write_batches", Subject::Changes(changes), self.port.write_batches(changes)).await
    }

    async fn write_task_and_batches(
        &self,
        read: &Task,
        head: &Head,
        changes: &[BatchChange],
    ) -> Result<(), WriteError> {
        let write = self.port.write_task_and_batches(read, head, changes);
        meet(&self.fate, "write_task_and_batches", Subject::Head(read, head, changes), write).await
    }
}

impl<P: TaskRegister, F: Fate> TaskRegister for Fragile<P, F> {
    async fn register(&self, task: &Task, key: Option<&IdempotencyKey>) -> Result<Registered, PortError> {
        meet(&self.fate, "register", Subject::Task(task.id), self.port.register(task, key)).await
    }

    async fn remembers(&self, owner: &Owner, key: &str, now: Timestamp) -> Result<bool, PortError> {
        meet(&self.fate, "remembers", Subject::Nothing, self.port.remembers(owner, key, now)).await
    }
}

impl<P: OpenTasks, F: Fate> OpenTasks for Fragile<P, F> {
    async fn open_tasks(&self, owner: &Owner, at_most: u32) -> Result<u32, PortError> {
        meet(&self.fate, "open_tasks", Subject::Nothing, self.port.open_tasks(owner, at_most)).await
    }
}

impl<P: TaskCatalogue, F: Fate> TaskCatalogue for Fragile<P, F> {
    async fn list(
        &self,
        owner: &Owner,
        state: Option<TaskState>,
        before: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<Task>, PortError> {
        meet(&self.fate, "list", Subject::Nothing, self.port.list(owner, state, before, limit)).await
    }

    async fn claimed_batches(
        &self,
        task: TaskId,
        from: BatchNumber,
        until: BatchNumber,
    ) -> Result<Vec<Batch>, PortError> {
        let read = self.port.claimed_batches(task, from, until);
        meet(&self.fate, "claimed_batches", Subject::Task(task), read).await
    }
}

impl<P: UnsettledTasks, F: Fate> UnsettledTasks for Fragile<P, F> {
    async fn unsettled(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<TaskId>, PortError> {
        meet(&self.fate, "unsettled", Subject::Nothing, self.port.unsettled(after, limit)).await
    }
}

impl<P: TaskEraser, F: Fate> TaskEraser for Fragile<P, F> {
    async fn take_away(&self, task: &Task, now: Timestamp) -> Result<(), PortError> {
        meet(&self.fate, "take_away", Subject::Task(task.id), self.port.take_away(task, now)).await
    }

    async fn erasure(&self, task: TaskId) -> Result<Option<Erasure>, PortError> {
        meet(&self.fate, "erasure", Subject::Task(task), self.port.erasure(task)).await
    }

    async fn erase_batches(&self, task: TaskId) -> Result<(), PortError> {
        meet(&self.fate, "erase_batches", Subject::Task(task), self.port.erase_batches(task)).await
    }

    async fn mark_erased(&self, task: TaskId) -> Result<(), PortError> {
        meet(&self.fate, "mark_erased", Subject::Task(task), self.port.mark_erased(task)).await
    }

    async fn forget_erasure(&self, task: TaskId) -> Result<(), PortError> {
        meet(&self.fate, "forget_erasure", Subject::Task(task), self.port.forget_erasure(task)).await
    }
}

impl<P: ObjectEraser, F: Fate> ObjectEraser for Fragile<P, F> {
    async fn erase_objects(&self, task: TaskId) -> Result<(), PortError> {
        meet(&self.fate, "erase_objects", Subject::Task(task), self.port.erase_objects(task)).await
    }
}

impl<P: ObjectReader, F: Fate> ObjectReader for Fragile<P, F> {
    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Vec<u8>, PortError> {
        meet(&self.fate, "get", Subject::Object(key), self.port.get(key, range)).await
    }

    async fn download(&self, key: &ObjectKey, path: &Path) -> Result<Downloaded, PortError> {
        meet(&self.fate, "download", Subject::Object(key), self.port.download(key, path)).await
    }

    async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, PortError> {
        meet(&self.fate, "size", Subject::Object(key), self.port.size(key)).await
    }
}

impl<P: ObjectWriter, F: Fate> ObjectWriter for Fragile<P, F> {
    type Stream = FragileStream<P::Stream, F>;

    async fn put(&self, key: &ObjectKey, media_type: &str, bytes: Vec<u8>) -> Result<(), PortError> {
        meet(&self.fate, "put", Subject::Object(key), self.port.put(key, media_type, bytes)).await
    }

    async fn put_traced(
        &self,
        key: &ObjectKey,
        media_type: &str,
        trace: TraceParent,
        bytes: Vec<u8>,
    ) -> Result<(), PortError> {
        let put = self.port.put_traced(key, media_type, trace, bytes);
        meet(&self.fate, "put_traced", Subject::Object(key), put).await
    }

    async fn create(&self, key: &ObjectKey, media_type: &str) -> Result<Self::Stream, PortError> {
        let create = self.port.create(key, media_type);
        let stream = meet(&self.fate, "create", Subject::Object(key), create).await?;
        Ok(FragileStream { stream, fate: self.fate.clone(), key: key.clone() })
    }
}

/// An object being written under a fate.
#[derive(Debug)]
pub struct FragileStream<S, F> {
    stream: S,
    fate: F,
    key: ObjectKey,
}

impl<S: ObjectStream, F: Fate> ObjectStream for FragileStream<S, F> {
    async fn append(&mut self, bytes: Vec<u8>) -> Result<(), PortError> {
        meet(&self.fate, "append", Subject::Object(&self.key), self.stream.append(bytes)).await
    }

    async fn complete(self) -> Result<(), PortError> {
        meet(&self.fate, "complete", Subject::Object(&self.key), self.stream.complete()).await
    }

    async fn abandon(self) -> Result<(), PortError> {
        meet(&self.fate, "abandon", Subject::Object(&self.key), self.stream.abandon()).await
    }
}

impl<P: ObjectSigner, F: Fate> ObjectSigner for Fragile<P, F> {
    async fn sign_put(
        &self,
        key: &ObjectKey,
        size: u64,
        trace: TraceParent,
        now: Timestamp,
    ) -> Result<SignedRequest, PortError> {
        meet(&self.fate, "sign_put", Subject::Object(key), self.port.sign_put(key, size, trace, now)).await
    }

    async fn sign_get(&self, key: &ObjectKey, filename: &str, now: Timestamp) -> Result<SignedRequest, PortError> {
        meet(&self.fate, "sign_get", Subject::Object(key), self.port.sign_get(key, filename, now)).await
    }
}

impl<P: BatchQueue, F: Fate> BatchQueue for Fragile<P, F> {
    async fn send(&self, owner: &Owner, trace: TraceParent, messages: &[BatchMessage]) -> Result<(), PortError> {
        meet(&self.fate, "send", Subject::Messages(messages), self.port.send(owner, trace, messages)).await
    }
}

impl<P: IngestQueue, F: Fate> IngestQueue for Fragile<P, F> {
    async fn send_arrival(&self, task: TaskId) -> Result<(), PortError> {
        meet(&self.fate, "send_arrival", Subject::Task(task), self.port.send_arrival(task)).await
    }
}

impl<P: ReportQueue, F: Fate> ReportQueue for Fragile<P, F> {
    async fn send_report(&self, message: &ReportMessage) -> Result<(), PortError> {
        meet(&self.fate, "send_report", Subject::Task(message.task), self.port.send_report(message)).await
    }
}

impl<P: Deliveries, F: Fate> Deliveries for Fragile<P, F> {
    async fn postpone(&self, receipt_handle: &str, wait: Duration) -> Result<(), PortError> {
        meet(&self.fate, "postpone", Subject::Text(receipt_handle), self.port.postpone(receipt_handle, wait)).await
    }
}

impl<P: QueueMonitor, F: Fate> QueueMonitor for Fragile<P, F> {
    async fn depths(&self) -> Result<Vec<QueueDepth>, PortError> {
        meet(&self.fate, "depths", Subject::Nothing, self.port.depths()).await
    }
}

impl<P: Records, F: Fate> Records for Fragile<P, F> {
    async fn keep(&self, record: &Record) -> Result<Stored, PortError> {
        meet(&self.fate, "keep", Subject::Text(&record.id.key), self.port.keep(record)).await
    }

    async fn record(&self, id: &RecordId) -> Result<Option<Record>, PortError> {
        meet(&self.fate, "record", Subject::Text(&id.key), self.port.record(id)).await
    }

    async fn list(
        &self,
        owner: &Owner,
        pipeline: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, PortError> {
        meet(&self.fate, "list", Subject::Text(pipeline), self.port.list(owner, pipeline, after, limit)).await
    }
}
