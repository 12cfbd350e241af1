//! What the error of a transaction means. Its reasons come one for each action, and a retry depends on all of them.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use filas_domain::ports::PortError;

use crate::errors::{Meaning, is_refusal, meaning, port_error_meaning};

type TransactionError = SdkError<TransactWriteItemsError, HttpResponse>;

/// Whether a condition failed: somebody else wrote first.
pub(crate) fn is_stale(error: &TransactionError) -> bool {
    reasons(error).any(|reason| reason == "ConditionalCheckFailed")
}

/// As [`meaning`], and for a cancelled transaction what its reasons say: a failed condition is final whatever else there
/// is, for what was read has to be read again anyway.
pub(crate) fn meaning_of_transaction(error: &TransactionError) -> Meaning {
    if is_stale(error) {
        Meaning::Permanent
    } else if reasons(error).any(is_refusal) {
        Meaning::Refused
    } else {
        meaning(error)
    }
}

/// The error of a port for the error of a transaction.
pub(crate) fn transaction_error(operation: &str, error: TransactionError) -> PortError {
    let meaning = meaning_of_transaction(&error);
    port_error_meaning(operation, error, meaning)
}

/// The codes for which a transaction was cancelled. An action that was not in the way has `None`, as a text.
fn reasons(error: &TransactionError) -> impl Iterator<Item = &str> {
    let cancelled = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => Some(cancelled),
        _ => None,
    };
    cancelled.into_iter().flat_map(|cancelled| cancelled.cancellation_reasons()).filter_map(|reason| reason.code())
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::CancellationReason;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;

    use super::*;

    fn check(codes: &[&str], stale: bool, expected: Meaning) {
        let reasons = codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect();
        let cancelled = TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons)).build();
        let raw = HttpResponse::new(400.try_into().unwrap(), "".into());
        let error = SdkError::service_error(TransactWriteItemsError::TransactionCanceledException(cancelled), raw);
        assert_eq!((is_stale(&error), meaning_of_transaction(&error)), (stale, expected), "{codes:?}");
        assert_eq!(transaction_error("write", error).is_transient(), expected.is_transient());
    }

    #[test]
    fn the_reasons_decide() {
        check(&["None", "ConditionalCheckFailed"], true, Meaning::Permanent);
        check(&["TransactionConflict", "ConditionalCheckFailed"], true, Meaning::Permanent);
        check(&["TransactionConflict", "None"], false, Meaning::Refused);
        check(&["None", "ThrottlingError"], false, Meaning::Refused);
        check(&["ValidationError", "None"], false, Meaning::Permanent);
        check(&[], false, Meaning::Permanent);
    }
}
