//! The webhook of a pipeline: a request for each event, signed as Standard Webhooks has it, to an address that the
//! installation lets its pipelines talk to.

use std::time::Duration;

use bytes::Bytes;
use filas_domain::clock::Timestamp;
use filas_domain::ids::Owner;
use filas_domain::ports::PortError;
use filas_domain::secrets::Secrets;
use filas_domain::trace::TraceParent;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use thiserror::Error;

use crate::error::{PipelineError, nearest};
use crate::outbound::{TRACEPARENT, client_for, innermost, send, signature_headers, traceparent};
use crate::spec::{PipelineSpec, SecretName, WEBHOOK_EVENTS, WebhookSpec};
use crate::variables::Variables;

/// How long a receiver may take, from connecting to the end of its answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read, in bytes: nobody needs it, and reading it keeps the connection usable.
const ANSWER_READ: usize = 4 * 1024;

/// A webhook that is ready to be told.
#[derive(Debug)]
pub struct Webhook {
    client: Client,
    url: Url,
    sign: SecretName,
    events: Vec<String>,
}

/// Why an event is not known to have come to its receiver. It may have: receivers compare `webhook-id`.
#[derive(Debug, Error)]
pub enum WebhookError {
    /// The secret cannot be had.
    #[error("read the webhook's secret `{0}`")]
    Secret(SecretName, #[source] PortError),
    /// There is no such secret, or it signs nothing.
    #[error("the webhook's secret `{0}`: {1}")]
    UnusableSecret(SecretName, &'static str),
    /// The event has an id that cannot be in a header.
    #[error("the event's id is no header value")]
    Id,
    /// No answer. The URL may hold a token and is not repeated.
    #[error("the receiver of the webhook did not answer: {0}")]
    NoAnswer(String),
    /// An answer that is not 2xx; a redirect is one, too.
    #[error("the receiver of the webhook answered {status}")]
    Refused {
        /// The status.
        status: u16,
        /// How long the receiver asks to be left alone.
        retry_after: Option<Duration>,
    },
}

impl WebhookError {
    /// How long the receiver asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl Webhook {
    /// The webhook of a pipeline, if it has one.
    ///
    /// # Errors
    /// When its URL is none, leads where nobody may go or names a variable that is not set, or an event has a type that is
    /// not told.
    pub fn compile(spec: &PipelineSpec, variables: &Variables) -> Result<Option<Self>, PipelineError> {
        let webhook = spec.webhook.as_ref().map(|webhook| Self::of(webhook, variables)).transpose();
        webhook.map_err(|error| error.located(&spec.places))
    }

    fn of(spec: &WebhookSpec, variables: &Variables) -> Result<Self, PipelineError> {
        const PLACE: &str = "webhook.url";
        let url = Url::parse(&variables.fill_in(&spec.url, PLACE)?);
        let url = url.map_err(|error| PipelineError::invalid(PLACE, format!("this is no URL: {error}")))?;
        if url.host_str().is_none() {
            return Err(PipelineError::invalid(PLACE, "this URL has no host"));
        }
        let client = client_for(&url, &variables.outbound()?, PLACE)?;
        if spec.events.is_empty() {
            return Err(PipelineError::invalid("webhook.events", "a webhook without events is told nothing"));
        }
        for (number, event) in spec.events.iter().enumerate() {
            if !WEBHOOK_EVENTS.contains(&event.as_str()) {
                let meant =
                    nearest(event, WEBHOOK_EVENTS).map_or(String::new(), |near| format!(", did you mean {near}?"));
                let message = format!("no webhook is told `{event}`{meant}");
                return Err(PipelineError::invalid(format!("webhook.events[{number}]"), message));
            }
        }
        Ok(Self { client, url, sign: spec.sign.clone(), events: spec.events.clone() })
    }

    /// Whether it is told events of this type.
    pub fn wants(&self, kind: &str) -> bool {
        self.events.iter().any(|event| event == kind)
    }

    /// Tells it an event, once. `id` is the same however often the event is told.
    ///
    /// # Errors
    /// When the secret of `owner` cannot be had, or the receiver does not answer with 2xx within [`TIMEOUT`].
    pub async fn tell(
        &self,
        secrets: &impl Secrets,
        owner: &Owner,
        now: Timestamp,
        (id, cause): (&str, Option<TraceParent>),
        body: String,
    ) -> Result<(), WebhookError> {
        let secret = secrets.secret(owner, self.sign.as_str()).await;
        let secret = secret.map_err(|error| WebhookError::Secret(self.sign.clone(), error))?;
        let unusable = |what| WebhookError::UnusableSecret(self.sign.clone(), what);
        let secret = secret.ok_or_else(|| unusable("there is none of this name"))?;
        let id = HeaderValue::from_str(id).map_err(|_| WebhookError::Id)?;
        let signed = signature_headers(secret.expose(), &id, now.as_secs(), body.as_bytes()).map_err(unusable)?;
        let mut request = self.client.post(self.url.clone()).headers(signed).timeout(TIMEOUT);
        if let Some(header) = cause.and_then(traceparent) {
            request = request.header(TRACEPARENT, header);
        }
        let request = request.header(CONTENT_TYPE, "application/cloudevents+json").body(Bytes::from(body));
        let answer = send(request, ANSWER_READ).await;
        let answer = answer.map_err(|error| WebhookError::NoAnswer(innermost(&error)))?;
        if answer.status.is_success() {
            return Ok(());
        }
        Err(WebhookError::Refused { status: answer.status.as_u16(), retry_after: answer.retry_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pipeline, parse};

    fn compiled(webhook: &str) -> Result<Option<Webhook>, String> {
        let spec = parse(&format!("name: a\ndeliver: none\n{webhook}\n")).map_err(|error| error.to_string())?;
        let variables = Variables::new().with("PARTNER_URL", "http://127.0.0.1:4600");
        let variables = variables.with("OUTBOUND_ALLOW", "127.0.0.1:4600");
        // What a webhook is refused for, a pipeline is refused for: before there is a task.
        let whole = Pipeline::compile(&spec, &variables).map(drop).map_err(|error| error.to_string());
        let webhook = Webhook::compile(&spec, &variables).map_err(|error| error.to_string());
        assert_eq!(whole.err(), webhook.as_ref().err().cloned());
        webhook
    }

    #[test]
    fn a_webhook_is_told_ends_and_pauses_unless_it_says_what() {
        let webhook = compiled("webhook: { url: '${PARTNER_URL}/hook', sign: secret:hook }").unwrap().unwrap();
        assert!(webhook.wants("filas.task.completed") && webhook.wants("filas.task.paused"));
        assert!(!webhook.wants("filas.task.created") && !webhook.wants("filas.batch.dead"));
        let events = "webhook: { url: 'https://hooks.example/', sign: secret:hook, events: [filas.batch.dead] }";
        let webhook = compiled(events).unwrap().unwrap();
        assert!(webhook.wants("filas.batch.dead") && !webhook.wants("filas.task.completed"));
        assert!(compiled("").unwrap().is_none());
    }

    #[test]
    fn a_webhook_that_cannot_work_is_refused_with_its_place() {
        let check = |webhook: &str, expected: &str| {
            let error = compiled(webhook).map(|_| ()).unwrap_err();
            assert!(error.starts_with(expected), "{webhook}\n  gave: {error}");
        };
        let to = |url: &str, more: &str| format!("webhook: {{ url: '{url}', sign: secret:hook{more} }}");
        check(&to("hooks", ""), "line 3, column 18: webhook.url: this is no URL");
        check(&to("${HOOKS_URL}", ""), "webhook.url: the variable HOOKS_URL is not set");
        check(&to("http://hooks.example/", ""), "line 3, column 18: webhook.url: only https goes out");
        check(&to("https://169.254.169.254/", ""), "line 3, column 18: webhook.url: 169.254.169.254 is not a public");
        check(&to("https://127.0.0.1:4600/", ", events: []"), "line 3, column 71: webhook.events: a webhook without");
        let events = ", events: [filas.task.complete]";
        check(&to("https://a.example/", events), "line 3, column 67: webhook.events[0]: no webhook is told");
        check("webhook: { url: 'https://a.example/', sign: whsec_x }", "line 3, column 45: expected secret:NAME");
        check("webhook: { url: 'https://a.example/' }", "line 3");
    }
}
