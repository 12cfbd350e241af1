//! Tasks and batches in one DynamoDB table.
//!
//! | item | `pk` | `sk` |
//! | --- | --- | --- |
//! | task | `TASK#{id}` | `TASK` |
//! | batch | `TASK#{id}` | `BATCH#{number:07}` |
//! | idempotency key | `IDEMPOTENCY#{owner}#{key}` | `KEY` |
//!
//! The indexes `by_owner` (`owner`, `task_id`) and `by_state` (`owner_state`, `task_id`) hold the tasks only: no other
//! item has these attributes. The tally of a task lies in top-level attributes, because DynamoDB's `ADD` works on these.
//! `expires_at` is the time to live.
//!
//! * [`items`]: what is stored, to and from the domain
//! * [`values`]: JSON values to and from attribute values
//! * [`expressions`]: the texts and values of update expressions
//! * [`transactions`]: what the error of a transaction means
//! * [`heads`], [`batches`], [`register`], [`catalogue`]: the ports

mod batches;
mod catalogue;
mod expressions;
mod heads;
pub(crate) mod items;
mod register;
mod transactions;
pub(crate) mod values;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use filas_domain::ports::PortError;

use crate::errors::{meaning, port_error};
use crate::retry::retrying;

/// The ledger in a table.
#[derive(Debug, Clone)]
pub struct DynamoLedger {
    client: Client,
    table: String,
}

impl DynamoLedger {
    /// The ledger in `table`.
    pub fn new(client: &Client, table: impl Into<String>) -> Self {
        // The SDK's own retries would hide that an earlier try of a conditional write may have succeeded, and that must
        // be known to read the answer of the last one. All retries are done here instead.
        let config = client.config().to_builder().retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config), table: table.into() }
    }

    /// Runs a request that changes nothing, again while its trouble may pass.
    async fn read<T, E, F>(&self, operation: &str, request: impl FnMut() -> F) -> Result<T, PortError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        retrying(request, meaning).await.map_err(|failed| port_error(operation, failed.error))
    }
}
