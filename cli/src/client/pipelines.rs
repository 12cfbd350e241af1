//! Pipelines in and out, and dry runs.

use filas_domain::row_line;
use filas_domain::view::PipelineView;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Client;
use super::error::ClientError;
use crate::progress::Silent;

impl Client {
    /// The owner's pipelines and those that come with Filas, by name.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn pipelines(&self) -> Result<Vec<PipelineView>, ClientError> {
        self.list("/v1/pipelines", &[], u32::MAX)
    }

    /// A pipeline with its text: the present version, or the one that is asked for.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn pipeline(&self, name: &str, version: Option<&str>) -> Result<PipelineView, ClientError> {
        let query: Vec<_> = version.map(|version| ("version", version.to_owned())).into_iter().collect();
        self.get(&format!("/v1/pipelines/{name}"), &query)
    }

    /// Makes this text the present version of the pipeline.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn put_pipeline(&self, name: &str, yaml: &str) -> Result<PipelineView, ClientError> {
        let url = format!("{}/v1/pipelines/{name}", self.root);
        self.sent(|| {
            let request = self.transport.agent(&url).put(&url).header("authorization", &self.authorization);
            self.api_answer(request.header("content-type", "application/yaml").send(yaml))
        })
    }

    /// Runs rows, given as lines of a rows object, through everything of the pipeline but the delivery. The report is as
    /// the API gives it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn check_rows(&self, name: &str, lines: &[u8], rows: u32) -> Result<Box<RawValue>, ClientError> {
        let url = format!("{}/v1/pipelines/{name}/check?rows={rows}", self.root);
        self.sent(|| {
            let request = self.transport.agent(&url).post(&url).header("authorization", &self.authorization);
            self.api_answer(request.header("content-type", row_line::MEDIA_TYPE).send(lines))
        })
    }

    fn sent<T: DeserializeOwned>(&self, send: impl Fn() -> Result<T, ClientError>) -> Result<T, ClientError> {
        self.patience.reading().attempt(&mut Silent, |_| send())
    }
}
