//! The bucket, which tells the ingest queue of every upload.

use std::path::Path;

use filas_domain::TaskId;
use filas_domain::clock::Timestamp;
use filas_domain::delivery::UploadEvent;
use filas_domain::erasure::ObjectEraser;
use filas_domain::keys::ObjectKey;
use filas_domain::plan::ByteRange;
use filas_domain::ports::{Downloaded, ObjectReader, ObjectSigner, ObjectWriter, PortError, SignedRequest};
use filas_domain::trace::TraceParent;
use filas_testkit::memory::{MemoryObjects, MemoryStream};

use crate::bugs::Bug;
use crate::queue::SimQueue;

/// The bucket. Its clones are the same bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    objects: MemoryObjects,
    events: SimQueue,
    bug: Option<Bug>,
}

impl Bucket {
    /// An empty bucket that tells `events` of uploads.
    pub fn new(events: &SimQueue, bug: Option<Bug>) -> Self {
        Self { objects: MemoryObjects::new(), events: events.clone(), bug }
    }

    /// What is in it, without the port's calls.
    pub const fn objects(&self) -> &MemoryObjects {
        &self.objects
    }

    fn tell_of(&self, key: &ObjectKey) {
        if let Some(task) = ObjectKey::task_of_upload(key.as_str()) {
            self.events.send_body(UploadEvent::arrival(task));
        }
    }
}

impl ObjectReader for Bucket {
    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Vec<u8>, PortError> {
        self.objects.get(key, range).await
    }

    async fn download(&self, key: &ObjectKey, path: &Path) -> Result<Downloaded, PortError> {
        self.objects.download(key, path).await
    }

    async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, PortError> {
        self.objects.size(key).await
    }
}

impl ObjectWriter for Bucket {
    type Stream = MemoryStream;

    async fn put(&self, key: &ObjectKey, media_type: &str, bytes: Vec<u8>) -> Result<(), PortError> {
        if self.bug == Some(Bug::OutcomesAreNotKept) && key.as_str().contains("/parts/") {
            return Ok(());
        }
        self.objects.put(key, media_type, bytes).await?;
        self.tell_of(key);
        Ok(())
    }

    async fn put_traced(
        &self,
        key: &ObjectKey,
        media_type: &str,
        trace: TraceParent,
        bytes: Vec<u8>,
    ) -> Result<(), PortError> {
        self.objects.put_traced(key, media_type, trace, bytes).await?;
        self.tell_of(key);
        Ok(())
    }

    async fn create(&self, key: &ObjectKey, media_type: &str) -> Result<MemoryStream, PortError> {
        self.objects.create(key, media_type).await
    }
}

impl ObjectEraser for Bucket {
    async fn erase_objects(&self, task: TaskId) -> Result<(), PortError> {
        self.objects.erase_objects(task).await
    }
}

impl ObjectSigner for Bucket {
    async fn sign_put(
        &self,
        key: &ObjectKey,
        size: u64,
        trace: TraceParent,
        now: Timestamp,
    ) -> Result<SignedRequest, PortError> {
        self.objects.sign_put(key, size, trace, now).await
    }

    async fn sign_get(&self, key: &ObjectKey, filename: &str, now: Timestamp) -> Result<SignedRequest, PortError> {
        self.objects.sign_get(key, filename, now).await
    }
}
