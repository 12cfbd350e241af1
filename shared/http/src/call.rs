//! One request of a known owner.

use filas_domain::Owner;
use filas_domain::access::Caller;
use filas_domain::limits::FILENAME_BYTES;
use filas_domain::problem::Problem;
use filas_domain::trace::{TRACEPARENT, TraceParent};
use lambda_http::http::Method;
use lambda_http::{Body, Request, RequestExt};
use serde::de::DeserializeOwned;

/// One request of a known owner.
#[derive(Debug)]
pub struct Call {
    /// Whose things the caller sees and touches.
    pub owner: Owner,
    /// Who calls.
    pub caller: Caller,
    /// What caused the call, where the caller says so.
    pub cause: Option<TraceParent>,
    request: Request,
    request_id: String,
}

/// The path from the version on: stages, custom domains and emulators put different things before it.
pub(crate) fn api_path(path: &str) -> &str {
    path.find("/v1/").map_or(path, |start| &path[start..])
}

/// What a request says of its cause; what is no `traceparent` says nothing, as W3C Trace Context wants.
pub(crate) fn cause_of(request: &Request) -> Option<TraceParent> {
    request.headers().get(TRACEPARENT)?.to_str().ok()?.parse().ok()
}

/// Whether what was sent as `name`, if anything, is a plain text.
///
/// # Errors
/// When it is empty, too long, or has control characters.
pub fn plain(name: &str, text: Option<&str>) -> Result<(), Problem> {
    let is_plain = |text: &str| (1..=FILENAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    if text.is_none_or(is_plain) {
        return Ok(());
    }
    Err(Problem::bad_request(format!("{name} has 1 to {FILENAME_BYTES} bytes and no control characters.")))
}

impl Call {
    pub(crate) fn new(caller: Caller, request: Request, request_id: &str) -> Self {
        let cause = cause_of(&request);
        Self { owner: caller.owner.clone(), caller, cause, request, request_id: request_id.to_owned() }
    }

    /// The call itself: a part of what caused it, or else where a trace begins.
    pub fn trace(&self) -> TraceParent {
        self.cause.map_or_else(|| TraceParent::begun_by(&self.request_id), |cause| cause.child(&self.request_id))
    }

    /// The method.
    pub fn method(&self) -> &Method {
        self.request.method()
    }

    /// The path's segments after `/v1`.
    pub fn segments(&self) -> Vec<&str> {
        let path = api_path(self.request.uri().path()).trim_end_matches('/');
        path.strip_prefix("/v1/").unwrap_or_default().split('/').collect()
    }

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        self.request.query_string_parameters().first(name).map(str::to_owned)
    }

    /// A parameter of the query as a number within `range`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<u32>) -> Result<Option<u32>, Problem> {
        let Some(text) = self.query(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(Problem::bad_request(format!(
                "{name} is a whole number from {} to {}.",
                range.start(),
                range.end()
            ))),
        }
    }

    /// A parameter of the query that is a plain text, as a name is.
    ///
    /// # Errors
    /// When it is empty, too long, or has control characters.
    pub fn plain(&self, name: &str) -> Result<Option<String>, Problem> {
        let text = self.query(name);
        plain(name, text.as_deref())?;
        Ok(text)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The body's bytes.
    pub fn body(&self) -> &[u8] {
        match self.request.body() {
            Body::Text(text) => text.as_bytes(),
            Body::Binary(bytes) => bytes,
            _ => &[],
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON of that shape; the detail says where.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(self.body()).map_err(|error| Problem::bad_request(format!("The body: {error}.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_before_the_version_does_not_matter() {
        for path in ["/v1/tasks", "/prod/v1/tasks", "/restapis/abc/v1x/_user_request_/v1/tasks"] {
            assert_eq!(api_path(path), "/v1/tasks", "{path}");
        }
        assert_eq!(api_path("/other"), "/other");
    }
}
