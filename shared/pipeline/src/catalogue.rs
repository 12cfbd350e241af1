//! Pipelines by name and version.
//!
//! A name stands for the owner's own pipeline, or else for the one that comes with Filas. A task pins the version that it
//! started with, so every text is kept in the bucket, under its owner; those that come with Filas are also at hand without
//! asking.

use filas_domain::keys::ObjectKey;
use filas_domain::own_pipeline::PipelineRegister;
use filas_domain::ports::{ObjectReader, ObjectWriter, PortError};
use filas_domain::{Owner, PipelineRef};

use crate::shipped::{self, Shipped};
use crate::{Pipeline, PipelineSpec, parse};

/// The version that a new task of `owner` pins, if there is a pipeline of this name.
///
/// # Errors
/// When the owner's pipelines cannot be looked up.
pub async fn current(
    register: &impl PipelineRegister,
    owner: &Owner,
    name: &str,
) -> Result<Option<PipelineRef>, PortError> {
    // What cannot be a name is not one to look for either.
    if !PipelineRef::is_name(name) {
        return Ok(None);
    }
    let own = register.pipeline(owner, name).await?;
    Ok(own.map(|own| own.pipeline).or_else(|| shipped(name)))
}

/// The present version of the pipeline that comes with Filas under this name.
pub fn shipped(name: &str) -> Option<PipelineRef> {
    shipped::find(name).map(reference)
}

/// Keeps the text of an owner's version, so that tasks that start with it can still be processed when the name stands for
/// another. For a shipped one as well: a later release may ship another version.
///
/// # Errors
/// When the bucket does not take it.
pub async fn keep(
    objects: &impl ObjectWriter,
    owner: &Owner,
    pipeline: &PipelineRef,
    yaml: &str,
) -> Result<(), PortError> {
    objects.put(&ObjectKey::pipeline(owner, pipeline), "application/yaml", yaml.as_bytes().to_vec()).await
}

/// The text of a version that a task of `owner` pinned.
///
/// # Errors
/// When it is not there.
pub async fn text(objects: &impl ObjectReader, owner: &Owner, pipeline: &PipelineRef) -> Result<String, PortError> {
    if let Some(shipped) = shipped::find(&pipeline.name).filter(|shipped| reference(shipped) == *pipeline) {
        return Ok(shipped.yaml.to_owned());
    }
    let bytes = objects.get(&ObjectKey::pipeline(owner, pipeline), None).await?;
    String::from_utf8(bytes).map_err(|error| PortError::permanent(operation(pipeline), error))
}

/// The pipeline that a task of `owner` pinned.
///
/// # Errors
/// When its text is not there, or is not a pipeline.
pub async fn spec(
    objects: &impl ObjectReader,
    owner: &Owner,
    pipeline: &PipelineRef,
) -> Result<PipelineSpec, PortError> {
    let yaml = text(objects, owner, pipeline).await?;
    parse(&yaml).map_err(|error| PortError::permanent(operation(pipeline), error))
}

fn operation(pipeline: &PipelineRef) -> String {
    format!("read version {} of the pipeline '{}'", pipeline.version, pipeline.name)
}

fn reference(shipped: &Shipped) -> PipelineRef {
    PipelineRef { name: shipped.name.to_owned(), version: Pipeline::version(shipped.yaml) }
}
