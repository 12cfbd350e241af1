//! [`Secrets`] in the parameter store of Systems Manager, as SecureStrings named `{prefix}/{owner}/{name}`.
//!
//! There is no SDK crate for it here: it is one call, and the crate is minutes of compiling. The call is the AWS JSON
//! protocol 1.1 over HTTPS.

use std::time::Duration;

use filas_domain::ids::Owner;
use filas_domain::ports::PortError;
use filas_domain::secrets::{SecretText, Secrets};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

use crate::env::EnvError;
use crate::errors::{Meaning, meaning_of_answer, port_error_meaning};
use crate::retry::retrying;
use crate::signed::{SignedCall, SignedError, SignedHttp};

const OPERATION: &str = "read a secret";
const TARGET: &str = "AmazonSSM.GetParameter";
const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
const TIMEOUT: Duration = Duration::from_secs(5);

/// Secrets in the parameter store.
#[derive(Debug, Clone)]
pub struct SsmSecrets {
    signed: SignedHttp,
    endpoint: String,
    prefix: String,
}

/// A call that did not give a secret. Nothing in it is of the answer's body but its code.
#[derive(Debug, Error)]
enum CallError {
    #[error(transparent)]
    NoAnswer(#[from] SignedError),
    #[error("the parameter store answered {status} {code}")]
    Refused { status: u16, code: String },
    #[error("the answer of the parameter store is of an unknown shape")]
    Shape,
}

impl CallError {
    fn meaning(&self) -> Meaning {
        match self {
            Self::NoAnswer(error) => error.meaning(),
            Self::Refused { status, code } => meaning_of_answer(Some(code), *status),
            Self::Shape => Meaning::Permanent,
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
        let signed = SignedHttp::from_env(TIMEOUT)?;
        let endpoint = signed.endpoint("ssm")?;
        Ok(Self { signed, endpoint, prefix: prefix.into() })
    }

    async fn get(&self, name: &str) -> Result<Option<SecretText>, CallError> {
        let body = json!({"Name": name, "WithDecryption": true}).to_string();
        let url = format!("{}/", self.endpoint);
        let headers = &[("content-type", MEDIA_TYPE), ("x-amz-target", TARGET)];
        let call = SignedCall { service: "ssm", method: Method::POST, url: &url, headers, body };
        let answer = self.signed.send(call).await?;
        let (status, body) = (answer.status, answer.body);
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
