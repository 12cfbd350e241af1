//! Records in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use filas_domain::ids::Owner;
use filas_domain::ports::PortError;
use filas_domain::record::{Record, RecordId, Records, Stored};

use super::faults::{Faults, lock, plans_faults};

/// Records in memory. Its clones are the same records.
#[derive(Debug, Clone)]
pub struct MemoryRecords {
    stored: Arc<Mutex<BTreeMap<RecordId, Record>>>,
    faults: Faults,
}

plans_faults!(MemoryRecords);

impl Default for MemoryRecords {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryRecords {
    /// No records.
    ///
    /// Operations that can fail: `keep`, `record`, `list`.
    pub fn new() -> Self {
        Self { stored: Arc::default(), faults: Faults::new(&["keep", "record", "list"]) }
    }

    /// Every record, in the order of owner, pipeline and key.
    pub fn all(&self) -> Vec<Record> {
        lock(&self.stored).values().cloned().collect()
    }
}

impl Records for MemoryRecords {
    async fn keep(&self, record: &Record) -> Result<Stored, PortError> {
        self.faults.run("keep", || {
            let mut stored = lock(&self.stored);
            let before = stored.entry(record.id.clone()).or_insert_with(|| record.clone());
            Ok(if before.source == record.source { Stored::Kept } else { Stored::TakenBy(before.source) })
        })
    }

    async fn record(&self, id: &RecordId) -> Result<Option<Record>, PortError> {
        self.faults.run("record", || Ok(lock(&self.stored).get(id).cloned()))
    }

    async fn list(
        &self,
        owner: &Owner,
        pipeline: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, PortError> {
        self.faults.run("list", || {
            let key = after.unwrap_or_default().to_owned();
            let from = RecordId { owner: owner.clone(), pipeline: pipeline.to_owned(), key };
            let stored = lock(&self.stored);
            let of_both = stored.range((Bound::Excluded(from), Bound::Unbounded)).map(|(_, record)| record);
            let of_both = of_both.take_while(|record| record.id.owner == *owner && record.id.pipeline == pipeline);
            Ok(of_both.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect())
        })
    }
}
