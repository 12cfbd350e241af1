//! What clients are told while they look on: who is connected, what they watch, and what is said to them.
//!
//! Every message carries the whole state of a task and never a difference, so a client that missed some is up to date
//! with the next; [`Revision`] tells the newer of two, whichever way they came.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{Owner, TaskId};
use crate::ports::{PortError, TaskCatalogue};
use crate::task::Task;
use crate::view::{TaskView, progress_window};

/// At most four messages a second of one task to one client.
pub const PUSH_INTERVAL: Duration = Duration::from_millis(250);
/// How long a ticket may be used for.
pub const TICKET_KEPT: Duration = Duration::from_secs(60);
/// API Gateway ends a connection after two hours; what is remembered of it lives a little longer.
pub const CONNECTION_KEPT: Duration = Duration::from_secs(2 * 60 * 60 + 10 * 60);
/// How many tasks are in the snapshot of all.
pub const SNAPSHOT_TASKS: u32 = 50;

/// What lets a client connect, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ticket {
    /// What the client sends as `?ticket=`.
    pub ticket: String,
    /// Where it connects.
    pub url: String,
    /// Until when it may.
    pub expires: String,
}

/// The gateway's id of a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(String);

impl ConnectionId {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for ConnectionId {
    type Err = NotAConnection;

    fn from_str(text: &str) -> Result<Self, NotAConnection> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
        if (1..=128).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAConnection)
        }
    }
}

/// A text that is no connection's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the id of a connection")]
pub struct NotAConnection;

/// What a connection watches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watched {
    /// One task.
    Task(TaskId),
    /// Every task of an owner.
    All(Owner),
}

/// Which of two states of a task is the later one.
///
/// The version goes up with every change of the head. Between two of those the counters only grow: whatever takes
/// outcomes back, a redrive, writes the head in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Revision(pub u64, pub u64);

impl Revision {
    /// The revision of a task.
    pub fn of(task: &Task) -> Self {
        let tally = &task.tally;
        Self(task.version, tally.counts.rows() + u64::from(tally.closed()) + tally.attempts)
    }
}

/// A task at a revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The later of two is right.
    pub revision: Revision,
    /// The task.
    pub task: TaskView,
}

impl Seen {
    /// The task as it looks at `now`, to one who has not looked at its batches: how fast it goes is not known.
    pub fn new(task: &Task, now: Timestamp) -> Self {
        Self { revision: Revision::of(task), task: TaskView::new(task, now) }
    }

    /// The task as it looks at `now`, with its rate and the time left, as `GET /v1/tasks/{id}` tells it.
    ///
    /// # Errors
    /// When its batches cannot be read.
    pub async fn with_progress(task: &Task, ledger: &impl TaskCatalogue, now: Timestamp) -> Result<Self, PortError> {
        let recent = match progress_window(task) {
            Some((from, until)) => ledger.claimed_batches(task.id, from, until).await?,
            None => Vec::new(),
        };
        Ok(Self { revision: Revision::of(task), task: TaskView::with_progress(task, &recent, now) })
    }
}

/// What is said to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveMessage {
    /// One task, at once after it was subscribed to and after changes.
    Task(Box<Seen>),
    /// The latest tasks, at once after all were subscribed to.
    Snapshot {
        /// Newest first.
        tasks: Vec<Seen>,
    },
    /// There is no such task; another owner's is as one that is not there.
    Missing {
        /// The id that was asked for.
        task: String,
    },
    /// The task is gone.
    Deleted {
        /// Its id.
        task: TaskId,
    },
    /// The answer to a ping.
    Pong,
    /// The client said something that cannot be understood.
    Error {
        /// What is right.
        detail: String,
    },
}

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum LiveRequest {
    /// Tell me of this task, or of `"tasks": "all"`.
    Subscribe {
        /// One task.
        task: Option<String>,
        /// `all`.
        tasks: Option<String>,
    },
    /// Are you there? Also keeps the connection from idling.
    Ping,
}

/// Whether a message about a task may go out now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushSlot {
    /// Yes, and nobody else's for [`PUSH_INTERVAL`].
    Ours,
    /// Somebody has sent one a moment ago.
    Taken {
        /// How many have had the slot.
        claims: u64,
        /// Until it is free.
        wait: Duration,
    },
}

/// Tickets, connections and what they watch. Each belongs to an owner and is forgotten after its time.
pub trait Watchers: Send + Sync {
    /// Remembers the digest of a ticket.
    fn keep_ticket(
        &self,
        digest: &str,
        owner: &Owner,
        expires: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Takes a ticket away and tells whose it was; `None` when there is none or it is too old.
    fn use_ticket(&self, digest: &str, now: Timestamp)
    -> impl Future<Output = Result<Option<Owner>, PortError>> + Send;

    /// Remembers a connection.
    fn connect(
        &self,
        connection: &ConnectionId,
        owner: &Owner,
        expires: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Whose connection it is; `None` when it is not known.
    fn owner_of(&self, connection: &ConnectionId) -> impl Future<Output = Result<Option<Owner>, PortError>> + Send;

    /// From now on the connection watches this too.
    fn watch(
        &self,
        connection: &ConnectionId,
        watched: &Watched,
        expires: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Who watches this. Sees every [`watch`](Self::watch) that was answered before.
    fn watchers(&self, watched: &Watched) -> impl Future<Output = Result<Vec<ConnectionId>, PortError>> + Send;

    /// Forgets the connection and everything that it watches.
    fn disconnect(&self, connection: &ConnectionId) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Asks for the right to tell of a task: of several who ask within [`PUSH_INTERVAL`] one gets it.
    fn claim_push(&self, task: TaskId, now: Timestamp) -> impl Future<Output = Result<PushSlot, PortError>> + Send;
}

/// What became of a message to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// The gateway took it.
    Sent,
    /// The client is gone.
    Gone,
}

/// Talks to connected clients.
pub trait Connections: Send + Sync {
    /// Sends a text. Takes a bounded time.
    fn post(&self, connection: &ConnectionId, text: &str) -> impl Future<Output = Result<Posted, PortError>> + Send;

    /// Ends the connection; the client will come back and get a snapshot.
    fn close(&self, connection: &ConnectionId) -> impl Future<Output = Result<(), PortError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_say_is_read() {
        let check = |text: &str, expected: Option<LiveRequest>| {
            assert_eq!(serde_json::from_str(text).ok(), expected, "{text}");
        };
        check(r#"{"action":"ping"}"#, Some(LiveRequest::Ping));
        let one = LiveRequest::Subscribe { task: Some("x".into()), tasks: None };
        check(r#"{"action":"subscribe","task":"x"}"#, Some(one));
        let all = LiveRequest::Subscribe { task: None, tasks: Some("all".into()) };
        check(r#"{"action":"subscribe","tasks":"all"}"#, Some(all));
        check(r#"{"action":"shout"}"#, None);
        check("hello", None);
    }

    #[test]
    fn a_connection_id_cannot_lead_elsewhere() {
        assert!("L0SM9cOFvHcCIhw=".parse::<ConnectionId>().is_ok());
        for wrong in ["", "a#b", "a b", "../x", &"x".repeat(129)] {
            assert!(wrong.parse::<ConnectionId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_later_revision_is_the_greater() {
        assert!(Revision(2, 0) > Revision(1, 900));
        assert!(Revision(2, 7) > Revision(2, 6));
        assert_eq!(serde_json::to_string(&Revision(2, 7)).unwrap(), "[2,7]");
    }
}
