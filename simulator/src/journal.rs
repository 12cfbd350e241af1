//! The partner: what rows did to the outside, by the key that makes a repeated delivery known.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use filas_domain::error_chain;
use filas_domain::ids::{Owner, Receipt};
use filas_domain::ports::PortError;
use filas_domain::record::{Record, RecordId, Records, Stored};
use filas_domain::{RowNumber, TaskId};
use filas_testkit::memory::{Fragile, MemoryRecords};

use crate::books::Books;
use crate::bugs::Bug;
use crate::sim::{Sim, SimFate};

/// The records that `store` deliveries keep, and how often each row came. Its clones are the same journal.
#[derive(Debug, Clone)]
pub struct Journal {
    records: MemoryRecords,
    sim: Arc<Sim>,
    books: Arc<Books>,
    bug: Option<Bug>,
    /// Whether no worker may deliver a row that is recorded: not so when workers go on after their lease.
    is_strict: bool,
    deliveries: Arc<Mutex<BTreeMap<(TaskId, RowNumber), u32>>>,
}

impl Journal {
    /// An empty journal.
    pub fn new(sim: &Arc<Sim>, books: &Arc<Books>, bug: Option<Bug>, is_strict: bool) -> Self {
        let (sim, books) = (sim.clone(), books.clone());
        Self { records: MemoryRecords::new(), sim, books, bug, is_strict, deliveries: Arc::default() }
    }

    fn deliveries(&self) -> MutexGuard<'_, BTreeMap<(TaskId, RowNumber), u32>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often this row was delivered, and how often that had an effect.
    pub fn of(&self, task: TaskId, row: RowNumber) -> (u32, usize) {
        let effects = self.records.all().iter().filter(|record| record.source == Receipt { task, row }).count();
        (self.deliveries().get(&(task, row)).copied().unwrap_or(0), effects)
    }

    /// Deliveries that had no effect, because the row had been delivered before.
    pub fn repeated(&self) -> usize {
        self.deliveries().values().map(|deliveries| *deliveries as usize - 1).sum()
    }
}

impl Records for Journal {
    async fn keep(&self, record: &Record) -> Result<Stored, PortError> {
        let Receipt { task, row } = record.source;
        *self.deliveries().entry((task, row)).or_default() += 1;
        if self.is_strict && self.books.is_recorded(task, row) {
            self.sim.fail(format!("row {row} is delivered, and its outcome was recorded before"));
        }
        let mut record = record.clone();
        if self.bug == Some(Bug::AnotherKeyEachTime) {
            record.id.key = format!("{} {}", record.id.key, self.deliveries()[&(task, row)]);
        }
        let stored = self.records.keep(&record).await?;
        if let Stored::TakenBy(other) = stored {
            self.sim.fail(format!("the key of row {row} was taken by {other}"));
        }
        Ok(stored)
    }

    async fn record(&self, id: &RecordId) -> Result<Option<Record>, PortError> {
        self.records.record(id).await
    }

    async fn list(
        &self,
        owner: &Owner,
        pipeline: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, PortError> {
        self.records.list(owner, pipeline, after, limit).await
    }
}

/// The journal as a process reaches it. Its trouble never passes by itself: the pipeline would wait for it as long as
/// chance says that is not the run's.
#[derive(Debug, Clone)]
pub struct JournalPort(Fragile<Journal, SimFate>);

impl JournalPort {
    /// The journal under this fate.
    pub const fn new(journal: Journal, fate: SimFate) -> Self {
        Self(Fragile::new(journal, fate))
    }
}

fn lasting(error: PortError) -> PortError {
    PortError::permanent("keep a record", error_chain(&error))
}

impl Records for JournalPort {
    async fn keep(&self, record: &Record) -> Result<Stored, PortError> {
        self.0.keep(record).await.map_err(lasting)
    }

    async fn record(&self, id: &RecordId) -> Result<Option<Record>, PortError> {
        self.0.record(id).await.map_err(lasting)
    }

    async fn list(
        &self,
        owner: &Owner,
        pipeline: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, PortError> {
        self.0.list(owner, pipeline, after, limit).await.map_err(lasting)
    }
}
