//! The HTTP API as functions. Every call is safe to repeat, and is repeated by itself when the trouble may pass.
//!
//! * [`error`]: what can go wrong, and whether it may pass
//! * [`patience`]: how often and how long to try again
//! * [`exchange`]: one request and its answer
//! * [`upload`]: a file in, in one request or by a presigned one
//! * [`results`]: the outcomes and the failed rows out
//! * [`rows`]: what became of rows, records, and tasks that go
//! * [`commands`]: what a task is told to do
//! * `keys`: keys made, listed and revoked
//! * `pipelines`: pipelines in and out, and dry runs
//! * [`watch`]: a task until it ends
//! * [`live`]: what changes, at once

pub mod commands;
pub mod error;
mod exchange;
mod keys;
pub mod live;
pub mod patience;
mod pipelines;
pub mod results;
mod rows;
pub mod upload;
mod watch;

use filas_domain::ids::TaskId;
use filas_domain::limits;
use filas_domain::ports::QueueDepth;
use filas_domain::task::TaskState;
use filas_domain::view::{BatchView, Page, Queues, TaskView};
use serde::de::DeserializeOwned;

use crate::progress::Silent;
pub use error::ClientError;
use exchange::Transport;
pub use patience::Patience;
pub use results::{Download, FailuresFormat};
pub use upload::Upload;

/// Talks to one API as one owner.
pub struct Client {
    transport: Transport,
    root: String,
    authorization: String,
    patience: Patience,
}

impl Client {
    /// A client of the API at `url` (without `/v1`) with the owner's key. Nothing is sent yet.
    pub fn new(url: &str, key: &str) -> Self {
        Self {
            transport: Transport::new(),
            root: url.trim_end_matches('/').to_owned(),
            authorization: format!("Bearer {key}"),
            patience: Patience::default(),
        }
    }

    /// The same client with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The root of the API.
    pub fn url(&self) -> &str {
        &self.root
    }

    /// The task as it is now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn task(&self, id: TaskId) -> Result<TaskView, ClientError> {
        self.get(&format!("/v1/tasks/{id}"), &[])
    }

    /// The latest tasks, newest first, at most `limit`, only those in `state` if given.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn tasks(&self, state: Option<TaskState>, limit: u32) -> Result<Vec<TaskView>, ClientError> {
        let filter: Vec<_> = state.map(|state| ("state", state.as_str().to_owned())).into_iter().collect();
        self.list("/v1/tasks", &filter, limit)
    }

    /// The batches of a task in order, at most `limit`, with their attempts.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn batches(&self, id: TaskId, limit: u32) -> Result<Vec<BatchView>, ClientError> {
        self.list(&format!("/v1/tasks/{id}/batches"), &[], limit)
    }

    /// How full the queues are.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn queues(&self) -> Result<Vec<QueueDepth>, ClientError> {
        let answer: Queues = self.get("/v1/queues", &[])?;
        Ok(answer.queues)
    }

    /// The things on the pages of a list, until there are `limit` of them or no more pages.
    pub(super) fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: &[(&str, String)],
        limit: u32,
    ) -> Result<Vec<T>, ClientError> {
        let wanted = limit as usize;
        let mut things = Vec::new();
        let mut cursor = None;
        loop {
            let page = limit.saturating_sub(u32::try_from(things.len()).unwrap_or(limit)).min(limits::PAGE_MAX);
            let mut query = filter.to_vec();
            query.push(("limit", page.to_string()));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page: Page<T> = self.get(path, &query)?;
            things.extend(page.items);
            things.truncate(wanted);
            cursor = page.next_cursor;
            if cursor.is_none() || things.len() >= wanted {
                return Ok(things);
            }
        }
    }

    pub(super) fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, ClientError> {
        self.patience.reading().attempt(&mut Silent, |_| self.get_once(path, query))
    }

    fn get_once<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, ClientError> {
        let url = format!("{}{path}", self.root);
        let request = self.transport.agent(&url).get(&url).header("authorization", &self.authorization);
        let pairs = query.iter().map(|(name, value)| (*name, value.as_str()));
        let answer = request.query_pairs(pairs).call();
        self.api_answer(answer)
    }
}
