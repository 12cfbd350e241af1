//! [`ObjectSigner`]: requests for one exact object, good for a quarter of an hour.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use filas_domain::clock::Timestamp;
use filas_domain::keys::ObjectKey;
use filas_domain::limits::PRESIGNED_FOR;
use filas_domain::ports::{ObjectSigner, PortError, SignedRequest};
use filas_domain::trace::{TRACEPARENT, TraceParent};

use super::S3Objects;
use crate::errors::port_error;

impl ObjectSigner for S3Objects {
    async fn sign_put(
        &self,
        key: &ObjectKey,
        size: u64,
        trace: TraceParent,
        now: Timestamp,
    ) -> Result<SignedRequest, PortError> {
        let operation = format!("sign a PUT of {key}");
        let length = i64::try_from(size).map_err(|error| PortError::permanent(&operation, error))?;
        // The length is signed, so no other size gets through. The media type is not: a browser sets its own.
        let put = self.client.put_object().bucket(&self.bucket).key(key.as_str()).content_length(length);
        let put = put.metadata(TRACEPARENT, trace.to_string());
        let presigned = put.presigned(good_from(&operation, now)?).await;
        Ok(signed(&presigned.map_err(|error| port_error(&operation, error))?, now))
    }

    async fn sign_get(&self, key: &ObjectKey, filename: &str, now: Timestamp) -> Result<SignedRequest, PortError> {
        let operation = format!("sign a GET of {key}");
        let get = self.client.get_object().bucket(&self.bucket).key(key.as_str());
        let get = get.response_content_disposition(attachment(filename));
        let presigned = get.presigned(good_from(&operation, now)?).await;
        Ok(signed(&presigned.map_err(|error| port_error(&operation, error))?, now))
    }
}

fn good_from(operation: &str, now: Timestamp) -> Result<PresigningConfig, PortError> {
    let start = UNIX_EPOCH + Duration::from_millis(now.as_millis());
    let config = PresigningConfig::builder().start_time(start).expires_in(PRESIGNED_FOR).build();
    config.map_err(|error| PortError::permanent(operation, error))
}

fn signed(request: &PresignedRequest, now: Timestamp) -> SignedRequest {
    SignedRequest {
        method: request.method().to_owned(),
        url: request.uri().to_owned(),
        headers: request.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        expires: now.plus(PRESIGNED_FOR),
    }
}

/// The `Content-Disposition` of a file to be saved as `filename`: plain for old programs, and as RFC 8187 says for the rest.
fn attachment(filename: &str) -> String {
    let plain: String = filename.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
    let mut exact = String::new();
    for byte in filename.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            exact.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(exact, "%{byte:02X}");
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

fn is_plain(letter: char) -> bool {
    (letter.is_ascii_graphic() || letter == ' ') && letter != '"' && letter != '\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_arrive_whole() {
        for (name, expected) in [
            ("a.ndjson", "attachment; filename=\"a.ndjson\"; filename*=UTF-8''a.ndjson"),
            ("a b.csv", "attachment; filename=\"a b.csv\"; filename*=UTF-8''a%20b.csv"),
            ("é\".csv", "attachment; filename=\"__.csv\"; filename*=UTF-8''%C3%A9%22.csv"),
            ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
        ] {
            assert_eq!(attachment(name), expected);
        }
    }
}
