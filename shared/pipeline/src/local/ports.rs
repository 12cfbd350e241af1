//! What a pipeline needs of others, where there is no cloud: the rate of this process alone, secrets of the environment, and
//! nothing that would be kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use filas_domain::clock::Timestamp;
use filas_domain::ids::Owner;
use filas_domain::permits::{Bucket, Destination, Permits};
use filas_domain::ports::{Clock, PortError, WriteError};
use filas_domain::record::{Record, RecordId, Records, Stored};
use filas_domain::row_queue::{Rejected, RowMessage, RowQueue};
use filas_domain::secrets::{SecretText, Secrets};

use crate::services::{Ports, Services};

/// What the variables that hold secrets begin with: the secret `partner-token` is in `FILAS_SECRET_PARTNER_TOKEN`.
pub const SECRET_VARIABLE: &str = "FILAS_SECRET_";

/// The outside as this machine has it, for `owner`. `get` reads the environment. Delivering to `store` or `queue` is an
/// error here.
pub fn services(owner: Owner, get: fn(&str) -> Option<String>) -> Services {
    let ports = Ports {
        records: NotHere,
        permits: OneProcess::default(),
        secrets: Environment(get),
        queue: NotHere,
        clock: MachineClock,
    };
    Services::new(ports, owner)
}

/// As [`services`], and what is delivered to `store` is kept in the memory of this process.
pub fn services_that_keep(owner: Owner, get: fn(&str) -> Option<String>) -> (Services, KeptRecords) {
    let kept = KeptRecords::default();
    let ports = Ports {
        records: kept.clone(),
        permits: OneProcess::default(),
        secrets: Environment(get),
        queue: NotHere,
        clock: MachineClock,
    };
    (Services::new(ports, owner), kept)
}

/// Records in the memory of this process, once for each key. Its clones share them.
#[derive(Debug, Clone, Default)]
pub struct KeptRecords(Arc<Mutex<BTreeMap<RecordId, Record>>>);

impl KeptRecords {
    /// Takes all of them out, by key.
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.records()).into_values().collect()
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<RecordId, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records for KeptRecords {
    async fn keep(&self, record: &Record) -> Result<Stored, PortError> {
        let mut records = self.records();
        match records.get(&record.id) {
            Some(known) if known.source != record.source => Ok(Stored::TakenBy(known.source)),
            Some(_) => Ok(Stored::Kept),
            None => {
                records.insert(record.id.clone(), record.clone());
                Ok(Stored::Kept)
            }
        }
    }

    async fn record(&self, id: &RecordId) -> Result<Option<Record>, PortError> {
        Ok(self.records().get(id).cloned())
    }

    async fn list(
        &self,
        owner: &Owner,
        pipeline: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, PortError> {
        let records = self.records();
        let theirs = records.values().filter(|record| record.id.owner == *owner && record.id.pipeline == pipeline);
        let rest = theirs.filter(|record| after.is_none_or(|after| record.id.key.as_str() > after));
        Ok(rest.take(limit as usize).cloned().collect())
    }
}

/// The clock of the machine.
struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0).plus(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// The buckets of this process: nobody else asks.
#[derive(Default)]
struct OneProcess(Mutex<BTreeMap<Destination, Bucket>>);

impl Permits for OneProcess {
    async fn bucket(&self, of: &Destination) -> Result<Option<Bucket>, PortError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(of).copied())
    }

    async fn replace(&self, of: &Destination, before: Option<Bucket>, after: Bucket) -> Result<(), WriteError> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.get(of).copied() != before {
            return Err(WriteError::Stale);
        }
        buckets.insert(of.clone(), after);
        Ok(())
    }
}

/// Secrets in variables of the environment, whoever owns them.
struct Environment(fn(&str) -> Option<String>);

impl Secrets for Environment {
    async fn secret(&self, _: &Owner, name: &str) -> Result<Option<SecretText>, PortError> {
        let variable = format!("{SECRET_VARIABLE}{}", name.to_uppercase().replace('-', "_"));
        Ok((self.0)(&variable).map(SecretText::new))
    }
}

/// What is kept elsewhere, and not on this machine.
struct NotHere;

fn not_here<T>(operation: &str) -> Result<T, PortError> {
    Err(PortError::permanent(operation, "there is no place for it on this machine"))
}

impl Records for NotHere {
    async fn keep(&self, _: &Record) -> Result<Stored, PortError> {
        not_here("store a record")
    }

    async fn record(&self, _: &RecordId) -> Result<Option<Record>, PortError> {
        not_here("read a record")
    }

    async fn list(&self, _: &Owner, _: &str, _: Option<&str>, _: u32) -> Result<Vec<Record>, PortError> {
        not_here("list records")
    }
}

impl RowQueue for NotHere {
    async fn send(&self, _: &str, _: &[RowMessage]) -> Result<Vec<Result<(), Rejected>>, PortError> {
        not_here("send rows to a queue")
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use filas_domain::permits::{Rate, take};

    use super::*;

    #[tokio::test]
    async fn a_rate_is_kept_by_one_process() {
        let (permits, of) = (OneProcess::default(), Destination::new("acme", "own", "enrich.product"));
        let rate = Rate::new(NonZeroU32::new(10).unwrap(), Duration::from_secs(1));
        let first = take(&permits, &MachineClock, &of, rate, 9).await.unwrap().lease.unwrap();
        let second = take(&permits, &MachineClock, &of, rate, 9).await.unwrap().lease.unwrap();
        assert!(second.start >= first.start.plus(rate.time_of(first.count)), "{first:?} {second:?}");
    }

    #[tokio::test]
    async fn secrets_are_variables() {
        let get = |name: &str| (name == "FILAS_SECRET_PARTNER_TOKEN").then(|| "hunter2".to_owned());
        let owner: Owner = "acme".parse().unwrap();
        let secrets = Environment(get);
        let found = secrets.secret(&owner, "partner-token").await.unwrap();
        assert_eq!(found.map(|secret| secret.expose().to_owned()).as_deref(), Some("hunter2"));
        assert_eq!(secrets.secret(&owner, "other").await.unwrap(), None);
    }
}
