//! The headers that a pipeline asks for, with secrets filled in when a request is sent.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{signature, trace};
use crate::error::PipelineError;
use crate::services::{KnownSecret, SecretVersion, Services};
use crate::spec::{HeaderSpec, Ordered, SecretName};
use crate::stage::Interrupted;
use crate::variables::Variables;

/// Set by Filas, or by the client.
const OURS: [HeaderName; 4] = [trace::TRACEPARENT, signature::ID, signature::TIMESTAMP, signature::SIGNATURE];
const OF_THE_CLIENT: [&str; 5] = ["idempotency-key", "host", "content-length", "transfer-encoding", "connection"];

/// The headers of every request of one kind.
#[derive(Debug)]
pub(crate) struct Headers {
    fixed: HeaderMap,
    secret: Vec<SecretHeader>,
}

#[derive(Debug)]
struct SecretHeader {
    name: HeaderName,
    /// What stands before the secret.
    scheme: String,
    secret: SecretName,
}

/// The secrets that a request was made with.
pub(super) type UsedSecrets = Vec<(SecretName, SecretVersion)>;

impl Headers {
    /// Reads the headers of the file that stand at `place`, and adds them to those that every request has.
    pub(crate) fn compile(
        spec: &Ordered<HeaderSpec>,
        fixed: HeaderMap,
        variables: &Variables,
        place: &str,
    ) -> Result<Self, PipelineError> {
        let mut headers = Self { fixed, secret: Vec::new() };
        for (name, value) in spec.iter() {
            let place = format!("{place}.headers.{name}");
            let name = HeaderName::try_from(name).map_err(|_| PipelineError::invalid(&place, "no header name"))?;
            if OURS.contains(&name) || OF_THE_CLIENT.contains(&name.as_str()) {
                return Err(PipelineError::invalid(&place, "this header is set by Filas"));
            }
            match value {
                HeaderSpec::Text(text) => {
                    let value = HeaderValue::try_from(variables.fill_in(text, &place)?);
                    let value = value.map_err(|_| PipelineError::invalid(&place, "no header value"))?;
                    headers.fixed.insert(name, value);
                }
                HeaderSpec::Secret { scheme, name: secret } => {
                    let scheme = variables.fill_in(scheme, &place)?;
                    headers.secret.push(SecretHeader { name, scheme, secret: secret.clone() });
                }
            }
        }
        Ok(headers)
    }

    /// The headers with their secrets. Adds to `used` which secrets these were.
    pub(super) async fn fill_in(&self, services: &Services, used: &mut UsedSecrets) -> Result<HeaderMap, Interrupted> {
        let mut headers = self.fixed.clone();
        for SecretHeader { name, scheme, secret } in &self.secret {
            let KnownSecret { text, version } = services.secret(secret.as_str()).await?;
            let value = HeaderValue::try_from(format!("{scheme}{}", text.expose()));
            let mut value =
                value.map_err(|_| Interrupted::Fault(format!("the secret `{secret}` is no header value")))?;
            // Whoever prints the headers prints that there is something, and not what.
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
            used.push((secret.clone(), version));
        }
        Ok(headers)
    }
}
