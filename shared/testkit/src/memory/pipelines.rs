//! Pipelines in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use filas_domain::ids::Owner;
use filas_domain::own_pipeline::{OwnPipeline, PipelineRegister};
use filas_domain::ports::PortError;

use super::faults::{Faults, lock, plans_faults};

/// The pipelines of every owner, in memory. Its clones are the same pipelines.
#[derive(Debug, Clone)]
pub struct MemoryPipelines {
    stored: Arc<Mutex<BTreeMap<(Owner, String), OwnPipeline>>>,
    faults: Faults,
}

plans_faults!(MemoryPipelines);

impl Default for MemoryPipelines {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryPipelines {
    /// No pipelines.
    ///
    /// Operations that can fail: `pipeline`, `pipelines`, `set_pipeline`.
    pub fn new() -> Self {
        Self { stored: Arc::default(), faults: Faults::new(&["pipeline", "pipelines", "set_pipeline"]) }
    }
}

impl PipelineRegister for MemoryPipelines {
    async fn pipeline(&self, owner: &Owner, name: &str) -> Result<Option<OwnPipeline>, PortError> {
        self.faults.run("pipeline", || Ok(lock(&self.stored).get(&(owner.clone(), name.to_owned())).cloned()))
    }

    async fn pipelines(&self, owner: &Owner, after: Option<&str>, limit: u32) -> Result<Vec<OwnPipeline>, PortError> {
        self.faults.run("pipelines", || {
            let stored = lock(&self.stored);
            let from = (owner.clone(), after.unwrap_or_default().to_owned());
            let theirs = stored.range((Bound::Excluded(from), Bound::Unbounded));
            let theirs = theirs.take_while(|((of, _), _)| of == owner).map(|(_, pipeline)| pipeline.clone());
            Ok(theirs.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
        })
    }

    async fn set_pipeline(&self, owner: &Owner, pipeline: &OwnPipeline) -> Result<(), PortError> {
        self.faults.run("set_pipeline", || {
            let key = (owner.clone(), pipeline.pipeline.name.clone());
            lock(&self.stored).insert(key, pipeline.clone());
            Ok(())
        })
    }
}
