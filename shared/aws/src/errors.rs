//! What an error of the SDK means: whether it may pass, and whether the request may have taken effect all the same.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use filas_domain::ports::PortError;

/// What an error says about the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The service did not do it, and would do it later: a throttle, a conflict.
    Refused,
    /// It is not known whether the service did it: no answer came, or one of trouble inside.
    Unknown,
    /// It will not work until somebody changes something.
    Permanent,
}

impl Meaning {
    /// Whether the trouble may pass by itself.
    pub(crate) const fn is_transient(self) -> bool {
        matches!(self, Self::Refused | Self::Unknown)
    }
}

/// Codes with which a service says that it did nothing and that it is worth asking again.
const REFUSALS: [&str; 14] = [
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "OverLimit",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflict",
    "TransactionConflictException",
];

/// Tells transient from permanent for every error of every service.
pub(crate) fn meaning<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Meaning {
    match error {
        SdkError::ConstructionFailure(_) => Meaning::Permanent,
        // A request that cannot be made: nothing that time heals.
        SdkError::DispatchFailure(failure) if failure.is_user() => Meaning::Permanent,
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => Meaning::Unknown,
        SdkError::ServiceError(answer) => meaning_of_answer(answer.err().code(), answer.raw().status().as_u16()),
        _ => Meaning::Permanent,
    }
}

/// What an answer with this code and status says.
pub(crate) fn meaning_of_answer(code: Option<&str>, status: u16) -> Meaning {
    match (code, status) {
        (Some(code), _) if is_refusal(code) => Meaning::Refused,
        (Some("TransactionInProgressException" | "RequestTimeout" | "InternalError" | "ServiceUnavailable"), _) => {
            Meaning::Unknown
        }
        (_, 429) => Meaning::Refused,
        (_, 500..) => Meaning::Unknown,
        _ => Meaning::Permanent,
    }
}

/// Whether `code` says that nothing was done and that it is worth asking again.
pub(crate) fn is_refusal(code: &str) -> bool {
    REFUSALS.contains(&code)
}

/// The error of a port for an error of the SDK, with its causes.
pub(crate) fn port_error<E>(operation: impl Into<String>, error: SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let meaning = meaning(&error);
    port_error_meaning(operation, error, meaning)
}

/// The error of a port for an error with this meaning.
pub(crate) fn port_error_meaning(
    operation: impl Into<String>,
    error: impl std::error::Error + Send + Sync + 'static,
    meaning: Meaning,
) -> PortError {
    if meaning.is_transient() { PortError::transient(operation, error) } else { PortError::permanent(operation, error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        for (code, status, expected) in [
            (Some("ThrottlingException"), 400, Meaning::Refused),
            (Some("SlowDown"), 503, Meaning::Refused),
            (Some("TransactionConflictException"), 400, Meaning::Refused),
            (None, 429, Meaning::Refused),
            (Some("InternalServerError"), 500, Meaning::Unknown),
            (None, 503, Meaning::Unknown),
            (Some("RequestTimeout"), 400, Meaning::Unknown),
            (Some("AccessDeniedException"), 400, Meaning::Permanent),
            (Some("ResourceNotFoundException"), 400, Meaning::Permanent),
            (Some("NoSuchKey"), 404, Meaning::Permanent),
            (None, 403, Meaning::Permanent),
        ] {
            assert_eq!(meaning_of_answer(code, status), expected, "{code:?} {status}");
        }
    }
}
