//! The `/_partner` paths: health, settings and journal.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::json;

use super::requests::{Answer, json_answer, problem, read_body, text_answer};
use super::{Partner, PartnerSettings};

/// Answers one request below `/_partner/`. Faults never apply to them.
pub(super) async fn answer(partner: &Partner, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let summary_only =
        request.uri().query().is_some_and(|query| query.split('&').any(|part| part.starts_with("summary")));
    match (request.method(), path.as_str()) {
        (&Method::GET, "/_partner/health") => json_answer(StatusCode::OK, &json!({"status": "up"})),
        (&Method::GET, "/_partner/settings") => {
            let settings = partner.behaviour().settings.clone();
            shown(serde_json::to_string(&settings), "application/json")
        }
        (&Method::PUT, "/_partner/settings") => replace_settings(partner, request.into_body()).await,
        (&Method::GET, "/_partner/journal") if summary_only => {
            shown(serde_json::to_string(&partner.journal().summary()), "application/json")
        }
        (&Method::GET, "/_partner/journal") => shown(partner.journal().entries_ndjson(), "application/x-ndjson"),
        (&Method::DELETE, "/_partner/journal") => {
            partner.journal().clear();
            text_answer(StatusCode::NO_CONTENT, "application/json", String::new())
        }
        _ => problem(StatusCode::NOT_FOUND, "there is no such call below /_partner"),
    }
}

async fn replace_settings(partner: &Partner, body: Incoming) -> Answer {
    let body = match read_body(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let settings = match serde_json::from_slice::<PartnerSettings>(&body) {
        Ok(settings) => settings,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match partner.set(settings.clone()) {
        Ok(()) => shown(serde_json::to_string(&settings), "application/json"),
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn shown(body: Result<String, serde_json::Error>, content_type: &'static str) -> Answer {
    match body {
        Ok(body) => text_answer(StatusCode::OK, content_type, body),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
