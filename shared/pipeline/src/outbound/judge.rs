//! Transient or permanent: the one place that tells them apart.

use std::time::Duration;

use reqwest::StatusCode;

use crate::spec::RetryKind;
use crate::text::{LONGEST_VALUE, on_one_line, shortened};

use super::answer::Answer;
use super::client::innermost;
use super::resolver::NotPublic;

/// What an attempt means for its row.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was answered as expected.
    Expected(Answer),
    /// Another attempt may succeed.
    Transient {
        trouble: Trouble,
        /// How long the partner asks everyone to wait.
        retry_after: Option<Duration>,
        health: Health,
    },
    /// No other attempt will.
    Permanent { trouble: Trouble, health: Health },
    /// The partner does not know us: a secret may have been rotated.
    Unauthorized(Trouble),
}

/// What an attempt says of the partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It is there, whatever it thinks of the row.
    Up,
    /// It did not answer, or is in trouble.
    Down,
    /// Nothing: it was not asked, or only has too much to do.
    Unknown,
}

/// Why a request did not get the answer that was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// What the pipeline expects, and what it tries again.
#[derive(Debug)]
pub(super) struct Judge {
    expect: Vec<u16>,
    retry: Vec<RetryKind>,
}

impl Judge {
    /// Expects these statuses (every 2xx when there are none) and tries again after these kinds of trouble.
    pub(super) fn new(expect: &[u16], retry: &[RetryKind]) -> Self {
        Self { expect: expect.to_vec(), retry: retry.to_vec() }
    }

    /// What an attempt means for its row.
    pub(super) fn judge(&self, attempted: Result<Answer, reqwest::Error>) -> Verdict {
        match attempted {
            Ok(answer) if self.is_expected(answer.status.as_u16()) => Verdict::Expected(answer),
            Ok(answer) => self.judge_refusal(&answer),
            Err(error) => self.judge_error(error),
        }
    }

    fn judge_refusal(&self, answer: &Answer) -> Verdict {
        let trouble = refused(answer);
        let health = match answer.status {
            StatusCode::TOO_MANY_REQUESTS => Health::Unknown,
            status if status.is_server_error() => Health::Down,
            _ => Health::Up,
        };
        if self.retries_status(answer.status.as_u16()) {
            return Verdict::Transient { trouble, retry_after: pause_for_all(answer), health };
        }
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Verdict::Unauthorized(trouble),
            _ => Verdict::Permanent { trouble, health },
        }
    }

    fn judge_error(&self, error: reqwest::Error) -> Verdict {
        let is_timeout = error.is_timeout();
        let trouble = match () {
            () if leads_inside(&error) => return unknown(forbidden(error)),
            () if error.is_builder() => return unknown(unsendable(error)),
            () if is_timeout => timed_out(),
            () => broken(error),
        };
        let kind = if is_timeout { RetryKind::Timeout } else { RetryKind::Connection };
        match self.retry.contains(&kind) {
            true => Verdict::Transient { trouble, retry_after: None, health: Health::Down },
            false => Verdict::Permanent { trouble, health: Health::Down },
        }
    }

    fn is_expected(&self, status: u16) -> bool {
        if self.expect.is_empty() { (200..300).contains(&status) } else { self.expect.contains(&status) }
    }

    fn retries_status(&self, status: u16) -> bool {
        self.retry.iter().any(|kind| match *kind {
            RetryKind::Status(one) => one == status,
            RetryKind::StatusClass(class) => status / 100 == class,
            RetryKind::Timeout | RetryKind::Connection => false,
        })
    }
}

/// What the partner asks of everyone: RFC 9110 has `Retry-After` with 503, RFC 6585 with 429.
fn pause_for_all(answer: &Answer) -> Option<Duration> {
    let asks = matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    answer.retry_after.filter(|_| asks)
}

fn unknown(trouble: Trouble) -> Verdict {
    Verdict::Permanent { trouble, health: Health::Unknown }
}

/// Whether the request ended before it began, because the name leads inside.
fn leads_inside(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn refused(answer: &Answer) -> Trouble {
    let mut message = format!("the partner answered {}", answer.status);
    let excerpt = answer.excerpt();
    if !excerpt.is_empty() {
        message.push_str(": ");
        message.push_str(&excerpt);
    }
    Trouble { code: format!("HTTP_{}", answer.status.as_u16()), message }
}

fn timed_out() -> Trouble {
    Trouble { code: "TIMEOUT".to_owned(), message: "the partner did not answer in time".to_owned() }
}

fn broken(error: reqwest::Error) -> Trouble {
    let what = if error.is_connect() { "no connection to the partner" } else { "the connection to the partner broke" };
    Trouble { code: "CONNECTION".to_owned(), message: format!("{what}: {}", cause(error)) }
}

fn forbidden(error: reqwest::Error) -> Trouble {
    Trouble { code: "OUTBOUND_REFUSED".to_owned(), message: cause(error) }
}

fn unsendable(error: reqwest::Error) -> Trouble {
    Trouble { code: "INVALID_REQUEST".to_owned(), message: format!("the request cannot be sent: {}", cause(error)) }
}

fn cause(error: reqwest::Error) -> String {
    shortened(&on_one_line(&innermost(&error.without_url())), LONGEST_VALUE * 2)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::spec::RetrySpec;

    fn judge(expect: &[u16], status: u16) -> String {
        let retry_after = Some(Duration::from_secs(2));
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: HeaderMap::new(), retry_after, body: b"why".to_vec(), is_whole: true };
        match Judge::new(expect, &RetrySpec::default().kinds).judge(Ok(answer)) {
            Verdict::Expected(_) => "expected".into(),
            Verdict::Transient { trouble, retry_after, health } => {
                let wait = retry_after.map_or("", |_| ", everyone waits");
                format!("transient {}, {health:?}{wait}", trouble.code)
            }
            Verdict::Permanent { trouble, health } => {
                format!("permanent {health:?} {}: {}", trouble.code, trouble.message)
            }
            Verdict::Unauthorized(trouble) => format!("unauthorized {}", trouble.code),
        }
    }

    #[test]
    fn statuses_are_told_apart() {
        let check = |expect: &[u16], status, expected: &str| assert_eq!(judge(expect, status), expected);
        check(&[], 200, "expected");
        check(&[], 204, "expected");
        check(&[200], 204, "permanent Up HTTP_204: the partner answered 204 No Content: why");
        check(&[200, 409], 409, "expected");
        check(&[503], 503, "expected");
        check(&[], 302, "permanent Up HTTP_302: the partner answered 302 Found: why");
        check(&[], 422, "permanent Up HTTP_422: the partner answered 422 Unprocessable Entity: why");
        check(&[], 401, "unauthorized HTTP_401");
        check(&[], 403, "unauthorized HTTP_403");
        check(&[403], 403, "expected");
        check(&[], 429, "transient HTTP_429, Unknown, everyone waits");
        check(&[], 500, "transient HTTP_500, Down");
        check(&[], 503, "transient HTTP_503, Down, everyone waits");
        check(&[], 599, "transient HTTP_599, Down");
    }

    #[test]
    fn the_file_says_what_is_tried_again() {
        let retries = |kinds: &[RetryKind], status| Judge::new(&[], kinds).retries_status(status);
        assert!(retries(&[RetryKind::Status(409)], 409));
        assert!(!retries(&[RetryKind::Status(429)], 503));
        assert!(retries(&[RetryKind::StatusClass(4)], 404));
        assert!(!retries(&[RetryKind::Timeout, RetryKind::Connection], 500));
    }
}
