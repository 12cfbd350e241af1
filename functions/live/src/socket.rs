//! Connecting, subscribing, leaving: the events of a WebSocket API, in the shape of the API Gateway developer guide.

use std::collections::HashMap;

use filas_domain::access::sha256_hex;
use filas_domain::ids::Owner;
use filas_domain::live::{
    CONNECTION_KEPT, ConnectionId, Connections, LiveMessage, LiveRequest, SNAPSHOT_TASKS, Seen, Watched, Watchers,
};
use filas_domain::ports::{Clock, PortError, TaskCatalogue, TaskLedger};
use filas_domain::{TaskId, error_chain};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::{error, info};

use crate::clients::Clients;

/// One event of a WebSocket API.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketEvent {
    request_context: Context,
    #[serde(default)]
    query_string_parameters: Option<HashMap<String, String>>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    event_type: EventType,
    connection_id: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum EventType {
    Connect,
    Message,
    Disconnect,
}

/// What serves the clients, with its ports.
pub struct Socket<W, P, L, C> {
    /// The clients.
    pub clients: Clients<W, P>,
    /// Tasks.
    pub ledger: L,
    /// The time.
    pub clock: C,
}

impl<W: Watchers, P: Connections, L: TaskLedger + TaskCatalogue, C: Clock> Socket<W, P, L, C> {
    /// Serves one event and gives the answer to the gateway. Only a connection can be refused; whatever else goes wrong
    /// is answered 500, and the client sees the end of its connection or no answer, and comes again.
    pub async fn serve(&self, event: &SocketEvent) -> Value {
        let kind = event.request_context.event_type;
        let status = match self.try_serve(event).await {
            Ok(status) => status,
            Err(error) => {
                error!(?kind, error = %error_chain(&error), "an event of a client failed");
                500
            }
        };
        info!(?kind, status, "client served");
        json!({ "statusCode": status })
    }

    async fn try_serve(&self, event: &SocketEvent) -> Result<u16, PortError> {
        let connection: ConnectionId = match event.request_context.connection_id.parse() {
            Ok(connection) => connection,
            Err(error) => return Err(PortError::permanent("read the event of a client", error)),
        };
        match event.request_context.event_type {
            EventType::Connect => self.connect(&connection, event).await,
            EventType::Message => self.hear(&connection, event.body.as_deref().unwrap_or_default()).await,
            EventType::Disconnect => self.clients.watchers.disconnect(&connection).await.map(|()| 200),
        }
    }

    async fn connect(&self, connection: &ConnectionId, event: &SocketEvent) -> Result<u16, PortError> {
        let parameters = event.query_string_parameters.as_ref();
        let Some(ticket) = parameters.and_then(|parameters| parameters.get("ticket")) else { return Ok(401) };
        let now = self.clock.now();
        let Some(owner) = self.clients.watchers.use_ticket(&sha256_hex(ticket.as_bytes()), now).await? else {
            return Ok(401);
        };
        self.clients.watchers.connect(connection, &owner, now.plus(CONNECTION_KEPT)).await?;
        Ok(200)
    }

    async fn hear(&self, connection: &ConnectionId, text: &str) -> Result<u16, PortError> {
        let Some(owner) = self.clients.watchers.owner_of(connection).await? else {
            // Forgotten meanwhile: it is to come again with a new ticket.
            self.clients.connections.close(connection).await?;
            return Ok(200);
        };
        let answer = match serde_json::from_str(text) {
            Ok(LiveRequest::Ping) => LiveMessage::Pong,
            Ok(LiveRequest::Subscribe { task: Some(task), tasks: None }) => self.one(connection, &owner, task).await?,
            Ok(LiveRequest::Subscribe { task: None, tasks: Some(all) }) if all == "all" => {
                self.all(connection, &owner).await?
            }
            _ => LiveMessage::Error {
                detail: "Say {\"action\":\"subscribe\",\"task\":ID}, {\"action\":\"subscribe\",\"tasks\":\"all\"} or \
                         {\"action\":\"ping\"}."
                    .into(),
            },
        };
        self.clients.tell(std::slice::from_ref(connection), &answer).await?;
        Ok(200)
    }

    /// First the subscription, then the look at the task: whatever changes in between is told twice and not never.
    async fn one(&self, connection: &ConnectionId, owner: &Owner, task: String) -> Result<LiveMessage, PortError> {
        let Ok(id) = task.parse::<TaskId>() else { return Ok(LiveMessage::Missing { task }) };
        let is_theirs = |task: &filas_domain::task::Task| task.head.order.owner == *owner;
        if !self.ledger.task(id).await?.as_ref().is_some_and(is_theirs) {
            return Ok(LiveMessage::Missing { task });
        }
        self.watch(connection, &Watched::Task(id)).await?;
        Ok(match self.ledger.task(id).await?.filter(is_theirs) {
            Some(found) => {
                LiveMessage::Task(Box::new(Seen::with_progress(&found, &self.ledger, self.clock.now()).await?))
            }
            None => LiveMessage::Missing { task },
        })
    }

    async fn all(&self, connection: &ConnectionId, owner: &Owner) -> Result<LiveMessage, PortError> {
        self.watch(connection, &Watched::All(owner.clone())).await?;
        let tasks = self.ledger.list(owner, None, None, SNAPSHOT_TASKS).await?;
        let now = self.clock.now();
        Ok(LiveMessage::Snapshot { tasks: tasks.iter().map(|task| Seen::new(task, now)).collect() })
    }

    async fn watch(&self, connection: &ConnectionId, watched: &Watched) -> Result<(), PortError> {
        self.clients.watchers.watch(connection, watched, self.clock.now().plus(CONNECTION_KEPT)).await
    }
}

#[cfg(test)]
mod tests;
