//! What the HTTP functions have in common: who calls, what is asked, and how it is answered.
//!
//! Every request goes through [`serve`]: it answers preflights, finds the owner by the key, logs one line, and turns a
//! [`Problem`] or an error into problem details. A handler never sees a request without an owner.

mod answer;
mod call;
#[cfg(test)]
mod openapi;

use std::error::Error;
use std::future::Future;

use filas_domain::access::OwnerKeys;
use filas_domain::error_chain;
use filas_domain::ports::PortError;
use filas_domain::problem::Problem;
use lambda_http::http::Method;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use tracing::{error, info};

pub use answer::Answer;
pub use call::{Call, plain};

/// The API as an OpenAPI 3.1 document.
pub const OPENAPI: &str = include_str!("../../../docs/openapi.json");

/// Why a handler has no answer: the caller's fault, or ours.
#[derive(Debug)]
pub enum Refusal {
    /// Something is wrong with the request.
    Problem(Problem),
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
}

/// Answers one request: preflight, authentication, `handle`, and what went wrong as problem details. The OpenAPI document is
/// for everybody.
pub async fn serve<F, A>(request: Request, keys: &OwnerKeys, handle: F) -> Response<Body>
where
    F: FnOnce(Call) -> A,
    A: Future<Output = Result<Answer, Refusal>>,
{
    let request_id = request_id(&request);
    let (method, path) = (request.method().clone(), call::api_path(request.uri().path()).to_owned());
    let answer = match (&method, path.as_str()) {
        (&Method::OPTIONS, _) => Ok(Answer::preflight()),
        (&Method::GET, "/v1/openapi.json") => Ok(Answer::document("application/json", OPENAPI)),
        _ => authorised(request, keys, handle).await,
    };
    let answer = answer.unwrap_or_else(|refusal| match refusal {
        Refusal::Problem(problem) => Answer::problem(&problem),
        Refusal::Trouble(trouble) => {
            error!(request_id, error = %error_chain(&*trouble), "a request failed");
            Answer::problem(&Problem::internal(&request_id))
        }
    });
    info!(request_id, %method, path, status = answer.status(), "request answered");
    answer.into_response()
}

async fn authorised<F, A>(request: Request, keys: &OwnerKeys, handle: F) -> Result<Answer, Refusal>
where
    F: FnOnce(Call) -> A,
    A: Future<Output = Result<Answer, Refusal>>,
{
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let owner = keys.owner_of(authorization).cloned().ok_or_else(Problem::unauthorized)?;
    handle(Call::new(owner, request)).await
}

fn request_id(request: &Request) -> String {
    match request.request_context() {
        RequestContext::ApiGatewayV1(context) => context.request_id.unwrap_or_default(),
        _ => String::new(),
    }
}
