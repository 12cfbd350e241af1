//! Keys: made, listed, revoked.

use filas_domain::view::{KeyRequest, KeyView, NewKey};

use super::Client;
use super::error::ClientError;
use super::exchange::accepted;
use crate::progress::Silent;

impl Client {
    /// Makes a key. It is tried once: a second try could leave a key behind that nobody knows.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn create_key(&self, request: &KeyRequest) -> Result<NewKey, ClientError> {
        let url = format!("{}/v1/keys", self.root);
        let call = self.transport.agent(&url).post(&url).header("authorization", &self.authorization);
        let body = serde_json::to_string(request).unwrap_or_default();
        self.api_answer(call.header("content-type", "application/json").send(body))
    }

    /// The owner's keys, by id.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn keys(&self) -> Result<Vec<KeyView>, ClientError> {
        self.list("/v1/keys", &[], u32::MAX)
    }

    /// Revokes a key; one that was revoked before stays so.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn revoke_key(&self, id: &str) -> Result<(), ClientError> {
        let url = format!("{}/v1/keys/{id}", self.root);
        self.patience.reading().attempt(&mut Silent, |_| {
            let request = self.transport.agent(&url).delete(&url).header("authorization", &self.authorization);
            accepted(request.call(), &self.place()).map(drop)
        })
    }
}
