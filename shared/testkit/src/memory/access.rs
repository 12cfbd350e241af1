//! Keys and counters of requests in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use filas_domain::access::rate::Window;
use filas_domain::access::{ApiKey, KeyId};
use filas_domain::clock::Timestamp;
use filas_domain::ids::Owner;
use filas_domain::ports::{Keys, PortError, Rates};

use super::faults::{Faults, lock, plans_faults};

/// Keys and counters in memory. Its clones are the same ones.
#[derive(Debug, Clone)]
pub struct MemoryAccess {
    keys: Arc<Mutex<BTreeMap<(Owner, KeyId), ApiKey>>>,
    requests: Arc<Mutex<BTreeMap<(Owner, Window), u32>>>,
    faults: Faults,
}

plans_faults!(MemoryAccess);

impl Default for MemoryAccess {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryAccess {
    /// No keys, and no request.
    ///
    /// Operations that can fail: `add`, `key`, `keys`, `revoke`, `count`.
    pub fn new() -> Self {
        let faults = Faults::new(&["add", "key", "keys", "revoke", "count"]);
        Self { keys: Arc::default(), requests: Arc::default(), faults }
    }
}

impl Keys for MemoryAccess {
    async fn add(&self, key: &ApiKey) -> Result<(), PortError> {
        self.faults.run("add", || {
            lock(&self.keys).insert((key.owner.clone(), key.id.clone()), key.clone());
            Ok(())
        })
    }

    async fn key(&self, owner: &Owner, id: &KeyId) -> Result<Option<ApiKey>, PortError> {
        self.faults.run("key", || Ok(lock(&self.keys).get(&(owner.clone(), id.clone())).cloned()))
    }

    async fn keys(&self, owner: &Owner, after: Option<&KeyId>, limit: u32) -> Result<Vec<ApiKey>, PortError> {
        self.faults.run("keys", || {
            let stored = lock(&self.keys);
            let from = after.map(|id| (owner.clone(), id.clone())).map_or(Bound::Unbounded, Bound::Excluded);
            let own = stored.range((from, Bound::Unbounded)).map(|(_, key)| key).filter(|key| key.owner == *owner);
            Ok(own.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect())
        })
    }

    async fn revoke(&self, owner: &Owner, id: &KeyId, now: Timestamp) -> Result<bool, PortError> {
        self.faults.run("revoke", || {
            let mut stored = lock(&self.keys);
            let Some(key) = stored.get_mut(&(owner.clone(), id.clone())) else { return Ok(false) };
            key.revoked.get_or_insert(now);
            Ok(true)
        })
    }
}

impl Rates for MemoryAccess {
    async fn count(&self, owner: &Owner, window: Window) -> Result<u32, PortError> {
        self.faults.run("count", || {
            let mut requests = lock(&self.requests);
            let counted = requests.entry((owner.clone(), window)).or_default();
            *counted += 1;
            Ok(*counted)
        })
    }
}
