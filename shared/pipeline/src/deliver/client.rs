//! The HTTP client, one for the process: its connections are kept from batch to batch.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use thiserror::Error;

/// How long an unused connection is kept. Partners and load balancers commonly close theirs after 60 seconds; the one who
/// closes first is spared a reset.
const KEPT_IDLE: Duration = Duration::from_secs(30);

/// Why there is no HTTP client. Kept as text, because it is told to every pipeline and its cause cannot be copied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct HttpClientError(String);

/// The process's client.
pub(super) fn shared() -> Result<Client, HttpClientError> {
    static CLIENT: OnceLock<Result<Client, HttpClientError>> = OnceLock::new();
    CLIENT.get_or_init(|| build(Client::builder())).clone()
}

fn build(builder: ClientBuilder) -> Result<Client, HttpClientError> {
    // An error says that the process has chosen a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder
        .user_agent(concat!("filas/", env!("CARGO_PKG_VERSION")))
        // A redirect would carry the row to a host that the pipeline does not name.
        .redirect(Policy::none())
        // Deliveries go where the pipeline says, and not by way of a variable in the worker's environment.
        .no_proxy()
        .pool_idle_timeout(KEPT_IDLE)
        .tcp_nodelay(true)
        .build()
        .map_err(|error| HttpClientError(innermost(&error)))
}

/// The last cause of an error. The ones before it only say that something failed, and may name the URL, which holds cells.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
