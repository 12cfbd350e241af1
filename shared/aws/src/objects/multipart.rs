//! Objects that are too large for memory: parts go up while the caller makes the next ones.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use filas_domain::error_chain;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::{ObjectStream, PortError};
use tokio::task::JoinSet;

use crate::errors::port_error;

/// Bytes of a part. S3 wants at least 5 MiB of each but the last, and at most 10,000 parts: this makes 78 GiB.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Parts that go up at once. With the one that is being filled they are all that is in memory.
const PARTS_IN_FLIGHT: usize = 2;

/// Where an object goes.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) client: Client,
    pub(super) bucket: String,
    pub(super) key: ObjectKey,
    pub(super) media_type: String,
}

/// An object on its way into the bucket. Smaller than one part, it is written in one request at the end.
///
/// One that is neither completed nor abandoned leaves parts behind, which the bucket's lifecycle removes after a day.
#[derive(Debug)]
pub struct S3Stream {
    destination: Destination,
    filling: Vec<u8>,
    upload: Option<Upload>,
}

/// A multipart upload that has begun.
#[derive(Debug)]
struct Upload {
    id: String,
    parts_begun: i32,
    in_flight: JoinSet<Result<CompletedPart, PortError>>,
    stored: Vec<CompletedPart>,
}

impl S3Stream {
    pub(super) fn new(destination: Destination) -> Self {
        Self { destination, filling: Vec::new(), upload: None }
    }

    /// Sends what is filled as the next part; waits while too many are on their way.
    async fn send_part(&mut self) -> Result<(), PortError> {
        let part = Bytes::from(std::mem::take(&mut self.filling));
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(self.destination.begin().await?),
        };
        while upload.in_flight.len() >= PARTS_IN_FLIGHT {
            upload.settle_one(&self.destination).await?;
        }
        upload.parts_begun += 1;
        let (destination, id, number) = (self.destination.clone(), upload.id.clone(), upload.parts_begun);
        upload.in_flight.spawn(async move { destination.send_part(&id, number, part).await });
        Ok(())
    }

    async fn finish_upload(&mut self) -> Result<(), PortError> {
        if !self.filling.is_empty() {
            self.send_part().await?;
        }
        let Some(upload) = &mut self.upload else {
            return Ok(());
        };
        while !upload.in_flight.is_empty() {
            upload.settle_one(&self.destination).await?;
        }
        // They arrive in any order, and S3 wants them in theirs.
        upload.stored.sort_by_key(CompletedPart::part_number);
        self.destination.complete(&upload.id, std::mem::take(&mut upload.stored)).await
    }
}

impl ObjectStream for S3Stream {
    async fn append(&mut self, bytes: Vec<u8>) -> Result<(), PortError> {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            if self.filling.capacity() == 0 && (self.upload.is_some() || rest.len() >= PART_BYTES) {
                self.filling.reserve_exact(PART_BYTES);
            }
            let (now, later) = rest.split_at(rest.len().min(PART_BYTES - self.filling.len()));
            self.filling.extend_from_slice(now);
            rest = later;
            if self.filling.len() == PART_BYTES {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    async fn complete(mut self) -> Result<(), PortError> {
        if self.upload.is_none() {
            let whole = std::mem::take(&mut self.filling);
            return self.destination.put(whole).await;
        }
        let Err(error) = self.finish_upload().await else {
            return Ok(());
        };
        let key = self.destination.key.clone();
        if let Err(left_behind) = self.abandon().await {
            // The first error is what the caller has to know; the parts are removed by the bucket's lifecycle.
            tracing::warn!(%key, error = error_chain(&left_behind), "an upload's parts stay behind");
        }
        Err(error)
    }

    async fn abandon(self) -> Result<(), PortError> {
        match self.upload {
            None => Ok(()),
            Some(mut upload) => {
                // A part that arrives after the abort would stay.
                upload.in_flight.shutdown().await;
                self.destination.abort(&upload.id).await
            }
        }
    }
}

impl Upload {
    async fn settle_one(&mut self, destination: &Destination) -> Result<(), PortError> {
        if let Some(ended) = self.in_flight.join_next().await {
            self.stored.push(ended.map_err(|error| PortError::transient(destination.writing(), error))??);
        }
        Ok(())
    }
}

impl Destination {
    fn writing(&self) -> String {
        format!("write {} to the bucket in parts", self.key)
    }

    async fn begin(&self) -> Result<Upload, PortError> {
        let create = self.client.create_multipart_upload().bucket(&self.bucket).key(self.key.as_str());
        // Named, because the SDK sends such a checksum with each part anyway, and S3 wants one kind throughout.
        let create = create.content_type(&self.media_type).checksum_algorithm(ChecksumAlgorithm::Crc32);
        let begun = create.send().await.map_err(|error| port_error(self.writing(), error))?;
        let id = begun.upload_id.ok_or_else(|| PortError::permanent(self.writing(), "the upload has no id"))?;
        Ok(Upload { id, parts_begun: 0, in_flight: JoinSet::new(), stored: Vec::new() })
    }

    async fn send_part(&self, upload: &str, number: i32, part: Bytes) -> Result<CompletedPart, PortError> {
        let request = self.client.upload_part().bucket(&self.bucket).key(self.key.as_str()).upload_id(upload);
        let request = request.part_number(number).checksum_algorithm(ChecksumAlgorithm::Crc32);
        let stored =
            request.body(ByteStream::from(part)).send().await.map_err(|error| port_error(self.writing(), error))?;
        let completed = CompletedPart::builder().part_number(number).set_e_tag(stored.e_tag);
        Ok(completed.set_checksum_crc32(stored.checksum_crc32).build())
    }

    async fn complete(&self, upload: &str, parts: Vec<CompletedPart>) -> Result<(), PortError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.client.complete_multipart_upload().bucket(&self.bucket).key(self.key.as_str());
        let answer = complete.upload_id(upload).multipart_upload(parts).send().await;
        answer.map(|_| ()).map_err(|error| port_error(self.writing(), error))
    }

    async fn abort(&self, upload: &str) -> Result<(), PortError> {
        let abort = self.client.abort_multipart_upload().bucket(&self.bucket).key(self.key.as_str());
        match abort.upload_id(upload).send().await {
            Ok(_) => Ok(()),
            // Somebody aborted it already: the lifecycle, or an earlier try of this.
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_upload()) => Ok(()),
            Err(error) => Err(port_error(format!("abandon {} in the bucket", self.key), error)),
        }
    }
}
