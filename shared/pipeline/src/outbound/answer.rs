//! One request, and what is read of its answer.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};

use crate::text::{on_one_line, shortened};

/// How much of an answer is read, in bytes. Reading it to the end keeps the connection usable; an endless one is not worth
/// it.
const MOST_READ: usize = 64 * 1024;
/// How much of an answer an excerpt is made of, in bytes.
const EXCERPT_SOURCE: usize = 2 * 1024;
/// The length of an excerpt, in characters.
const LONGEST_EXCERPT: usize = 200;

/// What a partner answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How long the partner asks to wait before the next attempt.
    pub(super) retry_after: Option<Duration>,
    /// The beginning of the body, on one line.
    pub(super) excerpt: String,
}

/// Sends a request and reads its answer. Once the status is there the request counts as answered, whatever becomes of the
/// body.
pub(super) async fn send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status();
    let retry_after = retry_after(response.headers(), SystemTime::now());
    Ok(Answer { status, retry_after, excerpt: excerpt(response).await })
}

async fn excerpt(mut response: Response) -> String {
    let mut beginning = Vec::new();
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        let wanted = EXCERPT_SOURCE.saturating_sub(beginning.len()).min(chunk.len());
        beginning.extend_from_slice(&chunk[..wanted]);
        read += chunk.len();
        if read >= MOST_READ {
            break;
        }
    }
    shortened(&on_one_line(&String::from_utf8_lossy(&beginning)), LONGEST_EXCERPT)
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
