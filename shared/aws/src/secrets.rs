//! [`Secrets`] in the parameter store of Systems Manager, as SecureStrings named `{prefix}/{owner}/{name}`.
//!
//! There is no SDK crate for it here: it is one call, and the crate is minutes of compiling. The call is the AWS JSON
//! protocol 1.1 over HTTPS, signed by the SDK's own signer.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use filas_domain::ids::Owner;
use filas_domain::ports::PortError;
use filas_domain::secrets::{SecretText, Secrets};
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

use crate::env::{self, EnvError};
use crate::errors::{Meaning, meaning_of_answer, port_error_meaning};
use crate::retry::retrying;

const OPERATION: &str = "read a secret";
const TARGET: &str = "AmazonSSM.GetParameter";
const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
const TIMEOUT: Duration = Duration::from_secs(5);

/// Secrets in the parameter store.
#[derive(Debug, Clone)]
pub struct SsmSecrets {
    http: Option<reqwest::Client>,
    endpoint: String,
    region: String,
    credentials: Credentials,
    prefix: String,
}

/// A call that did not give a secret. Nothing in it is of the answer's body but its code.
#[derive(Debug, Error)]
enum CallError {
    #[error("there is no HTTP client on this machine")]
    NoClient,
    #[error("no answer of the parameter store")]
    Http(#[source] reqwest::Error),
    #[error("the parameter store answered {status} {code}")]
    Refused { status: u16, code: String },
    #[error("the request cannot be signed")]
    Signing(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer of the parameter store is of an unknown shape")]
    Shape,
}

impl CallError {
    fn meaning(&self) -> Meaning {
        match self {
            Self::Http(_) => Meaning::Unknown,
            Self::Refused { status, code } => meaning_of_answer(Some(code), *status),
            Self::NoClient | Self::Signing(_) | Self::Shape => Meaning::Permanent,
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Parameter")]
    parameter: Parameter,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "Value")]
    value: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    code: String,
}

impl SsmSecrets {
    /// The secrets below `prefix`, such as `/filas/secrets`, with region, credentials and endpoint of the environment.
    ///
    /// # Errors
    /// When the environment has no region or key, or the endpoint is no URL.
    pub fn from_env(prefix: impl Into<String>) -> Result<Self, EnvError> {
        let region = match env::optional("AWS_REGION")? {
            Some(region) => region,
            None => env::required("AWS_DEFAULT_REGION").map_err(|_| EnvError::Missing("AWS_REGION".into()))?,
        };
        let set = env::optional_url("AWS_ENDPOINT_URL_SSM")?.or(env::optional_url("AWS_ENDPOINT_URL")?);
        let key = env::required("AWS_ACCESS_KEY_ID")?;
        let secret = env::required("AWS_SECRET_ACCESS_KEY")?;
        let credentials = Credentials::new(key, secret, env::optional("AWS_SESSION_TOKEN")?, None, "environment");
        let endpoint = set.unwrap_or_else(|| endpoint_of(&region));
        Ok(Self { http: http_client(), endpoint, region, credentials, prefix: prefix.into() })
    }

    async fn get(&self, name: &str) -> Result<Option<SecretText>, CallError> {
        let body = json!({"Name": name, "WithDecryption": true}).to_string();
        let http = self.http.as_ref().ok_or(CallError::NoClient)?;
        let request = self.signed(http, body)?;
        let answer = http.execute(request).await.map_err(CallError::Http)?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(CallError::Http)?;
        if status == 200 {
            // The parser's error may show what it found, which is the secret.
            let answer: Answer = serde_json::from_slice(&body).map_err(|_| CallError::Shape)?;
            return Ok(Some(SecretText::new(answer.parameter.value)));
        }
        let refusal = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.code).unwrap_or_default();
        match refusal.rsplit('#').next().unwrap_or_default() {
            "ParameterNotFound" => Ok(None),
            code => Err(CallError::Refused { status, code: code.chars().take(80).collect() }),
        }
    }

    fn signed(&self, http: &reqwest::Client, body: String) -> Result<reqwest::Request, CallError> {
        let signing = |error: Box<dyn std::error::Error + Send + Sync>| CallError::Signing(error);
        let headers = [("content-type", MEDIA_TYPE), ("x-amz-target", TARGET)];
        let url = format!("{}/", self.endpoint.trim_end_matches('/'));
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("ssm")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| signing(error.into()))?;
        let signable = SignableRequest::new("POST", &url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))
            .map_err(|error| signing(error.into()))?;
        let (instructions, _) = sign(signable, &params.into()).map_err(|error| signing(error.into()))?.into_parts();
        let request = http.post(&url).body(body);
        let request = headers
            .into_iter()
            .chain(instructions.headers())
            .fold(request, |request, (name, value)| request.header(name, value));
        request.build().map_err(CallError::Http)
    }
}

impl Secrets for SsmSecrets {
    async fn secret(&self, owner: &Owner, name: &str) -> Result<Option<SecretText>, PortError> {
        let name = format!("{}/{owner}/{name}", self.prefix);
        retrying(|| self.get(&name), CallError::meaning).await.map_err(|failed| {
            let meaning = failed.error.meaning();
            port_error_meaning(OPERATION, failed.error, meaning)
        })
    }
}

fn endpoint_of(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://ssm.{region}.{suffix}")
}

fn http_client() -> Option<reqwest::Client> {
    // An error says that the process has chosen a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().redirect(Policy::none()).no_proxy().timeout(TIMEOUT);
    builder.build().ok()
}
