//! The `traceparent` header of W3C Trace Context: all requests of a task are one trace.

use std::hash::{BuildHasher, RandomState};

use reqwest::header::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header of one request: version, the task as the trace, a span that no other request has, sampled.
pub(crate) fn traceparent(task: &str) -> Option<HeaderValue> {
    // A span of zeros is no span.
    let span = RandomState::new().hash_one(task).max(1);
    HeaderValue::from_str(&format!("00-{}-{span:016x}-01", trace_id(task))).ok()
}

/// A task's id is a UUID, which has as many digits as a trace. Anything else that tests call a task is made one.
fn trace_id(task: &str) -> String {
    let digits: String = task.chars().filter(|character| *character != '-').collect();
    if digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return digits;
    }
    Sha256::digest(task).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_a_trace_and_each_request_a_span() {
        let task = "018f3c2e-7b1a-7cc2-98c4-dc0c0c07398f";
        let [one, other] = [(); 2].map(|()| traceparent(task).unwrap().to_str().unwrap().to_owned());
        assert!(one.starts_with("00-018f3c2e7b1a7cc298c4dc0c0c07398f-") && one.ends_with("-01"), "{one}");
        assert_eq!((one.len(), &one[..36]), (55, &other[..36]));
        assert_ne!(one, other);
        // The first digits of the SHA-256 of "abc", from FIPS 180-2.
        assert_eq!(trace_id("abc"), "ba7816bf8f01cfea414140de5dae2223");
    }
}
