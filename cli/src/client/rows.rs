//! What became of rows: many, one, those that receipts name; the records that were kept; and tasks that go.

use filas_domain::ids::{Receipt, RowNumber, TaskId};
use filas_domain::view::{AcceptedTask, RecordView, RowInFull, RowView};

use super::Client;
use super::error::ClientError;
use super::exchange::accepted;
use super::upload::Upload;
use crate::progress::Silent;

impl Client {
    /// The rows of a task in order, at most `limit`, only those of which this became and that have this code.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn rows(
        &self,
        id: TaskId,
        outcome: Option<&str>,
        code: Option<&str>,
        limit: u32,
    ) -> Result<Vec<RowView>, ClientError> {
        let filter = [("outcome", outcome), ("code", code)];
        let filter: Vec<_> = filter.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))).collect();
        self.list(&format!("/v1/tasks/{id}/rows"), &filter, limit)
    }

    /// One row by its number.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn row(&self, id: TaskId, row: RowNumber) -> Result<RowInFull, ClientError> {
        self.get(&format!("/v1/tasks/{id}/rows/{row}"), &[])
    }

    /// The row that a receipt names.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn receipt(&self, receipt: Receipt) -> Result<RowInFull, ClientError> {
        self.get(&format!("/v1/receipts/{receipt}"), &[])
    }

    /// The records that `store` deliveries of a pipeline kept, by key, at most `limit`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn records(&self, pipeline: &str, limit: u32) -> Result<Vec<RecordView>, ClientError> {
        self.list(&format!("/v1/records/{pipeline}"), &[], limit)
    }

    /// Erases everything of a task.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn delete(&self, id: TaskId) -> Result<(), ClientError> {
        let url = format!("{}/v1/tasks/{id}", self.root);
        let mut tries = 0;
        self.patience.reading().attempt(&mut Silent, |_| {
            tries += 1;
            let request = self.transport.agent(&url).delete(&url).header("authorization", &self.authorization);
            match accepted(request.call(), &self.place()) {
                // The answer to an earlier try was lost on its way.
                Err(error) if tries > 1 && error.status() == Some(404) => Ok(()),
                answer => answer.map(drop),
            }
        })
    }

    /// Sends a JSON array of records and returns the task with a receipt for each.
    ///
    /// # Errors
    /// See [`ClientError`]. The idempotency key makes a second call with the same array give the same task.
    pub fn send_records(&self, upload: &Upload) -> Result<AcceptedTask, ClientError> {
        let bytes = std::fs::read(&upload.path).map_err(|source| ClientError::file("read", &upload.path, source))?;
        let url = format!("{}/v1/tasks", self.root);
        let key = upload.idempotency_key.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let mut query = vec![("pipeline", upload.pipeline.clone())];
        query.extend(upload.batch_size.map(|rows| ("batch_size", rows.to_string())));
        self.patience.attempt(&mut Silent, |_| {
            let request = self.transport.agent(&url).post(&url).query_pairs(query.clone());
            let request = request.header("authorization", &self.authorization).header("idempotency-key", &key);
            self.api_answer(request.content_type("application/json").send(&bytes))
        })
    }
}
