//! [`ObjectReader`]: objects as they are stored.

use std::path::Path;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use filas_domain::keys::ObjectKey;
use filas_domain::plan::ByteRange;
use filas_domain::ports::{Downloaded, ObjectReader, PortError};
use filas_domain::trace::TRACEPARENT;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::S3Objects;
use crate::errors::port_error;

impl ObjectReader for S3Objects {
    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Vec<u8>, PortError> {
        let operation = format!("read {key} from the bucket");
        // S3 has no way to ask for no bytes.
        if range.is_some_and(ByteRange::is_empty) {
            return Ok(Vec::new());
        }
        let answer = self.open(&operation, key, range).await?;
        let body = answer.body.collect().await.map_err(|error| PortError::transient(&operation, error))?.to_vec();
        match range {
            // An object that ends earlier answers with what there is.
            Some(range) if body.len() as u64 != range.len() => Err(PortError::permanent(
                operation,
                format!("bytes {}..{} were asked for, and {} are there", range.start, range.end, body.len()),
            )),
            _ => Ok(body),
        }
    }

    async fn download(&self, key: &ObjectKey, path: &Path) -> Result<Downloaded, PortError> {
        let operation = format!("download {key} from the bucket");
        let failed = |error| PortError::transient(&operation, error);
        let answer = self.open(&operation, key, None).await?;
        let trace = answer.metadata.as_ref().and_then(|metadata| metadata.get(TRACEPARENT)?.parse().ok());
        let mut file = File::create(path).await.map_err(failed)?;
        let mut body = answer.body.into_async_read();
        let bytes = tokio::io::copy_buf(&mut body, &mut file).await.map_err(failed)?;
        file.flush().await.map_err(failed)?;
        Ok(Downloaded { bytes, trace })
    }

    async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, PortError> {
        let operation = format!("ask for the size of {key} in the bucket");
        let answer = self.client.head_object().bucket(&self.bucket).key(key.as_str()).send().await;
        match answer {
            Ok(found) => {
                let size = found.content_length.and_then(|length| u64::try_from(length).ok());
                size.map(Some).ok_or_else(|| PortError::permanent(operation, "the answer has no length"))
            }
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Ok(None),
            Err(error) => Err(port_error(operation, error)),
        }
    }
}

impl S3Objects {
    async fn open(
        &self,
        operation: &str,
        key: &ObjectKey,
        range: Option<ByteRange>,
    ) -> Result<GetObjectOutput, PortError> {
        // HTTP counts the last byte in.
        let range = range.map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let get = self.client.get_object().bucket(&self.bucket).key(key.as_str()).set_range(range);
        get.send().await.map_err(|error| port_error(operation, error))
    }
}
