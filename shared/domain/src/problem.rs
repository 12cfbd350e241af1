//! Errors as the API shows them: RFC 9457 problem details.

use serde::{Deserialize, Serialize};

/// `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Problem {
    /// Which kind of problem: a name under `/problems/` in the documents.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = Self::KINDS.map(|kind| format!("/problems/{kind}"))))]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here and what to do.
    pub detail: String,
}

impl Problem {
    /// Every kind, each of which docs/API.md explains.
    pub const KINDS: [&str; 13] = [
        "bad-request",
        "unauthorized",
        "not-found",
        "conflict",
        "too-large",
        "unknown-pipeline",
        "unusable-pipeline",
        "another-name",
        "unreadable-file",
        "idempotency-key-reused",
        "gone",
        "not-ready",
        "internal",
    ];

    /// A problem of the kind `name`.
    pub fn new(status: u16, name: &str, title: &str, detail: impl Into<String>) -> Self {
        Self { kind: format!("/problems/{name}"), title: title.to_owned(), status, detail: detail.into() }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad-request", "The request cannot be understood", detail)
    }

    /// 401: no key, or none that is known.
    pub fn unauthorized() -> Self {
        Self::new(401, "unauthorized", "A key is needed", "Send the header Authorization: Bearer YOUR_KEY.")
    }

    /// 400: a cursor that no page had.
    pub fn unknown_cursor() -> Self {
        Self::bad_request("Send the next_cursor of a page as cursor, as it is.")
    }

    /// 404: not there, or somebody else's.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(404, "not-found", "Not found", format!("There is no {what}."))
    }

    /// 409: the thing is in a state in which this cannot be done.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(409, "conflict", "Not possible in this state", detail)
    }

    /// 413: the body is over a limit.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(413, "too-large", "The body is too large", detail)
    }

    /// 422: understood, but not possible as asked.
    pub fn unprocessable(name: &str, title: &str, detail: impl Into<String>) -> Self {
        Self::new(422, name, title, detail)
    }

    /// 500: our trouble; the details are in the logs under the request id.
    pub fn internal(request_id: &str) -> Self {
        Self::new(
            500,
            "internal",
            "Something went wrong on our side",
            format!("It may help to try again. The logs have the details under request id {request_id}."),
        )
    }
}
