//! The partner server: the other side of a delivery, for demos and tests.
//!
//! It is an HTTP/1.1 server with a delivery endpoint (any PUT, POST or PATCH below `/prices/`, `/orders/` or
//! `/deliver/`) and a catalogue (`GET /products/{sku}`). It can be slow, fail, limit, hang and reset as its settings say,
//! and it keeps a journal by idempotency key: what losses and duplicates are counted with. A delivery has its effect once
//! for each key; a repetition gets the first answer with `Idempotent-Replayed: true`, another delivery under the same key
//! 422, one without a key 400.
//!
//! | call | does |
//! | --- | --- |
//! | `GET`, `PUT /_partner/settings` | shows, replaces the settings ([`PartnerSettings`]) |
//! | `GET /_partner/journal?summary` | [`JournalSummary`] |
//! | `GET /_partner/journal` | a [`JournalEntry`] a line |
//! | `DELETE /_partner/journal` | forgets |
//! | `GET /_partner/health` | answers |
//!
//! Rooms: `settings` and `journal` are what is said and remembered, `faults` decides what goes wrong, `catalogue` knows
//! the products, `requests` answers one request, `control` the `/_partner` part of it, and this file listens.

mod catalogue;
mod control;
mod faults;
mod journal;
mod requests;
mod settings;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

pub use catalogue::is_known;
pub use journal::{JournalEntry, JournalSummary};
pub use settings::{InvalidSetting, PartnerSettings};

use faults::FaultSource;
use journal::Journal;

/// What the connections share. A lock is held for a look-up or an insertion, never across a wait.
#[derive(Debug)]
struct Partner {
    journal: Mutex<Journal>,
    behaviour: Mutex<Behaviour>,
}

#[derive(Debug)]
struct Behaviour {
    settings: PartnerSettings,
    faults: FaultSource,
}

impl Partner {
    fn new(settings: PartnerSettings) -> Self {
        let faults = FaultSource::new(settings.seed);
        Self { journal: Mutex::default(), behaviour: Mutex::new(Behaviour { settings, faults }) }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        // A panic elsewhere leaves numbers behind, not a broken structure.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the settings and starts the dice anew from their seed.
    fn set(&self, settings: PartnerSettings) -> Result<(), InvalidSetting> {
        settings.check()?;
        let faults = FaultSource::new(settings.seed);
        *self.behaviour() = Behaviour { settings, faults };
        Ok(())
    }
}

/// A partner server inside this process, on a thread of its own. Dropping it stops it.
#[derive(Debug)]
pub struct PartnerServer {
    address: SocketAddr,
    partner: Arc<Partner>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl PartnerServer {
    /// Starts a well-behaved partner on `address`; port 0 takes a free one. Fails when the address cannot be listened on.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        Self::start_with(address, PartnerSettings::default())
    }

    /// Starts a partner on a free port of this machine.
    pub fn start_local(settings: PartnerSettings) -> io::Result<Self> {
        Self::start_with(SocketAddr::from(([127, 0, 0, 1], 0)), settings)
    }

    /// Starts a partner that behaves as `settings` say. Fails when the address cannot be listened on or a setting makes no
    /// sense.
    pub fn start_with(address: SocketAddr, settings: PartnerSettings) -> io::Result<Self> {
        settings.check().map_err(invalid_input)?;
        let partner = Arc::new(Partner::new(settings));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (report, reported) = mpsc::sync_channel(1);
        let shared = Arc::clone(&partner);
        // A thread of its own: it serves callers with and without a runtime, and a test that blocks does not block it.
        let thread = std::thread::Builder::new().name("partner".into()).spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::bind(address).await;
                let bound = listener.as_ref().map(|_| ());
                let _ = report.send(match (&listener, bound) {
                    (Ok(listener), _) => listener.local_addr(),
                    (Err(error), _) => Err(io::Error::new(error.kind(), error.to_string())),
                });
                if let Ok(listener) = listener {
                    tokio::select! {
                        () = accept_forever(&listener, &shared) => {}
                        _ = stopped => {}
                    }
                }
            });
        })?;
        let address = reported.recv().map_err(|_| io::Error::other("the partner's thread ended at once"))??;
        Ok(Self { address, partner, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How it behaves now.
    pub fn settings(&self) -> PartnerSettings {
        self.partner.behaviour().settings.clone()
    }

    /// Changes how it behaves, from the next request on. Fails when a setting makes no sense.
    pub fn set(&self, settings: PartnerSettings) -> Result<(), InvalidSetting> {
        self.partner.set(settings)
    }

    /// What it received, in numbers.
    pub fn summary(&self) -> JournalSummary {
        self.partner.journal().summary()
    }

    /// What it received, by key, in the order of the keys.
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.partner.journal().entries()
    }

    /// Forgets what it received.
    pub fn clear(&self) {
        self.partner.journal().clear();
    }

    /// Stops it: connections are cut, the port is free when this returns.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for PartnerServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the server's thread has printed itself; a destructor can add nothing.
            let _ = thread.join();
        }
    }
}

/// Runs a partner on `address` until the process ends. `ready` gets the address once it listens. Fails when the address
/// cannot be listened on or a setting makes no sense.
pub async fn serve_forever(
    address: SocketAddr,
    settings: PartnerSettings,
    ready: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    settings.check().map_err(invalid_input)?;
    let listener = TcpListener::bind(address).await?;
    ready(listener.local_addr()?);
    accept_forever(&listener, &Arc::new(Partner::new(settings))).await;
    Ok(())
}

fn invalid_input(error: InvalidSetting) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

async fn accept_forever(listener: &TcpListener, partner: &Arc<Partner>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve_connection(stream, Arc::clone(partner)));
            }
            // Out of file descriptors, most likely: without a pause this would spin until one is closed.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
}

/// Serves the requests of one connection. A request that is to be reset makes its service fail, and the connection is then
/// dropped with zero linger, for which TCP sends a reset.
async fn serve_connection(stream: TcpStream, partner: Arc<Partner>) {
    // Answers are small and single: waiting for more to send would only add 40 ms.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| requests::answer(Arc::clone(&partner), request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if Pin::new(&mut connection).await.is_err() {
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}
