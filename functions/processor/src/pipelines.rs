//! The compiled pipelines of this instance. A task pins the version that it started with, so one compiled is good for ever.

use std::collections::HashMap;
use std::sync::Arc;

use filas_domain::ids::{Owner, PipelineRef};
use filas_domain::ports::{ObjectReader, PortError};
use filas_pipeline::{Pipeline, Services, Variables, catalogue};
use tokio::sync::Mutex;

/// Compiles pipelines, each once.
pub struct Pipelines<O> {
    objects: O,
    variables: Variables,
    services: Services,
    compiled: Mutex<HashMap<(Owner, PipelineRef), Arc<Pipeline>>>,
}

impl<O: ObjectReader> Pipelines<O> {
    /// Pipelines read from `objects`, with these variables and this outside.
    pub fn new(objects: O, variables: Variables, services: Services) -> Self {
        Self { objects, variables, services, compiled: Mutex::default() }
    }

    /// The pipeline of `owner`. What it remembers of look-ups and secrets is its owner's: no two owners share one.
    ///
    /// # Errors
    /// When its text cannot be had, or does not compile with the variables of this installation.
    pub async fn get(&self, owner: &Owner, pipeline: &PipelineRef) -> Result<Arc<Pipeline>, PortError> {
        let mut compiled = self.compiled.lock().await;
        let key = (owner.clone(), pipeline.clone());
        if let Some(known) = compiled.get(&key) {
            return Ok(known.clone());
        }
        let spec = catalogue::spec(&self.objects, owner, pipeline).await?;
        let fresh = Pipeline::compile_with(&spec, &self.variables, &self.services.for_owner(owner.clone()))
            .map_err(|error| PortError::permanent(format!("compile the pipeline '{}'", pipeline.name), error))?;
        let fresh = Arc::new(fresh);
        compiled.insert(key, fresh.clone());
        Ok(fresh)
    }
}
