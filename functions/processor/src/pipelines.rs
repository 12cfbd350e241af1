//! The compiled pipelines of this instance. A task pins the version that it started with, so one compiled is good for ever.

use std::collections::HashMap;
use std::sync::Arc;

use filas_domain::PipelineRef;
use filas_domain::ports::{ObjectReader, PortError};
use filas_pipeline::{Pipeline, Variables, catalogue};
use tokio::sync::Mutex;

/// Compiles pipelines, each once.
pub struct Pipelines<O> {
    objects: O,
    variables: Variables,
    compiled: Mutex<HashMap<PipelineRef, Arc<Pipeline>>>,
}

impl<O: ObjectReader> Pipelines<O> {
    /// Pipelines read from `objects`, with these variables.
    pub fn new(objects: O, variables: Variables) -> Self {
        Self { objects, variables, compiled: Mutex::default() }
    }

    /// The pipeline.
    ///
    /// # Errors
    /// When its text cannot be had, or does not compile with the variables of this installation.
    pub async fn get(&self, pipeline: &PipelineRef) -> Result<Arc<Pipeline>, PortError> {
        let mut compiled = self.compiled.lock().await;
        if let Some(known) = compiled.get(pipeline) {
            return Ok(known.clone());
        }
        let spec = catalogue::spec(&self.objects, pipeline).await?;
        let fresh = Pipeline::compile(&spec, &self.variables)
            .map_err(|error| PortError::permanent(format!("compile the pipeline '{}'", pipeline.name), error))?;
        let fresh = Arc::new(fresh);
        compiled.insert(pipeline.clone(), fresh.clone());
        Ok(fresh)
    }
}
