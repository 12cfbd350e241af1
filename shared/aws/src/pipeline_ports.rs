//! What pipelines need of the cloud, as the environment configures it.

use crate::Cloud;
use crate::env::{self, EnvError};
use crate::permits::DynamoPermits;
use crate::pipelines::DynamoPipelines;
use crate::records::DynamoRecords;
use crate::row_queue::SqsRowQueue;
use crate::secrets::SsmSecrets;
use crate::watchers::DynamoWatchers;

/// The table of records and permits. A table of its own: what is written for each row is nothing that the stream of the
/// ledger's table should tell anyone.
pub const RECORDS_TABLE: &str = "FILAS_RECORDS_TABLE";

/// What the names of secrets in the parameter store begin with, such as `/filas/secrets`.
pub const SECRETS_PREFIX: &str = "FILAS_SECRETS_PREFIX";

impl Cloud {
    /// The records in the table that the environment names.
    ///
    /// # Errors
    /// When it names none.
    pub fn records(&self) -> Result<DynamoRecords, EnvError> {
        Ok(DynamoRecords::new(&self.dynamodb, env::required(RECORDS_TABLE)?))
    }

    /// The permits, in the same table.
    ///
    /// # Errors
    /// When the environment names none.
    pub fn permits(&self) -> Result<DynamoPermits, EnvError> {
        Ok(DynamoPermits::new(&self.dynamodb, env::required(RECORDS_TABLE)?))
    }

    /// The pipelines of every owner, in the same table.
    ///
    /// # Errors
    /// When the environment names none.
    pub fn pipelines(&self) -> Result<DynamoPipelines, EnvError> {
        Ok(DynamoPipelines::new(&self.dynamodb, env::required(RECORDS_TABLE)?))
    }

    /// The secrets below the prefix that the environment names.
    ///
    /// # Errors
    /// When it names none, or has no region or key.
    pub fn secrets(&self) -> Result<SsmSecrets, EnvError> {
        SsmSecrets::from_env(env::required(SECRETS_PREFIX)?)
    }

    /// Who looks on, in the table of records.
    ///
    /// # Errors
    /// When the environment names none.
    pub fn watchers(&self) -> Result<DynamoWatchers, EnvError> {
        Ok(DynamoWatchers::new(&self.dynamodb, env::required(RECORDS_TABLE)?))
    }

    /// Queues of the users'.
    pub fn row_queue(&self) -> SqsRowQueue {
        SqsRowQueue::new(self.sqs.clone())
    }
}
