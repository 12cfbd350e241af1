//! Clients in memory: who is connected, what they watch, and what they were told.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::ids::{Owner, TaskId};
use filas_domain::live::{ConnectionId, Connections, PUSH_INTERVAL, Posted, PushSlot, Watched, Watchers};
use filas_domain::ports::PortError;

use super::faults::{Faults, lock, plans_faults};

/// Who watches what, in memory. Its clones are the same.
#[derive(Debug, Clone)]
pub struct MemoryWatchers {
    state: Arc<Mutex<State>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct State {
    tickets: BTreeMap<String, (Owner, Timestamp)>,
    connections: BTreeMap<ConnectionId, Owner>,
    watches: BTreeSet<(Watched, ConnectionId)>,
    pushes: BTreeMap<TaskId, (u64, Timestamp)>,
}

plans_faults!(MemoryWatchers);

impl Default for MemoryWatchers {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryWatchers {
    /// Nobody is connected.
    ///
    /// Operations that can fail: `keep_ticket`, `use_ticket`, `connect`, `owner_of`, `watch`, `watchers`, `disconnect`,
    /// `claim_push`.
    pub fn new() -> Self {
        let operations =
            &["keep_ticket", "use_ticket", "connect", "owner_of", "watch", "watchers", "disconnect", "claim_push"];
        Self { state: Arc::default(), faults: Faults::new(operations) }
    }
}

impl Watchers for MemoryWatchers {
    async fn keep_ticket(&self, digest: &str, owner: &Owner, expires: Timestamp) -> Result<(), PortError> {
        self.faults.run("keep_ticket", || {
            lock(&self.state).tickets.insert(digest.to_owned(), (owner.clone(), expires));
            Ok(())
        })
    }

    async fn use_ticket(&self, digest: &str, now: Timestamp) -> Result<Option<Owner>, PortError> {
        self.faults.run("use_ticket", || {
            let ticket = lock(&self.state).tickets.remove(digest);
            Ok(ticket.filter(|(_, expires)| now < *expires).map(|(owner, _)| owner))
        })
    }

    async fn connect(&self, connection: &ConnectionId, owner: &Owner, _: Timestamp) -> Result<(), PortError> {
        self.faults.run("connect", || {
            lock(&self.state).connections.insert(connection.clone(), owner.clone());
            Ok(())
        })
    }

    async fn owner_of(&self, connection: &ConnectionId) -> Result<Option<Owner>, PortError> {
        self.faults.run("owner_of", || Ok(lock(&self.state).connections.get(connection).cloned()))
    }

    async fn watch(&self, connection: &ConnectionId, watched: &Watched, _: Timestamp) -> Result<(), PortError> {
        self.faults.run("watch", || {
            lock(&self.state).watches.insert((watched.clone(), connection.clone()));
            Ok(())
        })
    }

    async fn watchers(&self, watched: &Watched) -> Result<Vec<ConnectionId>, PortError> {
        self.faults.run("watchers", || {
            let state = lock(&self.state);
            let of_it = state.watches.iter().filter(|(this, _)| this == watched);
            Ok(of_it.map(|(_, connection)| connection.clone()).collect())
        })
    }

    async fn disconnect(&self, connection: &ConnectionId) -> Result<(), PortError> {
        self.faults.run("disconnect", || {
            let mut state = lock(&self.state);
            state.connections.remove(connection);
            state.watches.retain(|(_, watcher)| watcher != connection);
            Ok(())
        })
    }

    async fn claim_push(&self, task: TaskId, now: Timestamp) -> Result<PushSlot, PortError> {
        self.faults.run("claim_push", || {
            let mut state = lock(&self.state);
            let before = state.pushes.get(&task).copied();
            match before {
                Some((claims, at)) if now.since(at) < PUSH_INTERVAL => {
                    let wait = at.plus(PUSH_INTERVAL).since(now).clamp(Duration::from_millis(1), PUSH_INTERVAL);
                    Ok(PushSlot::Taken { claims, wait })
                }
                _ => {
                    let claims = before.map_or(0, |(claims, _)| claims);
                    state.pushes.insert(task, (claims + 1, now));
                    Ok(PushSlot::Ours)
                }
            }
        })
    }
}

/// Clients that take messages. Its clones are the same.
#[derive(Debug, Clone)]
pub struct MemoryConnections {
    state: Arc<Mutex<Clients>>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct Clients {
    posted: Vec<(ConnectionId, String)>,
    gone: HashSet<ConnectionId>,
    closed: Vec<ConnectionId>,
}

plans_faults!(MemoryConnections);

impl Default for MemoryConnections {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryConnections {
    /// Nothing was said to anybody.
    ///
    /// Operations that can fail: `post`, `close`.
    pub fn new() -> Self {
        Self { state: Arc::default(), faults: Faults::new(&["post", "close"]) }
    }

    /// From now on the client is gone.
    pub fn lose(&self, connection: &ConnectionId) {
        lock(&self.state).gone.insert(connection.clone());
    }

    /// What a client was told.
    pub fn told(&self, connection: &ConnectionId) -> Vec<String> {
        let posted = lock(&self.state).posted.clone();
        posted.into_iter().filter(|(to, _)| to == connection).map(|(_, text)| text).collect()
    }

    /// Whose connections were ended from our side.
    pub fn closed(&self) -> Vec<ConnectionId> {
        lock(&self.state).closed.clone()
    }
}

impl Connections for MemoryConnections {
    async fn post(&self, connection: &ConnectionId, text: &str) -> Result<Posted, PortError> {
        self.faults.run("post", || {
            let mut clients = lock(&self.state);
            if clients.gone.contains(connection) {
                return Ok(Posted::Gone);
            }
            clients.posted.push((connection.clone(), text.to_owned()));
            Ok(Posted::Sent)
        })
    }

    async fn close(&self, connection: &ConnectionId) -> Result<(), PortError> {
        self.faults.run("close", || {
            let mut clients = lock(&self.state);
            clients.gone.insert(connection.clone());
            clients.closed.push(connection.clone());
            Ok(())
        })
    }
}
