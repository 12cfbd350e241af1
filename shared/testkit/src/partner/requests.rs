//! One request to one answer, or to none.

use std::fmt;
use std::future::pending;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::faults::Fate;
use super::journal::Applied;
use super::{Partner, catalogue, control};

/// The largest body taken, in bytes.
const LARGEST_BODY: usize = 4 * 1024 * 1024;
/// The longest idempotency key taken, in bytes.
const LONGEST_KEY: usize = 255;
const DELIVERY_PATHS: [&str; 3] = ["/prices/", "/orders/", "/deliver/"];
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// An answer with its whole body.
pub(super) type Answer = Response<Full<Bytes>>;

/// The connection is to be reset: the only error that a request ends with.
#[derive(Debug)]
pub(super) struct ResetConnection;

impl fmt::Display for ResetConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the settings ask for a reset")
    }
}

impl std::error::Error for ResetConnection {}

/// Answers one request.
pub(super) async fn answer(partner: Arc<Partner>, request: Request<Incoming>) -> Result<Answer, ResetConnection> {
    let path = request.uri().path();
    let is_delivery = DELIVERY_PATHS.iter().any(|prefix| path.starts_with(prefix));
    if path.starts_with("/_partner/") {
        Ok(control::answer(&partner, request).await)
    } else if is_delivery {
        match *request.method() {
            Method::PUT | Method::POST | Method::PATCH => deliver(partner, request).await,
            _ => Ok(problem(StatusCode::METHOD_NOT_ALLOWED, "deliver with PUT, POST or PATCH")),
        }
    } else if let Some(sku) = path.strip_prefix("/products/") {
        let sku = sku.to_owned();
        look_up(&partner, &sku).await
    } else {
        Ok(problem(StatusCode::NOT_FOUND, "there is nothing at this path"))
    }
}

/// Counts a delivery as under way for as long as it lives, even when its connection is dropped in the middle.
struct UnderWay(Arc<Partner>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.journal().end();
    }
}

/// What one delivery carries.
struct Delivery {
    key: String,
    path: String,
    fingerprint: u64,
    created: bool,
}

async fn deliver(partner: Arc<Partner>, request: Request<Incoming>) -> Result<Answer, ResetConnection> {
    let Some(key) = idempotency_key(&request) else {
        partner.journal().refused_without_key(StatusCode::BAD_REQUEST.as_u16());
        return Ok(problem(StatusCode::BAD_REQUEST, "a delivery needs an Idempotency-Key of 1 to 255 bytes"));
    };
    let nth_of_key = partner.journal().begin(&key);
    let under_way = UnderWay(Arc::clone(&partner));
    let created = request.method() == Method::POST;
    let path = request.uri().path().to_owned();
    let mut hasher = DefaultHasher::new();
    hasher.write(request.method().as_str().as_bytes());
    hasher.write(path.as_bytes());
    let body = match read_body(request.into_body()).await {
        Ok(body) => body,
        Err(refusal) => return Ok(answered(&partner, &key, refusal)),
    };
    hasher.write(&body);
    let delivery = Delivery { key, path, fingerprint: hasher.finish(), created };
    let (settings, fate) = decide(&partner);
    match fate {
        Fate::Limited { retry_after_seconds } => {
            Ok(answered(&partner, &delivery.key, too_many_requests(retry_after_seconds)))
        }
        Fate::Hang => {
            if settings.hang_after_effect {
                apply(&partner, &delivery);
            }
            partner.journal().hung();
            pending().await
        }
        Fate::Reset => {
            if settings.reset_after_effect {
                apply(&partner, &delivery);
            }
            partner.journal().reset();
            Err(ResetConnection)
        }
        Fate::Answer { after } | Fate::Error { after } => {
            let fails = matches!(fate, Fate::Error { .. }) || nth_of_key <= u64::from(settings.fail_first);
            let error = fails.then_some(settings.error_status);
            Ok(work(under_way, delivery, after, error).await)
        }
    }
}

