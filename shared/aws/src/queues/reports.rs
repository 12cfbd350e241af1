//! [`ReportQueue`]: asks for the files of tasks that have ended.

use aws_sdk_sqs::Client;
use filas_domain::ports::{PortError, ReportQueue};
use filas_domain::report::ReportMessage;

use crate::errors::port_error;

/// The queue of those requests.
#[derive(Debug, Clone)]
pub struct SqsReportQueue {
    client: Client,
    url: String,
}

impl SqsReportQueue {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }
}

impl ReportQueue for SqsReportQueue {
    async fn send_report(&self, message: &ReportMessage) -> Result<(), PortError> {
        let request = self.client.send_message().queue_url(&self.url).message_body(message.encode());
        request
            .send()
            .await
            .map_err(|error| port_error(format!("ask for the files of task {}", message.task), error))?;
        Ok(())
    }
}
