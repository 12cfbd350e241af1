//! [`Connections`] by the `@connections` calls of API Gateway.

use std::time::Duration;

use filas_domain::live::{ConnectionId, Connections, Posted};
use filas_domain::ports::PortError;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use thiserror::Error;

use crate::env::{self, EnvError};
use crate::errors::{Meaning, meaning_of_answer, port_error_meaning};
use crate::signed::{SignedCall, SignedError, SignedHttp, suffix_of};

/// A client that cannot be told within this time is sent away. The gateway itself answers within milliseconds; an emulator
/// on a busy machine may take a second.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The clients of one WebSocket API.
#[derive(Debug, Clone)]
pub struct GatewayConnections {
    signed: SignedHttp,
    endpoint: String,
}

#[derive(Debug, Error)]
enum CallError {
    #[error(transparent)]
    NoAnswer(#[from] SignedError),
    #[error("the gateway answered {0}")]
    Refused(u16),
}

impl CallError {
    fn meaning(&self) -> Meaning {
        match self {
            Self::NoAnswer(error) => error.meaning(),
            Self::Refused(status) => meaning_of_answer(None, *status),
        }
    }
}

/// Where a WebSocket API is: an AWS host of its own, or a path of the emulator that `AWS_ENDPOINT_URL` names.
fn address(scheme: &str, region: &str, api: &str, stage: &str) -> Result<String, EnvError> {
    Ok(match env::optional_url("AWS_ENDPOINT_URL")? {
        None => format!("{scheme}s://{api}.execute-api.{region}.{}/{stage}", suffix_of(region)),
        Some(endpoint) => {
            let place = endpoint.trim_end_matches('/');
            let place = place.replacen("http", scheme, 1);
            format!("{place}/_aws/execute-api/{api}/{stage}")
        }
    })
}

impl GatewayConnections {
    /// The clients of the API and stage that the environment names.
    ///
    /// # Errors
    /// When it does not, or has no region or key.
    pub fn from_env() -> Result<Self, EnvError> {
        let signed = SignedHttp::from_env(TIMEOUT)?;
        let (api, stage) = (env::required(env::LIVE_API_ID)?, env::required(env::LIVE_STAGE)?);
        let endpoint = address("http", &signed.region, &api, &stage)?;
        Ok(Self { signed, endpoint })
    }

    /// Where clients connect to the same API: `wss://…`.
    ///
    /// # Errors
    /// As for [`from_env`](Self::from_env).
    pub fn public_url(&self) -> Result<String, EnvError> {
        let (api, stage) = (env::required(env::LIVE_API_ID)?, env::required(env::LIVE_STAGE)?);
        address("ws", &self.signed.region, &api, &stage)
    }

    async fn call(&self, method: Method, connection: &ConnectionId, body: &str) -> Result<Posted, CallError> {
        let id = utf8_percent_encode(connection.as_str(), NON_ALPHANUMERIC);
        let url = format!("{}/%40connections/{id}", self.endpoint);
        let call = SignedCall { service: "execute-api", method, url: &url, headers: &[], body: body.to_owned() };
        match self.signed.send(call).await?.status {
            200..=299 => Ok(Posted::Sent),
            410 => Ok(Posted::Gone),
            status => Err(CallError::Refused(status)),
        }
    }
}

impl Connections for GatewayConnections {
    async fn post(&self, connection: &ConnectionId, text: &str) -> Result<Posted, PortError> {
        self.call(Method::POST, connection, text).await.map_err(|error| {
            let meaning = error.meaning();
            port_error_meaning("send to a client", error, meaning)
        })
    }

    async fn close(&self, connection: &ConnectionId) -> Result<(), PortError> {
        // One that is gone already is as good.
        self.call(Method::DELETE, connection, "").await.map(|_| ()).map_err(|error| {
            let meaning = error.meaning();
            port_error_meaning("end a client's connection", error, meaning)
        })
    }
}
