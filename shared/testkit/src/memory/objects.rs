//! Objects in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use filas_domain::clock::Timestamp;
use filas_domain::erasure::ObjectEraser;
use filas_domain::ids::TaskId;
use filas_domain::keys::ObjectKey;
use filas_domain::limits::PRESIGNED_FOR;
use filas_domain::plan::ByteRange;
use filas_domain::ports::{
    Downloaded, ObjectReader, ObjectSigner, ObjectStream, ObjectWriter, PortError, SignedRequest,
};
use filas_domain::trace::{TRACEPARENT, TraceParent};

use super::faults::{Faults, lock, plans_faults};

/// A bucket in memory. Its clones are the same bucket.
#[derive(Debug, Clone)]
pub struct MemoryObjects {
    stored: Arc<Mutex<BTreeMap<ObjectKey, Object>>>,
    faults: Faults,
}

#[derive(Debug, Clone)]
struct Object {
    media_type: String,
    bytes: Vec<u8>,
    trace: Option<TraceParent>,
}

plans_faults!(MemoryObjects);

impl Default for MemoryObjects {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryObjects {
    /// An empty bucket.
    ///
    /// Operations that can fail: `get`, `download`, `size`, `put`, `put_traced`, `create`, `append`, `complete`, `abandon`, `sign_put`,
    /// `sign_get`, `erase_objects`.
    pub fn new() -> Self {
        let operations = &[
            "get",
            "download",
            "size",
            "put",
            "put_traced",
            "create",
            "append",
            "complete",
            "abandon",
            "sign_put",
            "sign_get",
            "erase_objects",
        ];
        Self { stored: Arc::default(), faults: Faults::new(operations) }
    }

    /// The bytes of an object, where it is there. Never fails, whatever is planned.
    pub fn bytes(&self, key: &ObjectKey) -> Option<Vec<u8>> {
        lock(&self.stored).get(key).map(|object| object.bytes.clone())
    }

    /// The media type that an object was stored with.
    pub fn media_type(&self, key: &ObjectKey) -> Option<String> {
        lock(&self.stored).get(key).map(|object| object.media_type.clone())
    }

    /// What caused an object to be stored, where that was said.
    pub fn trace(&self, key: &ObjectKey) -> Option<TraceParent> {
        lock(&self.stored).get(key).and_then(|object| object.trace)
    }

    /// The keys of all objects, in order.
    pub fn keys(&self) -> Vec<ObjectKey> {
        lock(&self.stored).keys().cloned().collect()
    }

    /// Removes an object, as a lifecycle rule does.
    pub fn forget(&self, key: &ObjectKey) {
        lock(&self.stored).remove(key);
    }

    fn store(&self, key: &ObjectKey, media_type: &str, bytes: Vec<u8>, trace: Option<TraceParent>) {
        lock(&self.stored).insert(key.clone(), Object { media_type: media_type.to_owned(), bytes, trace });
    }

    fn read(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Vec<u8>, PortError> {
        let failed = |why| PortError::permanent(format!("read {key} from memory"), why);
        if range.is_some_and(ByteRange::is_empty) {
            return Ok(Vec::new());
        }
        let whole = self.bytes(key).ok_or_else(|| failed("there is no such object"))?;
        let Some(ByteRange { start, end }) = range else {
            return Ok(whole);
        };
        let (start, end) = (usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(end).unwrap_or(usize::MAX));
        whole.get(start..end).map(<[u8]>::to_vec).ok_or_else(|| failed("the object ends before the range does"))
    }
}

impl ObjectReader for MemoryObjects {
    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Vec<u8>, PortError> {
        self.faults.run("get", || self.read(key, range))
    }

    async fn download(&self, key: &ObjectKey, path: &Path) -> Result<Downloaded, PortError> {
        self.faults.run("download", || {
            let bytes = self.read(key, None)?;
            std::fs::write(path, &bytes).map_err(|error| PortError::transient(format!("download {key}"), error))?;
            Ok(Downloaded { bytes: bytes.len() as u64, trace: self.trace(key) })
        })
    }

    async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, PortError> {
        self.faults.run("size", || Ok(lock(&self.stored).get(key).map(|object| object.bytes.len() as u64)))
    }
}

impl ObjectWriter for MemoryObjects {
    type Stream = MemoryStream;

    async fn put(&self, key: &ObjectKey, media_type: &str, bytes: Vec<u8>) -> Result<(), PortError> {
        self.faults.run("put", || {
            self.store(key, media_type, bytes, None);
            Ok(())
        })
    }

    async fn put_traced(
        &self,
        key: &ObjectKey,
        media_type: &str,
        trace: TraceParent,
        bytes: Vec<u8>,
    ) -> Result<(), PortError> {
        self.faults.run("put_traced", || {
            self.store(key, media_type, bytes, Some(trace));
            Ok(())
        })
    }

    async fn create(&self, key: &ObjectKey, media_type: &str) -> Result<MemoryStream, PortError> {
        self.faults.run("create", || {
            Ok(MemoryStream {
                objects: self.clone(),
                key: key.clone(),
                media_type: media_type.to_owned(),
                bytes: Vec::new(),
            })
        })
    }
}

/// An object on its way into memory.
#[derive(Debug)]
pub struct MemoryStream {
    objects: MemoryObjects,
    key: ObjectKey,
    media_type: String,
    bytes: Vec<u8>,
}

impl ObjectStream for MemoryStream {
    async fn append(&mut self, bytes: Vec<u8>) -> Result<(), PortError> {
        self.objects.faults.run("append", || {
            self.bytes.extend(bytes);
            Ok(())
        })
    }

    async fn complete(self) -> Result<(), PortError> {
        let Self { objects, key, media_type, bytes } = self;
        objects.faults.run("complete", || {
            objects.store(&key, &media_type, bytes, None);
            Ok(())
        })
    }

    async fn abandon(self) -> Result<(), PortError> {
        self.objects.faults.run("abandon", || Ok(()))
    }
}

impl ObjectEraser for MemoryObjects {
    async fn erase_objects(&self, task: TaskId) -> Result<(), PortError> {
        self.faults.run("erase_objects", || {
            let folders = ObjectKey::folders(task);
            lock(&self.stored).retain(|key, _| !folders.iter().any(|folder| key.as_str().starts_with(folder)));
            Ok(())
        })
    }
}

impl ObjectSigner for MemoryObjects {
    async fn sign_put(
        &self,
        key: &ObjectKey,
        size: u64,
        trace: TraceParent,
        now: Timestamp,
    ) -> Result<SignedRequest, PortError> {
        let headers = vec![
            ("content-length".to_owned(), size.to_string()),
            (format!("x-amz-meta-{TRACEPARENT}"), trace.to_string()),
        ];
        self.faults.run("sign_put", || Ok(signed("PUT", format!("memory://{key}"), headers, now)))
    }

    async fn sign_get(&self, key: &ObjectKey, filename: &str, now: Timestamp) -> Result<SignedRequest, PortError> {
        self.faults.run("sign_get", || Ok(signed("GET", format!("memory://{key}?filename={filename}"), vec![], now)))
    }
}

fn signed(method: &str, url: String, headers: Vec<(String, String)>, now: Timestamp) -> SignedRequest {
    SignedRequest { method: method.to_owned(), url, headers, expires: now.plus(PRESIGNED_FOR) }
}
