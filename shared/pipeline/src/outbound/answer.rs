//! One request, and what is read of its answer.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};

use crate::text::{on_one_line, shortened};

/// How much of an answer is read that nobody needs, in bytes. Reading it to the end keeps the connection usable; an endless
/// one is not worth it.
pub(crate) const EXCERPT_READ: usize = 64 * 1024;
/// How much of an answer is read where its content counts, in bytes.
pub(crate) const CONTENT_READ: usize = 1024 * 1024;
/// How much of an answer an excerpt is made of, in bytes.
const EXCERPT_SOURCE: usize = 2 * 1024;
/// The length of an excerpt, in characters.
const LONGEST_EXCERPT: usize = 200;

/// What a partner answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// How long the partner asks to wait before the next attempt.
    pub(crate) retry_after: Option<Duration>,
    /// The body, as far as it was read.
    pub(crate) body: Vec<u8>,
    /// Whether that is all of it.
    pub(crate) is_whole: bool,
}

impl Answer {
    /// The beginning of the body, on one line.
    pub(super) fn excerpt(&self) -> String {
        let beginning = &self.body[..self.body.len().min(EXCERPT_SOURCE)];
        shortened(&on_one_line(&String::from_utf8_lossy(beginning)), LONGEST_EXCERPT)
    }
}

/// Sends a request and reads up to `most` bytes of its answer. Once the status is there the request counts as answered,
/// whatever becomes of the body.
pub(crate) async fn send(request: RequestBuilder, most: usize) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status();
    let retry_after = retry_after(response.headers(), SystemTime::now());
    let headers = response.headers().clone();
    let (body, is_whole) = read(response, most).await;
    Ok(Answer { status, headers, retry_after, body, is_whole })
}

async fn read(mut response: Response, most: usize) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > most => return (body, false),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, true),
            Err(_) => return (body, false),
        }
    }
}

/// `Retry-After` as RFC 9110, section 10.2.3 has it: seconds, or the date of the next attempt.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // A date in the past asks for no wait.
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let check = |value: &str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{value}");
        };
        check("0", Some(0));
        check(" 120 ", Some(120));
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10));
        check("Sun, 06 Nov 1994 08:49:27 GMT", Some(0));
        check("Sunday, 06-Nov-94 08:50:37 GMT", Some(60));
        check("1.5", None);
        check("soon", None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
