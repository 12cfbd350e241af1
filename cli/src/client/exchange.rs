//! One request and its answer.

use std::time::Duration;

use filas_domain::problem::Problem;
use serde::de::DeserializeOwned;
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

use super::Client;
use super::error::ClientError;
use crate::words::plain;

/// Longer than the 29 seconds that API Gateway gives a function.
const ANSWER: Duration = Duration::from_secs(60);
/// Between two pieces of a body. The time for a whole body has no bound: files are large and lines are slow.
const PIECE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);
/// How much of an unexpected answer is shown, in characters.
const SHOWN: usize = 300;
/// The largest document that is read into memory, in bytes: a page of 500 batches with all their attempts.
const DOCUMENT: u64 = 64 * 1024 * 1024;

/// Connections, through a proxy where the environment says so, except to this machine itself.
pub(super) struct Transport {
    near: Agent,
    far: Agent,
}

impl Transport {
    pub(super) fn new() -> Self {
        let settings = || {
            Agent::config_builder()
                .http_status_as_error(false)
                // The one redirect of the API leads to the storage, which must not get to see the key.
                .max_redirects(0)
                .max_redirects_will_error(false)
                .user_agent(concat!("filas/", env!("CARGO_PKG_VERSION")))
                .timeout_connect(Some(CONNECT))
                .timeout_recv_response(Some(ANSWER))
                .timeout_per_read(Some(PIECE))
                .timeout_per_write(Some(PIECE))
        };
        Self { near: settings().proxy(None).build().into(), far: settings().build().into() }
    }

    pub(super) fn agent(&self, url: &str) -> &Agent {
        let uri = url.parse::<Uri>().ok();
        match uri.as_ref().and_then(Uri::host) {
            Some("localhost" | "127.0.0.1" | "[::1]") => &self.near,
            _ => &self.far,
        }
    }
}

impl Client {
    /// What the API answered, or what it holds against the request.
    pub(super) fn api_answer<T: DeserializeOwned>(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let place = self.place();
        let bytes = read(accepted(answer, &place)?, &place)?;
        serde_json::from_slice(&bytes).map_err(|source| ClientError::NotUnderstood { place, source })
    }

    /// The API as it is called in messages.
    pub(super) fn place(&self) -> String {
        format!("the API at {}", self.root)
    }
}

/// The storage behind a signed address, as it is called in messages. The signature is a permission and stays out.
pub(super) fn storage(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    match uri.as_ref().and_then(Uri::authority) {
        Some(authority) => format!("the storage at {authority}"),
        None => "the storage".to_owned(),
    }
}

/// The answer if it is a yes (or points on); otherwise what was said.
pub(super) fn accepted(
    answer: Result<Response<Body>, ureq::Error>,
    place: &str,
) -> Result<Response<Body>, ClientError> {
    let answer = answer.map_err(|source| no_answer(place, source))?;
    if answer.status().is_success() || answer.status().is_redirection() {
        return Ok(answer);
    }
    let status = answer.status().as_u16();
    let retry_after = retry_after(&answer);
    let bytes = read(answer, place)?;
    // The word of the answer's own status counts, should the document say another.
    Err(match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => ClientError::Problem { problem: Box::new(Problem { status, ..problem }), retry_after },
        Err(_) => ClientError::Status { place: place.to_owned(), status, text: beginning(&bytes), retry_after },
    })
}

pub(super) fn no_answer(place: &str, source: ureq::Error) -> ClientError {
    ClientError::NoAnswer { place: place.to_owned(), source: Box::new(source) }
}

fn read(mut answer: Response<Body>, place: &str) -> Result<Vec<u8>, ClientError> {
    answer.body_mut().with_config().limit(DOCUMENT).read_to_vec().map_err(|source| no_answer(place, source))
}

/// `Retry-After` in seconds. The other form, a date, would trust this machine's clock; back-off serves for it.
fn retry_after(answer: &Response<Body>) -> Option<Duration> {
    let value = answer.headers().get("retry-after")?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// The beginning of an answer on one line, if it has any text.
fn beginning(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = plain(&words).chars().take(SHOWN).collect();
    (!shown.is_empty()).then_some(shown)
}
