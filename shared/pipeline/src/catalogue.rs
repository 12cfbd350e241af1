//! Pipelines by name and version. A task pins the version that it started with, so its text is kept in the bucket for as
//! long as tasks are; those that come with Filas are at hand without asking.

use filas_domain::PipelineRef;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::{ObjectReader, ObjectWriter, PortError};

use crate::shipped::{self, Shipped};
use crate::{Pipeline, PipelineSpec, parse};

/// The present version of the pipeline with this name, and its text.
pub fn current(name: &str) -> Option<(PipelineRef, &'static str)> {
    shipped::find(name).map(|shipped| (reference(shipped), shipped.yaml))
}

/// Keeps the text, so that tasks that start with it can still be processed when a later release ships another version.
///
/// # Errors
/// When the bucket does not take it.
pub async fn keep(objects: &impl ObjectWriter, pipeline: &PipelineRef, yaml: &str) -> Result<(), PortError> {
    objects.put(&ObjectKey::pipeline(pipeline), "application/yaml", yaml.as_bytes().to_vec()).await
}

/// The pipeline that a task pinned.
///
/// # Errors
/// When its text is not there, or is not a pipeline.
pub async fn spec(objects: &impl ObjectReader, pipeline: &PipelineRef) -> Result<PipelineSpec, PortError> {
    let operation = || format!("read version {} of the pipeline '{}'", pipeline.version, pipeline.name);
    if let Some((_, yaml)) = current(&pipeline.name).filter(|(current, _)| current == pipeline) {
        return parse(yaml).map_err(|error| PortError::permanent(operation(), error));
    }
    let bytes = objects.get(&ObjectKey::pipeline(pipeline), None).await?;
    let yaml = String::from_utf8(bytes).map_err(|error| PortError::permanent(operation(), error))?;
    parse(&yaml).map_err(|error| PortError::permanent(operation(), error))
}

fn reference(shipped: &Shipped) -> PipelineRef {
    PipelineRef { name: shipped.name.to_owned(), version: Pipeline::version(shipped.yaml) }
}
