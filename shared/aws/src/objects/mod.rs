//! Objects in one S3 bucket.
//!
//! * [`reading`], [`writing`]: whole objects, ranges, files
//! * [`multipart`]: objects that are too large for memory
//! * [`erasing`]: everything of a task
//! * [`signing`]: requests that somebody without credentials may make

mod erasing;
mod multipart;
mod reading;
mod signing;
mod writing;

pub use multipart::S3Stream;

use aws_sdk_s3::Client;

/// The objects in a bucket.
#[derive(Debug, Clone)]
pub struct S3Objects {
    client: Client,
    bucket: String,
}

impl S3Objects {
    /// The objects in `bucket`.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }
}
