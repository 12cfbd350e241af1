//! [`IngestQueue`]: has a file read again whose event was lost.

use aws_sdk_sqs::Client;
use filas_domain::delivery::UploadEvent;
use filas_domain::ids::TaskId;
use filas_domain::ports::{IngestQueue, PortError};

use crate::errors::port_error;

/// The queue of arrivals.
#[derive(Debug, Clone)]
pub struct SqsIngestQueue {
    client: Client,
    url: String,
}

impl SqsIngestQueue {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

impl IngestQueue for SqsIngestQueue {
    async fn send_arrival(&self, task: TaskId) -> Result<(), PortError> {
        let request = self.client.send_message().queue_url(&self.url).message_body(UploadEvent::arrival(task));
        request.send().await.map_err(|error| port_error(format!("send the arrival of task {task}"), error))?;
        Ok(())
    }
}
