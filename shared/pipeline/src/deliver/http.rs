//! The `deliver.http` stage: one row to a partner, once in effect.

use filas_domain::outcome::Stage as StageName;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};

use super::content::Content;
use crate::compute::{Expression, Scope};
use crate::error::PipelineError;
use crate::outbound::{Answer, CONTENT_READ, EXCERPT_READ, Exchange, Headers, Limits, Partner, PartnerRequest};
use crate::services::Setting;
use crate::spec::HttpSpec;
use crate::stage::{Interrupted, RowContext, RowValues, Step};
use crate::url_template::UrlTemplate;

const PLACE: &str = "deliver.http";

/// A delivery that is ready to run.
#[derive(Debug)]
pub(crate) struct HttpDelivery {
    partner: Partner,
    method: Method,
    url: UrlTemplate,
    body: Content,
    keep: Option<Expression>,
}

impl HttpDelivery {
    /// Checks everything that does not depend on the row.
    pub(crate) fn compile(spec: &HttpSpec, scope: &Scope, setting: &Setting<'_>) -> Result<Self, PipelineError> {
        let (method, name, url) = method_and_url(spec)?;
        let url_place = format!("{PLACE}.{name}");
        let (url, example) = UrlTemplate::compile(url, setting.variables, scope, &url_place)?;
        let json = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let headers = Headers::compile(&spec.headers, json, setting.variables, PLACE)?;
        let limits = Limits {
            concurrency: spec.concurrency,
            rate: spec.rate,
            timeout: spec.timeout.get(),
            retry: &spec.retry,
            expect: &spec.expect,
        };
        let places = (PLACE, url_place.as_str());
        let partner = Partner::compile(&example, headers, spec.sign.as_ref(), &limits, setting, places)?;
        let body = Content::compile(spec.body.as_deref(), scope, "deliver.http.body")?;
        let keep = |text: &String| Expression::compile(text, &scope.with_response(), "deliver.http.keep");
        Ok(Self { partner, method, url, body, keep: spec.keep.as_ref().map(keep).transpose()? })
    }

    /// Rows under way at once in one worker.
    pub(crate) fn concurrency(&self) -> usize {
        self.partner.concurrency()
    }

    /// Delivers the row. Transient trouble is tried again with the same idempotency key, within the deadline.
    pub(crate) async fn run(&self, values: &mut RowValues, context: &RowContext) -> Result<Step, Interrupted> {
        let url = match self.url.fill_in(values) {
            Ok(url) => url,
            Err(misfit) => return Ok(Step::fail(StageName::Deliver, "INVALID_PLACEHOLDER", misfit.0)),
        };
        let body = match self.body.json(values) {
            Ok(body) => body.into(),
            Err(failed) => return Ok(failed),
        };
        let request = PartnerRequest {
            method: self.method.clone(),
            url,
            headers: HeaderMap::new(),
            body,
            idempotency_key: Some(idempotency_key(values, context)?),
            read: if self.keep.is_some() { CONTENT_READ } else { EXCERPT_READ },
        };
        match self.partner.exchange(&request, context).await? {
            Exchange::Failed { trouble, .. } => Ok(Step::fail(StageName::Deliver, trouble.code, trouble.message)),
            Exchange::Expected(answer) => {
                if let Some(keep) = &self.keep {
                    values.response = Some(response(answer));
                    values.kept = Some(kept(keep, values));
                }
                Ok(Step::Continue)
            }
        }
    }
}

/// What is kept. The row was delivered, so an expression that fails is no failure of the row: it is said in its place.
fn kept(keep: &Expression, values: &RowValues) -> Value {
    keep.value(values).unwrap_or_else(|trouble| json!({"error": trouble.0}))
}

/// A partner's answer as expressions see it: the body as JSON if it is JSON, as text if it is text, otherwise null.
fn response(answer: Answer) -> Value {
    let header = |(name, value): (&reqwest::header::HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned(), Value::from(value.to_str().ok()?)))
    };
    let headers: Map<String, Value> = answer.headers.iter().filter_map(header).collect();
    let body = match answer.is_whole {
        true => serde_json::from_slice(&answer.body).or_else(|_| String::from_utf8(answer.body).map(Value::from)),
        false => Ok(Value::Null),
    };
    json!({"status": answer.status.as_u16(), "headers": headers, "body": body.unwrap_or_default()})
}

fn idempotency_key(values: &RowValues, context: &RowContext) -> Result<HeaderValue, Interrupted> {
    let key = context.idempotency_key(values.number);
    HeaderValue::from_str(&key).map_err(|_| Interrupted::Fault(format!("{key:?} cannot be an idempotency key")))
}

fn method_and_url(spec: &HttpSpec) -> Result<(Method, &'static str, &str), PipelineError> {
    let given =
        [(Method::PUT, "put", &spec.put), (Method::POST, "post", &spec.post), (Method::PATCH, "patch", &spec.patch)];
    let mut given = given.into_iter().filter_map(|(method, name, url)| Some((method, name, url.as_deref()?)));
    match (given.next(), given.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(PipelineError::invalid(PLACE, "give one of put, post and patch, with the URL")),
    }
}