/// Does the delivery's work. It goes on when the caller has hung up: a partner notices that only when it answers.
async fn work(under_way: UnderWay, delivery: Delivery, after: Duration, error: Option<u16>) -> Answer {
    let finish = move |under_way: UnderWay| match error {
        Some(status) => answered(&under_way.0, &delivery.key, failure(status)),
        None => {
            let answer = apply(&under_way.0, &delivery);
            answered(&under_way.0, &delivery.key, answer)
        }
    };
    if after.is_zero() {
        return finish(under_way);
    }
    let task = tokio::spawn(async move {
        tokio::time::sleep(after).await;
        finish(under_way)
    });
    task.await.unwrap_or_else(|_| failure(500))
}

/// Draws what becomes of the next request.
fn decide(partner: &Partner) -> (super::PartnerSettings, Fate) {
    let mut behaviour = partner.behaviour();
    let settings = behaviour.settings.clone();
    let fate = behaviour.faults.next_fate(&settings, Instant::now());
    (settings, fate)
}

/// Lets the delivery have its effect, if it is the first of its key, and gives the answer.
fn apply(partner: &Partner, delivery: &Delivery) -> Answer {
    let status = if delivery.created { StatusCode::CREATED } else { StatusCode::OK };
    let accepted = |receipt: u64| json_answer(status, &json!({"accepted": true, "receipt": receipt}));
    match partner.journal().apply(&delivery.key, delivery.fingerprint, &delivery.path) {
        Applied::First { receipt } => accepted(receipt),
        Applied::Replay { receipt } => {
            let mut answer = accepted(receipt);
            answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            answer
        }
        Applied::Conflict => {
            problem(StatusCode::UNPROCESSABLE_ENTITY, "this Idempotency-Key was used for another delivery")
        }
    }
}

/// Notes in the journal how a delivery is answered.
fn answered(partner: &Partner, key: &str, answer: Answer) -> Answer {
    partner.journal().answered(key, answer.status().as_u16());
    answer
}

async fn look_up(partner: &Partner, sku: &str) -> Result<Answer, ResetConnection> {
    partner.journal().looked_up();
    let (settings, fate) = decide(partner);
    match fate {
        Fate::Limited { retry_after_seconds } => Ok(too_many_requests(retry_after_seconds)),
        Fate::Hang => pending().await,
        Fate::Reset => Err(ResetConnection),
        Fate::Error { after } => {
            tokio::time::sleep(after).await;
            Ok(failure(settings.error_status))
        }
        Fate::Answer { after } => {
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            Ok(match catalogue::product(&percent_decoded(sku)) {
                Some(product) => json_answer(StatusCode::OK, &product),
                None => problem(StatusCode::NOT_FOUND, "the catalogue has no such product"),
            })
        }
    }
}

fn idempotency_key(request: &Request<Incoming>) -> Option<String> {
    let key = request.headers().get("idempotency-key")?.to_str().ok()?;
    (1..=LONGEST_KEY).contains(&key.len()).then(|| key.to_owned())
}

/// The whole body, or the answer that refuses it.
pub(super) async fn read_body(body: Incoming) -> Result<Bytes, Answer> {
    match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(problem(StatusCode::PAYLOAD_TOO_LARGE, "a body may have 4 MiB"))
        }
        Err(_) => Err(problem(StatusCode::BAD_REQUEST, "the body ended early")),
    }
}

/// An answer with a JSON body.
pub(super) fn json_answer(status: StatusCode, body: &serde_json::Value) -> Answer {
    text_answer(status, "application/json", body.to_string())
}

/// An answer that says what is wrong, as RFC 9457 has it.
pub(super) fn problem(status: StatusCode, detail: &str) -> Answer {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = json!({"title": title, "status": status.as_u16(), "detail": detail});
    text_answer(status, "application/problem+json", body.to_string())
}

/// An answer with a body of the given type.
pub(super) fn text_answer(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

fn failure(status: u16) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    problem(status, "the settings ask for this failure")
}

fn too_many_requests(retry_after_seconds: u64) -> Answer {
    let mut answer = problem(StatusCode::TOO_MANY_REQUESTS, "more requests a second than the settings allow");
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds));
    answer
}

/// `text` with its percent escapes resolved; what is no escape stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
