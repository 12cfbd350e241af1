//! What changed, told to whoever watches it.
//!
//! The function gets every event of a task through a queue of its own. An event only says *that* something changed: what is
//! told is the task as it is then. So it does not matter in which order events come, and of many within a quarter of a
//! second one is enough.

use std::collections::BTreeMap;

use filas_domain::delivery::{Delivery, Redeliver};
use filas_domain::error_chain;
use filas_domain::event::Event;
use filas_domain::ids::{Owner, TaskId};
use filas_domain::live::{ConnectionId, Connections, LiveMessage, PushSlot, Seen, Watched, Watchers};
use filas_domain::ports::{Clock, PortError, TaskCatalogue, TaskLedger};
use futures::future::join_all;
use tracing::{error, info};

use crate::clients::Clients;

/// What tells the clients, with its ports.
pub struct Pushes<'a, W, P, L, C> {
    /// The clients.
    pub clients: &'a Clients<W, P>,
    /// Tasks.
    pub ledger: &'a L,
    /// The time.
    pub clock: &'a C,
}

/// The messages about one task, and whose it is.
#[derive(Default)]
struct About<'a> {
    deliveries: Vec<&'a Delivery>,
    owner: Option<Owner>,
}

impl<W: Watchers, P: Connections, L: TaskLedger + TaskCatalogue, C: Clock> Pushes<'_, W, P, L, C> {
    /// Tells of every task that the messages are about, and says which messages are to come again.
    pub async fn run(&self, deliveries: &[Delivery]) -> Redeliver {
        let mut again = Redeliver::default();
        let mut tasks: BTreeMap<TaskId, About<'_>> = BTreeMap::new();
        for delivery in deliveries {
            match serde_json::from_str::<Event>(&delivery.body) {
                Ok(Event { task: Some(task), owner, .. }) => {
                    let about = tasks.entry(task).or_default();
                    about.deliveries.push(delivery);
                    about.owner = about.owner.take().or(owner);
                }
                // A record that nobody could read: no task to tell of.
                Ok(_) => {}
                Err(error) => {
                    error!(message_id = delivery.message_id(), error = %error_chain(&error), "no event");
                    again.add(delivery);
                }
            }
        }
        let told = join_all(tasks.iter().map(|(task, about)| self.tell(*task, about.owner.as_ref()))).await;
        for ((task, about), told) in tasks.iter().zip(&told) {
            if let Err(error) = told {
                error!(%task, error = %error_chain(error), "a change was not told; its messages come again");
                about.deliveries.iter().for_each(|delivery| again.add(delivery));
            }
        }
        info!(messages = deliveries.len(), tasks = tasks.len(), to_come_again = again.len(), "changes passed on");
        again
    }

    async fn tell(&self, task: TaskId, owner: Option<&Owner>) -> Result<(), PortError> {
        let watching = self.watching(task, owner).await?;
        if watching.is_empty() || !self.has_turn(task).await? {
            return Ok(());
        }
        let message = match self.ledger.task(task).await? {
            Some(task) => LiveMessage::Task(Box::new(Seen::with_progress(&task, self.ledger, self.clock.now()).await?)),
            None => LiveMessage::Deleted { task },
        };
        self.clients.tell(&watching, &message).await
    }

    async fn watching(&self, task: TaskId, owner: Option<&Owner>) -> Result<Vec<ConnectionId>, PortError> {
        let mut watching = self.clients.watchers.watchers(&Watched::Task(task)).await?;
        if let Some(owner) = owner {
            watching.extend(self.clients.watchers.watchers(&Watched::All(owner.clone())).await?);
        }
        watching.sort();
        watching.dedup();
        Ok(watching)
    }

    /// Waits for the right to tell of the task. `false` when somebody got it after we had begun to wait: what they tell is
    /// what they read after that, so it has our change in it.
    async fn has_turn(&self, task: TaskId) -> Result<bool, PortError> {
        let mut claims_before = None;
        loop {
            match self.clients.watchers.claim_push(task, self.clock.now()).await? {
                PushSlot::Ours => return Ok(true),
                PushSlot::Taken { claims, .. } if claims_before.is_some_and(|before| before != claims) => {
                    return Ok(false);
                }
                PushSlot::Taken { claims, wait } => {
                    claims_before = Some(claims);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
