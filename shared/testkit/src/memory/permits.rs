//! Buckets of permits in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use filas_domain::permits::{Bucket, Destination, Permits};
use filas_domain::ports::{PortError, WriteError};

use super::faults::{Faults, lock, plans_faults};

/// Buckets in memory. Its clones are the same buckets.
#[derive(Debug, Clone)]
pub struct MemoryPermits {
    buckets: Arc<Mutex<BTreeMap<Destination, Bucket>>>,
    faults: Faults,
}

plans_faults!(MemoryPermits);

impl Default for MemoryPermits {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryPermits {
    /// No buckets.
    ///
    /// Operations that can fail: `bucket`, `replace`.
    pub fn new() -> Self {
        Self { buckets: Arc::default(), faults: Faults::new(&["bucket", "replace"]) }
    }

    /// Every bucket, in the order of the destinations.
    pub fn all(&self) -> Vec<(Destination, Bucket)> {
        lock(&self.buckets).iter().map(|(of, bucket)| (of.clone(), *bucket)).collect()
    }
}

impl Permits for MemoryPermits {
    async fn bucket(&self, of: &Destination) -> Result<Option<Bucket>, PortError> {
        self.faults.run("bucket", || Ok(lock(&self.buckets).get(of).copied()))
    }

    async fn replace(&self, of: &Destination, before: Option<Bucket>, after: Bucket) -> Result<(), WriteError> {
        self.faults.run("replace", || {
            let mut buckets = lock(&self.buckets);
            if buckets.get(of).copied() != before {
                return Err(WriteError::Stale);
            }
            buckets.insert(of.clone(), after);
            Ok(())
        })
    }
}
