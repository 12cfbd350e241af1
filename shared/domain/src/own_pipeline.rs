//! Pipelines of an owner: which version of each is the present one.
//!
//! The texts lie in the bucket, one object for each version ([`ObjectKey::pipeline`](crate::keys::ObjectKey::pipeline)),
//! because a task pins the version that it started with. Here is only what a name stands for now.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{Owner, PipelineRef};
use crate::ports::PortError;

/// A pipeline of an owner, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPipeline {
    /// Its name, and the version that new tasks pin.
    pub pipeline: PipelineRef,
    /// What it does, for people.
    pub description: Option<String>,
    /// When this version became the present one.
    pub changed: Timestamp,
}

/// Knows the pipelines of each owner.
pub trait PipelineRegister: Send + Sync {
    /// The owner's pipeline of this name, if there is one.
    fn pipeline(
        &self,
        owner: &Owner,
        name: &str,
    ) -> impl Future<Output = Result<Option<OwnPipeline>, PortError>> + Send;

    /// The owner's pipelines by name (in the order of its bytes), those after the name `after` where one is given.
    fn pipelines(
        &self,
        owner: &Owner,
        after: Option<&str>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<OwnPipeline>, PortError>> + Send;

    /// Makes this version the present one of its name. The later of two calls is right.
    fn set_pipeline(&self, owner: &Owner, pipeline: &OwnPipeline)
    -> impl Future<Output = Result<(), PortError>> + Send;
}
