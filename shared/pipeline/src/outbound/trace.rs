//! The `traceparent` header of W3C Trace Context: each request is a piece of work of its own, which its batch caused.

use std::hash::{BuildHasher, RandomState};

use filas_domain::trace::TraceParent;
use reqwest::header::{HeaderName, HeaderValue};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static(filas_domain::trace::TRACEPARENT);

/// The header of one request, which no other request has.
pub(crate) fn traceparent(cause: TraceParent) -> Option<HeaderValue> {
    let request = cause.child(&RandomState::new().hash_one("request").to_string());
    HeaderValue::from_str(&request.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_a_span_of_the_trace() {
        let cause = TraceParent::begun_by("a batch");
        let [one, other] = [(); 2].map(|()| traceparent(cause).unwrap().to_str().unwrap().to_owned());
        assert_eq!((&one[..36], &other[..36]), (&cause.to_string()[..36], &cause.to_string()[..36]));
        assert!(one != other && one != cause.to_string(), "{one} {other}");
    }
}
