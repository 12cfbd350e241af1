//! Records of the table's stream to events, and those to the topic.
//!
//! Nothing is remembered between two calls but whose a task is, which never changes. When something cannot be published,
//! the whole call fails and its records come again: the events that were out already come twice, with the same ids. The
//! partial answer would name the first record that is missing, and save some of those copies; it is not used, because an
//! emulator takes such an answer for a success and would lose the rest.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use filas_aws::stream::{Change, StreamAnswer, StreamEvent, StreamRecord};
use filas_domain::event::{self, Event, Origin};
use filas_domain::ports::{EventTopic, PortError, TaskLedger};
use filas_domain::{Owner, TaskId, error_chain};
use tracing::{error, info};

/// Tasks of which it is remembered whose they are.
const OWNERS_REMEMBERED: usize = 10_000;

/// The notifier and its ports.
pub struct Notifier<L, T> {
    ledger: L,
    topic: T,
    source: String,
    owners: Mutex<HashMap<TaskId, Option<Owner>>>,
}

impl<L: TaskLedger, T: EventTopic> Notifier<L, T> {
    /// Publishes to `topic` in the name of `source`, the stack. The ledger says whose a batch is.
    pub fn new(ledger: L, topic: T, source: impl Into<String>) -> Self {
        Self { ledger, topic, source: source.into(), owners: Mutex::default() }
    }

    /// Publishes the event of every record that is one of a task or a batch.
    ///
    /// # Errors
    /// When an event could not be published, or it is not known whose it is: the records are to come again.
    pub async fn run(&self, event: &StreamEvent) -> Result<StreamAnswer, PortError> {
        let mut events: Vec<Event> = event.records.iter().filter_map(|record| self.event_of(record)).collect();
        for event in &mut events {
            if let (None, Some(task)) = (&event.owner, event.task) {
                event.owner = self.owner_of(task).await?;
            }
        }
        self.topic.publish(&events).await?;
        info!(records = event.records.len(), events = events.len(), "changes told");
        Ok(StreamAnswer::default())
    }

    fn event_of(&self, record: &StreamRecord) -> Option<Event> {
        let origin = Origin { source: &self.source, sequence: record.sequence_number() };
        match record.change() {
            Ok(Change::Task { old, new }) => {
                let event = event::of_task(origin, old.as_deref(), new.as_deref())?;
                if let (Some(task), Some(owner)) = (event.task, &event.owner) {
                    self.remember(task, Some(owner.clone()));
                }
                Some(event)
            }
            Ok(Change::Batch { old, new }) => event::of_batch(origin, old.as_deref(), new.as_deref()),
            Ok(Change::Other) => None,
            // It stays damaged, however often it comes, and must not hold up what comes after it: it is told instead.
            Err(error) => {
                let chain = error_chain(&error);
                error!(record = record.sequence_number(), error = %chain, "a change cannot be read");
                Some(event::of_damage(origin, &chain))
            }
        }
    }

    /// Whose task it is; `None` when it is not there any more.
    async fn owner_of(&self, task: TaskId) -> Result<Option<Owner>, PortError> {
        let known = self.owners.lock().unwrap_or_else(PoisonError::into_inner).get(&task).cloned();
        if let Some(owner) = known {
            return Ok(owner);
        }
        let owner = self.ledger.task(task).await?.map(|task| task.head.order.owner);
        self.remember(task, owner.clone());
        Ok(owner)
    }

    fn remember(&self, task: TaskId, owner: Option<Owner>) {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= OWNERS_REMEMBERED {
            owners.clear();
        }
        owners.insert(task, owner);
    }
}

#[cfg(test)]
mod tests;
