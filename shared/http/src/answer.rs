//! What is answered.

use filas_domain::problem::Problem;
use lambda_http::http::header::{HeaderName, HeaderValue};
use lambda_http::{Body, Response};
use serde::Serialize;

/// An answer in the making.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// `body` as JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        Self::with_body(status, "application/json", body)
    }

    /// A document as it is.
    pub fn document(media_type: &str, text: &str) -> Self {
        let body = text.as_bytes().to_vec();
        Self { status: 200, headers: Vec::new(), body }.header("content-type", media_type)
    }

    /// Problem details.
    pub fn problem(problem: &Problem) -> Self {
        let answer = Self::with_body(problem.status, "application/problem+json", problem);
        if problem.status == 401 { answer.header("www-authenticate", "Bearer") } else { answer }
    }

    /// `text` as it is.
    pub fn text(status: u16, media_type: &str, text: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: text.into().into_bytes() }.header("content-type", media_type)
    }

    /// See `location` instead.
    pub fn see_other(location: impl Into<String>) -> Self {
        Self { status: 303, headers: Vec::new(), body: Vec::new() }.header("location", location)
    }

    /// Done, and nothing to say.
    pub const fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn preflight() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new() }
            .header("access-control-allow-methods", "GET, POST, PUT, DELETE, OPTIONS")
            .header("access-control-allow-headers", "authorization, content-type, idempotency-key")
            .header("access-control-max-age", "600")
    }

    fn with_body(status: u16, media_type: &str, body: &impl Serialize) -> Self {
        // The types of the API are plain data: writing them to memory cannot fail.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self { status, headers: Vec::new(), body }.header("content-type", media_type)
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let body = match String::from_utf8(self.body) {
            Ok(text) if text.is_empty() => Body::Empty,
            Ok(text) => Body::Text(text),
            Err(error) => Body::Binary(error.into_bytes()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = lambda_http::http::StatusCode::from_u16(self.status).unwrap_or_default();
        let headers = response.headers_mut();
        // Keys are sent in a header and never by a cookie, so any site may call with a key that it has.
        headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
        headers.insert(
            "access-control-expose-headers",
            HeaderValue::from_static("location, ratelimit, ratelimit-policy, retry-after"),
        );
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}
