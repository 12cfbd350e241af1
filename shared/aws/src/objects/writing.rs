//! [`ObjectWriter`]: whole objects, and the beginning of large ones.

use aws_sdk_s3::primitives::ByteStream;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::{ObjectWriter, PortError};
use filas_domain::trace::{TRACEPARENT, TraceParent};

use super::S3Objects;
use super::multipart::{Destination, S3Stream};
use crate::errors::port_error;

impl ObjectWriter for S3Objects {
    type Stream = S3Stream;

    async fn put(&self, key: &ObjectKey, media_type: &str, bytes: Vec<u8>) -> Result<(), PortError> {
        self.destination(key, media_type).put(bytes).await
    }

    async fn put_traced(
        &self,
        key: &ObjectKey,
        media_type: &str,
        trace: TraceParent,
        bytes: Vec<u8>,
    ) -> Result<(), PortError> {
        let put = self.client.put_object().bucket(&self.bucket).key(key.as_str()).content_type(media_type);
        let put = put.metadata(TRACEPARENT, trace.to_string()).body(ByteStream::from(bytes));
        put.send().await.map(|_| ()).map_err(|error| port_error(format!("write {key} to the bucket"), error))
    }

    async fn create(&self, key: &ObjectKey, media_type: &str) -> Result<S3Stream, PortError> {
        Ok(S3Stream::new(self.destination(key, media_type)))
    }
}

impl S3Objects {
    fn destination(&self, key: &ObjectKey, media_type: &str) -> Destination {
        Destination {
            client: self.client.clone(),
            bucket: self.bucket.clone(),
            key: key.clone(),
            media_type: media_type.to_owned(),
        }
    }
}

impl Destination {
    /// Stores the object in one request.
    pub(super) async fn put(&self, bytes: Vec<u8>) -> Result<(), PortError> {
        let put = self.client.put_object().bucket(&self.bucket).key(self.key.as_str());
        let answer = put.content_type(&self.media_type).body(ByteStream::from(bytes)).send().await;
        answer.map(|_| ()).map_err(|error| port_error(format!("write {} to the bucket", self.key), error))
    }
}
