//! What a task is told to do. Every command may be given again: it happens once.

use filas_domain::audit::Audit;
use filas_domain::batch::Selection;
use filas_domain::ids::TaskId;
use filas_domain::view::{Redriven, TaskView};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Client;
use super::error::ClientError;
use crate::progress::Silent;

impl Client {
    /// Ends the task; batches in flight end by themselves.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn cancel(&self, id: TaskId) -> Result<TaskView, ClientError> {
        self.post(&format!("/v1/tasks/{id}/cancel"), &json!({}))
    }

    /// Holds the task back until it is resumed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn pause(&self, id: TaskId) -> Result<TaskView, ClientError> {
        self.post(&format!("/v1/tasks/{id}/pause"), &json!({}))
    }

    /// Goes on with a paused task.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn resume(&self, id: TaskId) -> Result<TaskView, ClientError> {
        self.post(&format!("/v1/tasks/{id}/resume"), &json!({}))
    }

    /// Puts the rows of dead batches, or failed rows, through again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn redrive(&self, id: TaskId, selection: &Selection) -> Result<Redriven, ClientError> {
        let body = match selection {
            Selection::Dead => json!({ "dead": true }),
            Selection::Failed { code: None } => json!({ "failed": {} }),
            Selection::Failed { code: Some(code) } => json!({ "failed": { "code": code } }),
        };
        self.post(&format!("/v1/tasks/{id}/redrive"), &body)
    }

    /// The counters of the task beside the sums over its batches.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn audit(&self, id: TaskId) -> Result<Audit, ClientError> {
        self.get(&format!("/v1/tasks/{id}/audit"), &[])
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, ClientError> {
        self.patience.reading().attempt(&mut Silent, |_| {
            let url = format!("{}{path}", self.root);
            let request = self.transport.agent(&url).post(&url).header("authorization", &self.authorization);
            let answer = request.header("content-type", "application/json").send(body.to_string());
            self.api_answer(answer)
        })
    }
}
