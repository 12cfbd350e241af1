//! A topic in memory.

use std::sync::{Arc, Mutex};

use filas_domain::event::Event;
use filas_domain::ports::{EventTopic, PortError};

use super::faults::{Faults, lock, plans_faults};

/// A topic in memory. Its clones are the same topic.
#[derive(Debug, Clone)]
pub struct MemoryTopic {
    published: Arc<Mutex<Vec<Event>>>,
    faults: Faults,
}

plans_faults!(MemoryTopic);

impl Default for MemoryTopic {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryTopic {
    /// Nothing has been published.
    ///
    /// Operations that can fail: `publish`.
    pub fn new() -> Self {
        Self { published: Arc::default(), faults: Faults::new(&["publish"]) }
    }

    /// Every event, copies included.
    pub fn published(&self) -> Vec<Event> {
        lock(&self.published).clone()
    }
}

impl EventTopic for MemoryTopic {
    async fn publish(&self, events: &[Event]) -> Result<(), PortError> {
        self.faults.run("publish", || {
            lock(&self.published).extend_from_slice(events);
            Ok(())
        })
    }
}
