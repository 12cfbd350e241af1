//! What the HTTP functions have in common: who calls, what is asked, and how it is answered.
//!
//! Every request goes through [`serve`]: it answers preflights, has a [`Gate`] tell who calls, sees in the table of
//! [routes](filas_domain::access::routes) whether they may do that, logs one line, and turns a [`Problem`] or an error into
//! problem details. A handler never sees a request without an owner, nor one that its key is not for.
//!
//! * [`gate`]: who is let in
//! * [`guard`]: the gate of an installation: keys, tokens, rates
//! * [`token`]: tokens of an OIDC issuer

mod answer;
mod call;
pub mod gate;
pub mod guard;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod tests;
pub mod token;

use std::error::Error;
use std::future::Future;

use filas_domain::access::routes::{self, Route};
use filas_domain::error_chain;
use filas_domain::ports::PortError;
use filas_domain::problem::Problem;
use lambda_http::http::Method;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use tracing::{Instrument as _, error, info, info_span};

pub use answer::Answer;
pub use call::{Call, plain};
pub use gate::{Admitted, Gate};
pub use guard::Guard;

/// The API as an OpenAPI 3.1 document.
pub const OPENAPI: &str = include_str!("../../../docs/openapi.json");

/// Why a handler has no answer: the caller's fault, or ours.
#[derive(Debug)]
pub enum Refusal {
    /// Something is wrong with the request.
    Problem(Problem),
    /// Not now: an answer that says more than a problem can, as when to come again.
    Answer(Box<Answer>),
    /// Something is wrong with us. The caller gets a request id, the log the chain of causes.
    Trouble(Box<dyn Error + Send + Sync>),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<PortError> for Refusal {
    fn from(error: PortError) -> Self {
        Self::trouble(error)
    }
}

impl Refusal {
    /// Our own fault.
    pub fn trouble(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Trouble(Box::new(error))
    }

    fn into_answer(self, request_id: &str) -> Answer {
        match self {
            Self::Problem(problem) => Answer::problem(&problem),
            Self::Answer(answer) => *answer,
            Self::Trouble(trouble) => {
                error!(error = %error_chain(&*trouble), "a request failed");
                Answer::problem(&Problem::internal(request_id))
            }
        }
    }
}

/// Answers one request: preflight, authentication, authorisation, `handle`, and what went wrong as problem details. The
/// OpenAPI document is for everybody.
pub async fn serve<F, A>(request: Request, gate: &impl Gate, handle: F) -> Response<Body>
where
    F: FnOnce(Call) -> A,
    A: Future<Output = Result<Answer, Refusal>>,
{
    let request_id = request_id(&request);
    let (method, path) = (request.method().clone(), call::api_path(request.uri().path()).to_owned());
    let trace_id = call::cause_of(&request).map(|cause| cause.trace_id());
    // Everything that is logged meanwhile says which request it is for.
    let span = info_span!("request", request_id, %method, path, trace_id);
    answered(request, gate, (&method, &path, &request_id), handle).instrument(span).await
}

async fn answered<F, A>(
    request: Request,
    gate: &impl Gate,
    (method, path, request_id): (&Method, &str, &str),
    handle: F,
) -> Response<Body>
where
    F: FnOnce(Call) -> A,
    A: Future<Output = Result<Answer, Refusal>>,
{
    let answer = match (method, path) {
        (&Method::OPTIONS, _) => Ok(Answer::preflight()),
        (&Method::GET, "/v1/openapi.json") => Ok(Answer::document("application/json", OPENAPI)),
        _ => {
            let route = routes::find(method.as_str(), path);
            authorised(request, gate, route, request_id, handle).await
        }
    };
    let answer = answer.unwrap_or_else(|refusal| refusal.into_answer(request_id));
    info!(status = answer.status(), "request answered");
    answer.into_response()
}

async fn authorised<F, A>(
    request: Request,
    gate: &impl Gate,
    route: Option<&Route>,
    request_id: &str,
    handle: F,
) -> Result<Answer, Refusal>
where
    F: FnOnce(Call) -> A,
    A: Future<Output = Result<Answer, Refusal>>,
{
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let Admitted { caller, headers } = gate.admit(authorization).await?;
    // A call that is not in the table needs nobody knows what, so it reaches no handler.
    let answer = match route {
        None => Err(Problem::not_found("such call").into()),
        Some(Route { scope: Some(scope), .. }) if !caller.scopes.has(*scope) => {
            let has: Vec<_> = caller.scopes.iter().map(|scope| scope.as_str()).collect();
            let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
            let needed = scope.as_str();
            Err(Problem::forbidden(format!("This call needs the scope {needed}, and the key has {has}.")).into())
        }
        Some(_) => handle(Call::new(caller, request, request_id)).await,
    };
    // Who was let in is told how often they may call, whatever else the answer is.
    let answer = answer.unwrap_or_else(|refusal: Refusal| refusal.into_answer(request_id));
    Ok(headers.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value)))
}

fn request_id(request: &Request) -> String {
    match request.request_context() {
        RequestContext::ApiGatewayV1(context) => context.request_id.unwrap_or_default(),
        _ => String::new(),
    }
}
