//! The HTTP clients, two for the process: their connections are kept from batch to batch.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use thiserror::Error;

use super::address::is_public;
use super::allow::{AllowList, VARIABLE};
use super::resolver::PublicOnly;
use crate::error::PipelineError;

/// How long an unused connection is kept. Partners and load balancers commonly close theirs after 60 seconds; the one who
/// closes first is spared a reset.
const KEPT_IDLE: Duration = Duration::from_secs(30);

/// Why there is no HTTP client. Kept as text, because it is told to every pipeline and its cause cannot be copied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct HttpClientError(String);

type Shared = OnceLock<Result<Client, HttpClientError>>;

/// The client for an URL whose host and port no row can change: one that goes anywhere if the installation allows this very
/// place, otherwise one that speaks https with public addresses only.
///
/// # Errors
/// When the URL leads where nobody may go, or no client can be made.
pub(crate) fn client_for(url: &Url, allowed: &AllowList, place: &str) -> Result<Client, PipelineError> {
    static TO_ALLOWED: Shared = OnceLock::new();
    static TO_PUBLIC: Shared = OnceLock::new();
    let client = if allowed.names(url) {
        TO_ALLOWED.get_or_init(|| build(Client::builder()))
    } else {
        check(url).map_err(|message| PipelineError::invalid(place, message))?;
        TO_PUBLIC.get_or_init(|| build(Client::builder().https_only(true).dns_resolver(PublicOnly)))
    };
    client.clone().map_err(PipelineError::HttpClient)
}

/// What can be seen of a URL before its host is resolved. A host that is an address is never resolved, so it is checked
/// here.
fn check(url: &Url) -> Result<(), String> {
    if url.scheme() != "https" {
        return Err(format!("only https goes out, unless {VARIABLE} names the host and port"));
    }
    let literal = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    match literal.parse() {
        Ok(address) if !is_public(address) => {
            Err(format!("{address} is not a public address, and {VARIABLE} does not name it with its port"))
        }
        _ => Ok(()),
    }
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
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(url: &str, allowed: &str) -> String {
        let allowed = AllowList::parse(allowed).unwrap();
        match client_for(&Url::parse(url).unwrap(), &allowed, "here") {
            Ok(_) => "a client".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn insides_need_to_be_allowed() {
        let https_only = "here: only https goes out, unless OUTBOUND_ALLOW names the host and port";
        let inside = |address: &str| {
            format!("here: {address} is not a public address, and OUTBOUND_ALLOW does not name it with its port")
        };
        for (url, allowed, expected) in [
            ("https://partner.example/", "", "a client"),
            ("https://1.1.1.1/", "", "a client"),
            ("https://[2606:4700::1111]/", "", "a client"),
            ("http://partner.example/", "", https_only),
            ("http://partner.example/", "partner.example:80", "a client"),
            ("http://partner.example/", "partner.example:443", https_only),
            ("https://127.0.0.1:4600/", "", &inside("127.0.0.1")),
            ("https://2130706433/", "", &inside("127.0.0.1")),
            ("https://0x7f.1/", "", &inside("127.0.0.1")),
            ("https://169.254.169.254/latest", "", &inside("169.254.169.254")),
            ("https://[::ffff:10.0.0.1]/", "", &inside("::ffff:10.0.0.1")),
            ("http://127.0.0.1:4600/", "127.0.0.1:4600", "a client"),
            ("http://127.0.0.1:4601/", "127.0.0.1:4600", https_only),
        ] {
            assert_eq!(seen(url, allowed), expected, "{url} with {allowed:?}");
        }
    }
}
