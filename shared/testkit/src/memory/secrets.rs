//! Secrets in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use filas_domain::ids::Owner;
use filas_domain::ports::PortError;
use filas_domain::secrets::{SecretText, Secrets};

use super::faults::{Faults, lock, plans_faults};

/// Secrets in memory. Its clones are the same secrets.
#[derive(Debug, Clone)]
pub struct MemorySecrets {
    stored: Arc<Mutex<BTreeMap<(Owner, String), SecretText>>>,
    reads: Arc<AtomicUsize>,
    faults: Faults,
}

plans_faults!(MemorySecrets);

impl Default for MemorySecrets {
    fn default() -> Self {
        Self::new()
    }
}

impl MemorySecrets {
    /// No secrets.
    ///
    /// Operations that can fail: `secret`.
    pub fn new() -> Self {
        Self { stored: Arc::default(), reads: Arc::default(), faults: Faults::new(&["secret"]) }
    }

    /// Stores a secret, or another text for it.
    pub fn put(&self, owner: &Owner, name: &str, text: &str) {
        lock(&self.stored).insert((owner.clone(), name.to_owned()), SecretText::new(text.to_owned()));
    }

    /// How often secrets were read.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

impl Secrets for MemorySecrets {
    async fn secret(&self, owner: &Owner, name: &str) -> Result<Option<SecretText>, PortError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.faults.run("secret", || Ok(lock(&self.stored).get(&(owner.clone(), name.to_owned())).cloned()))
    }
}
