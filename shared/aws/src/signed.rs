//! One signed call of an AWS API for which there is no SDK crate here: such a crate is minutes of compiling for one call.
//! The signer is the SDK's own.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use reqwest::Method;
use reqwest::redirect::Policy;
use thiserror::Error;

use crate::env::{self, EnvError};
use crate::errors::Meaning;

/// A client that signs what it sends.
#[derive(Debug, Clone)]
pub(crate) struct SignedHttp {
    http: Option<reqwest::Client>,
    /// The region that everything is in.
    pub(crate) region: String,
    credentials: Credentials,
}

/// A call without an answer.
#[derive(Debug, Error)]
pub(crate) enum SignedError {
    #[error("there is no HTTP client on this machine")]
    NoClient,
    #[error("no answer of {0}")]
    Http(&'static str, #[source] reqwest::Error),
    #[error("the request cannot be signed")]
    Signing(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl SignedError {
    pub(crate) const fn meaning(&self) -> Meaning {
        match self {
            Self::Http(..) => Meaning::Unknown,
            Self::NoClient | Self::Signing(_) => Meaning::Permanent,
        }
    }
}

/// What is sent where.
pub(crate) struct SignedCall<'a> {
    /// The service as it is signed for, and as it is named in errors.
    pub(crate) service: &'static str,
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(&'static str, &'static str)],
    pub(crate) body: String,
}

/// What came back, whatever the status.
pub(crate) struct SignedAnswer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl SignedHttp {
    /// With region and credentials of the environment. A call takes at most `timeout`.
    pub(crate) fn from_env(timeout: Duration) -> Result<Self, EnvError> {
        let region = match env::optional("AWS_REGION")? {
            Some(region) => region,
            None => env::required("AWS_DEFAULT_REGION").map_err(|_| EnvError::Missing("AWS_REGION".into()))?,
        };
        let key = env::required("AWS_ACCESS_KEY_ID")?;
        let secret = env::required("AWS_SECRET_ACCESS_KEY")?;
        let credentials = Credentials::new(key, secret, env::optional("AWS_SESSION_TOKEN")?, None, "environment");
        Ok(Self { http: http_client(timeout), region, credentials })
    }

    /// The address of a service: the one that the environment sets for it or for all, or AWS's own.
    pub(crate) fn endpoint(&self, service: &str) -> Result<String, EnvError> {
        let variable = format!("AWS_ENDPOINT_URL_{}", service.to_ascii_uppercase());
        let set = env::optional_url(&variable)?.or(env::optional_url("AWS_ENDPOINT_URL")?);
        let (region, suffix) = (&self.region, suffix_of(&self.region));
        Ok(set.unwrap_or_else(|| format!("https://{service}.{region}.{suffix}")).trim_end_matches('/').to_owned())
    }

    pub(crate) async fn send(&self, call: SignedCall<'_>) -> Result<SignedAnswer, SignedError> {
        let service = call.service;
        let http = self.http.as_ref().ok_or(SignedError::NoClient)?;
        let request = self.signed(http, call)?;
        let answer = http.execute(request).await.map_err(|error| SignedError::Http(service, error))?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(|error| SignedError::Http(service, error))?;
        Ok(SignedAnswer { status, body })
    }

    fn signed(&self, http: &reqwest::Client, call: SignedCall<'_>) -> Result<reqwest::Request, SignedError> {
        let signing = |error: Box<dyn std::error::Error + Send + Sync>| SignedError::Signing(error);
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(call.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| signing(error.into()))?;
        let headers = call.headers.iter().copied();
        let body = SignableBody::Bytes(call.body.as_bytes());
        let signable = SignableRequest::new(call.method.as_str(), call.url, headers.clone(), body)
            .map_err(|error| signing(error.into()))?;
        let (instructions, _) = sign(signable, &params.into()).map_err(|error| signing(error.into()))?.into_parts();
        let request = http.request(call.method.clone(), call.url).body(call.body);
        let request =
            headers.chain(instructions.headers()).fold(request, |request, (name, value)| request.header(name, value));
        request.build().map_err(|error| SignedError::Http(call.service, error))
    }
}

/// The domain that a region's services are in.
pub(crate) fn suffix_of(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn http_client(timeout: Duration) -> Option<reqwest::Client> {
    // An error says that the process has chosen a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().redirect(Policy::none()).no_proxy().timeout(timeout);
    builder.build().ok()
}
