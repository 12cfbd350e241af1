//! Transient or permanent: the one place that tells them apart.

use crate::spec::RetryKind;
use crate::text::{LONGEST_VALUE, on_one_line, shortened};

use super::attempt::Answer;
use super::client::innermost;
use std::time::Duration;

/// What an attempt means for its row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It arrived.
    Delivered,
    /// Another attempt may succeed.
    Transient {
        trouble: Trouble,
        /// How long the partner asks to wait.
        retry_after: Option<Duration>,
    },
    /// No other attempt will.
    Permanent(Trouble),
}

/// Why a row was not delivered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) code: String,
    pub(super) message: String,
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
        let (is_transient, trouble, retry_after) = match attempted {
            Ok(answer) if self.is_expected(answer.status.as_u16()) => return Verdict::Delivered,
            Ok(answer) => (self.retries_status(answer.status.as_u16()), refused(&answer), answer.retry_after),
            Err(error) if error.is_builder() => (false, unsendable(error), None),
            Err(error) if error.is_timeout() => (self.retry.contains(&RetryKind::Timeout), timed_out(), None),
            Err(error) => (self.retry.contains(&RetryKind::Connection), broken(error), None),
        };
        if is_transient { Verdict::Transient { trouble, retry_after } } else { Verdict::Permanent(trouble) }
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

fn refused(answer: &Answer) -> Trouble {
    let mut message = format!("the partner answered {}", answer.status);
    if !answer.excerpt.is_empty() {
        message.push_str(": ");
        message.push_str(&answer.excerpt);
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

fn unsendable(error: reqwest::Error) -> Trouble {
    Trouble { code: "INVALID_REQUEST".to_owned(), message: format!("the request cannot be sent: {}", cause(error)) }
}

fn cause(error: reqwest::Error) -> String {
    shortened(&on_one_line(&innermost(&error.without_url())), LONGEST_VALUE * 2)
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;
    use crate::spec::RetrySpec;

    fn judge(expect: &[u16], status: u16) -> String {
        let retry_after = Some(Duration::from_secs(2));
        let answer = Answer { status: StatusCode::from_u16(status).unwrap(), retry_after, excerpt: "why".into() };
        match Judge::new(expect, &RetrySpec::default().kinds).judge(Ok(answer)) {
            Verdict::Delivered => "delivered".into(),
            Verdict::Transient { trouble, retry_after: Some(_) } => format!("transient {}", trouble.code),
            Verdict::Transient { .. } => "transient, and Retry-After is lost".into(),
            Verdict::Permanent(trouble) => format!("permanent {}: {}", trouble.code, trouble.message),
        }
    }

    #[test]
    fn statuses_are_told_apart() {
        let check = |expect: &[u16], status, expected: &str| assert_eq!(judge(expect, status), expected);
        check(&[], 200, "delivered");
        check(&[], 204, "delivered");
        check(&[200], 204, "permanent HTTP_204: the partner answered 204 No Content: why");
        check(&[200, 409], 409, "delivered");
        check(&[503], 503, "delivered");
        check(&[], 302, "permanent HTTP_302: the partner answered 302 Found: why");
        check(&[], 422, "permanent HTTP_422: the partner answered 422 Unprocessable Entity: why");
        check(&[], 429, "transient HTTP_429");
        check(&[], 500, "transient HTTP_500");
        check(&[], 599, "transient HTTP_599");
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
