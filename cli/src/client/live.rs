//! What changes, at once: messages over a WebSocket. Whoever uses it can do without it, by asking again and again.

use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Once;
use std::time::{Duration, Instant};

use filas_domain::ids::TaskId;
use filas_domain::live::{LiveMessage, Revision};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};
use ureq::http::Uri;

use super::Client;
use super::error::ClientError;

const CONNECT: Duration = Duration::from_secs(5);
/// How long one look for a message takes at most.
const LOOK: Duration = Duration::from_millis(500);
/// After so long a silence the other end is asked whether it is there; after twice that it is not.
const SILENCE: Duration = Duration::from_secs(20);

/// There is no WebSocket, or no more.
#[derive(Debug, Error)]
pub enum LiveError {
    /// There is no ticket for one.
    #[error("the API gives no ticket for a WebSocket")]
    NoTicket(#[source] ClientError),
    /// The address is not one of a WebSocket.
    #[error("'{0}' is not the address of a WebSocket")]
    NotAnAddress(String),
    /// No connection to it.
    #[error("no connection to {0}")]
    NoConnection(String, #[source] std::io::Error),
    /// It broke, or was ended from the other side.
    #[error("the WebSocket is closed")]
    Broken(#[source] Box<tungstenite::Error>),
    /// Nothing was heard for too long.
    #[error("the WebSocket is silent")]
    Silent,
    /// Something that no version of Filas says.
    #[error("the WebSocket said something that is not understood")]
    NotUnderstood(#[source] serde_json::Error),
}

/// The answer of `POST /v1/tickets`.
#[derive(Deserialize)]
struct Ticket {
    ticket: String,
    url: String,
}

/// A connection on which changes are told. Ends when it is dropped.
pub struct Live {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    heard: Instant,
    asked: bool,
}

impl Client {
    /// Watches one task, or all of the owner's.
    ///
    /// # Errors
    /// When there is no WebSocket, for whatever reason.
    pub fn live(&self, task: Option<TaskId>) -> Result<Live, LiveError> {
        let url = format!("{}/v1/tickets", self.root);
        let request = self.transport.agent(&url).post(&url).header("authorization", &self.authorization);
        let Ticket { ticket, url } = self.api_answer(request.send_empty()).map_err(LiveError::NoTicket)?;
        self.live_by_ticket(&url, &ticket, task)
    }

    /// As [`live`](Self::live), with a ticket that one has already for the WebSocket at `url`.
    ///
    /// # Errors
    /// When it lets nobody in, or there is no WebSocket.
    pub fn live_by_ticket(&self, url: &str, ticket: &str, task: Option<TaskId>) -> Result<Live, LiveError> {
        let stream = connect(url)?;
        let address = format!("{url}?ticket={ticket}");
        with_tls();
        let (mut socket, _) = tungstenite::client_tls(address, stream).map_err(|error| match error {
            tungstenite::HandshakeError::Failure(error) => broken(error),
            // The stream blocks, so a handshake is never interrupted but by its time.
            tungstenite::HandshakeError::Interrupted(_) => LiveError::Silent,
        })?;
        let subscription = match task {
            Some(task) => json!({ "action": "subscribe", "task": task }),
            None => json!({ "action": "subscribe", "tasks": "all" }),
        };
        socket.send(Message::text(subscription.to_string())).map_err(broken)?;
        // The handshake had as long as a connection has; from now on a look is short.
        let tcp = match socket.get_ref() {
            MaybeTlsStream::Plain(stream) => Some(stream),
            MaybeTlsStream::Rustls(stream) => Some(&stream.sock),
            _ => None,
        };
        if let Some(tcp) = tcp {
            tcp.set_read_timeout(Some(LOOK)).map_err(|error| LiveError::NoConnection(url.to_owned(), error))?;
        }
        Ok(Live { socket, heard: Instant::now(), asked: false })
    }
}

impl Live {
    /// The next message, or `None` when there was none for a moment.
    ///
    /// # Errors
    /// When the connection is of no use any more.
    pub fn next_message(&mut self) -> Result<Option<LiveMessage>, LiveError> {
        match self.socket.read() {
            Ok(Message::Text(text)) => {
                (self.heard, self.asked) = (Instant::now(), false);
                serde_json::from_str(&text).map(Some).map_err(LiveError::NotUnderstood)
            }
            Ok(_) => Ok(None),
            Err(tungstenite::Error::Io(error)) if is_time_out(error.kind()) => self.ask_after_silence().map(|()| None),
            Err(error) => Err(broken(error)),
        }
    }

    fn ask_after_silence(&mut self) -> Result<(), LiveError> {
        let silent = self.heard.elapsed();
        if silent >= SILENCE * 2 {
            return Err(LiveError::Silent);
        }
        if silent >= SILENCE && !self.asked {
            self.asked = true;
            self.socket.send(Message::text(r#"{"action":"ping"}"#)).map_err(broken)?;
        }
        Ok(())
    }
}

/// Keeps to the newest: a message that is older than what is known, because it came another way, is passed over.
#[derive(Debug, Default)]
pub struct Newest(std::collections::HashMap<TaskId, Revision>);

impl Newest {
    /// Whether this is news of the task.
    pub fn is_news(&mut self, task: TaskId, revision: Revision) -> bool {
        let known = self.0.entry(task).or_insert(revision);
        let is_news = revision >= *known;
        *known = (*known).max(revision);
        is_news
    }
}

fn connect(url: &str) -> Result<TcpStream, LiveError> {
    let wrong = || LiveError::NotAnAddress(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    let port = match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), Some("ws" | "wss")) => port,
        (None, Some("ws")) => 80,
        (None, Some("wss")) => 443,
        _ => return Err(wrong()),
    };
    let no_connection = |error| LiveError::NoConnection(format!("{host}:{port}"), error);
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let mut last = std::io::Error::from(ErrorKind::NotFound);
    for address in (name, port).to_socket_addrs().map_err(no_connection)? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                let ready = stream.set_read_timeout(Some(CONNECT)).and_then(|()| stream.set_nodelay(true));
                return ready.map(|()| stream).map_err(no_connection);
            }
            Err(error) => last = error,
        }
    }
    Err(no_connection(last))
}

fn is_time_out(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn broken(error: tungstenite::Error) -> LiveError {
    LiveError::Broken(Box::new(error))
}

/// rustls wants to be told once which cryptography to use.
fn with_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that somebody was first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
