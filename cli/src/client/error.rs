//! What can go wrong between this program and the API, and whether it may pass by itself.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use filas_domain::problem::Problem;
use thiserror::Error;

use crate::words::plain;

/// A call that did not work out. No message holds a key or a signed address.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The API or the storage did not answer, or not to the end.
    #[error("no answer from {place}")]
    NoAnswer {
        /// Who should have answered.
        place: String,
        /// What the connection came to.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The API says what is wrong.
    #[error("{}: {}", plain(&.problem.title), plain(&.problem.detail))]
    Problem {
        /// In its words.
        problem: Box<Problem>,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// An answer with a status that means no, and no problem document: a gateway, a proxy, the storage.
    #[error("{place} answered {status}{}", .text.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Status {
        /// Who answered.
        place: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said, made plain.
        text: Option<String>,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// An answer that is not what the API promises: probably something else listens there.
    #[error("{place} answered with something else than Filas does; is the address right?")]
    NotUnderstood {
        /// Who answered.
        place: String,
        /// Where it goes wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The file on this machine is the trouble.
    #[error("cannot {operation} {}", .path.display())]
    File {
        /// What was being done, as in "cannot …".
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file is over the largest that the API takes.
    #[error("{} has {}, and at most {} can be uploaded", .path.display(), crate::words::bytes(*.size), crate::words::bytes(*.allowed))]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The largest size in bytes.
        allowed: u64,
    },
}

/// What to do after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same call gives the same answer.
    GiveUp,
    /// It may pass; wait a little longer each time.
    BackOff,
    /// It may pass, not before this time is over.
    Wait(Duration),
}

impl ClientError {
    /// Whether the trouble may pass by itself.
    pub fn next(&self) -> Next {
        match self {
            Self::NoAnswer { source, .. } if may_pass(source) => Next::BackOff,
            Self::Problem { problem, retry_after } => by_status(problem.status, *retry_after),
            Self::Status { status, retry_after, .. } => by_status(*status, *retry_after),
            _ => Next::GiveUp,
        }
    }

    /// The HTTP status, if there was an answer that says no.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    pub(crate) fn file(operation: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        Self::File { operation, path: path.to_owned(), source }
    }
}

fn by_status(status: u16, retry_after: Option<Duration>) -> Next {
    match (status, retry_after) {
        (429 | 500..=599, Some(wait)) => Next::Wait(wait),
        (429 | 500..=599, None) => Next::BackOff,
        _ => Next::GiveUp,
    }
}

/// Whether a connection may work out the next time. What is wrong with an address or a certificate stays wrong.
fn may_pass(error: &ureq::Error) -> bool {
    use ureq::Error as E;
    matches!(
        error,
        E::Io(_) | E::Timeout(_) | E::HostNotFound | E::ConnectionFailed | E::Protocol(_) | E::ConnectProxyFailed(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, retry_after: Option<u64>) -> ClientError {
        let retry_after = retry_after.map(Duration::from_secs);
        ClientError::Status { place: "the API".into(), status, text: None, retry_after }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        let cases = [
            (status(429, Some(2)), Next::Wait(Duration::from_secs(2))),
            (status(429, None), Next::BackOff),
            (status(503, None), Next::BackOff),
            (status(400, None), Next::GiveUp),
            (status(401, Some(1)), Next::GiveUp),
            (status(422, None), Next::GiveUp),
        ];
        for (error, next) in cases {
            assert_eq!(error.next(), next, "{error}");
        }
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let no_answer = |source| ClientError::NoAnswer { place: "the API".into(), source: Box::new(source) };
        assert_eq!(no_answer(ureq::Error::Io(refused)).next(), Next::BackOff);
        assert_eq!(no_answer(ureq::Error::BadUri("x".into())).next(), Next::GiveUp);
    }

    #[test]
    fn a_problem_is_shown_by_title_and_detail_and_cannot_drive_the_terminal() {
        let problem = Box::new(Problem::not_found("task \u{1b}[2J"));
        let error = ClientError::Problem { problem, retry_after: None };
        assert_eq!(error.to_string(), "Not found: There is no task \u{fffd}[2J.");
    }
}
