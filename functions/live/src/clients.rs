//! Saying something to many clients, of which some are slow or gone.

use filas_domain::error_chain;
use filas_domain::live::{ConnectionId, Connections, LiveMessage, Posted, Watchers};
use filas_domain::ports::PortError;
use futures::stream::{StreamExt as _, TryStreamExt as _, iter};
use tracing::{info, warn};

/// Messages under way at once. The gateway answers in milliseconds, or the port gives up after three seconds.
const AT_ONCE: usize = 64;

/// The clients and what is known of them.
pub struct Clients<W, P> {
    /// Who is connected and watches what.
    pub watchers: W,
    /// The way to them.
    pub connections: P,
}

impl<W: Watchers, P: Connections> Clients<W, P> {
    /// Tells each of them. One that is gone is forgotten. One that cannot be told now is sent away: it comes back and gets
    /// a snapshot, so it misses nothing, and nobody waits for it.
    ///
    /// # Errors
    /// When a client cannot be forgotten.
    pub async fn tell(&self, connections: &[ConnectionId], message: &LiveMessage) -> Result<(), PortError> {
        let text = serde_json::to_string(message).map_err(|error| PortError::permanent("write a message", error))?;
        let told = iter(connections).map(|connection| self.tell_one(connection, &text));
        told.buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn tell_one(&self, connection: &ConnectionId, text: &str) -> Result<(), PortError> {
        match self.connections.post(connection, text).await {
            Ok(Posted::Sent) => Ok(()),
            Ok(Posted::Gone) => {
                info!(%connection, "a client is gone");
                self.watchers.disconnect(connection).await
            }
            Err(error) => {
                warn!(%connection, error = %error_chain(&error), "a client cannot be told and is sent away");
                if let Err(error) = self.connections.close(connection).await {
                    // The gateway ends it by itself in the end; forgotten it is in any case.
                    warn!(%connection, error = %error_chain(&error), "a client cannot be sent away");
                }
                self.watchers.disconnect(connection).await
            }
        }
    }
}
