//! The `deliver.http` stage: one row to a partner, once in effect.

mod attempt;
mod backoff;
mod client;
mod judge;

use std::time::Duration;

use bytes::Bytes;
use filas_domain::outcome::Stage as StageName;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Url};
use tokio::time::Instant;

use crate::error::PipelineError;
use crate::spec::HttpSpec;
use crate::stage::{Interrupted, RowContext, RowValues, Step};
use crate::url_template::UrlTemplate;
use crate::variables::Variables;
pub(crate) use client::HttpClientError;
use judge::{Judge, Trouble, Verdict};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Rows under way at once in one worker: more than this is more connections than a worker should hold.
const HIGHEST_CONCURRENCY: usize = 256;
const MOST_ATTEMPTS: usize = 20;

/// A delivery that is ready to run.
#[derive(Debug)]
pub(crate) struct HttpDelivery {
    client: Client,
    method: Method,
    url: UrlTemplate,
    headers: HeaderMap,
    concurrency: usize,
    timeout: Duration,
    attempts: u32,
    judge: Judge,
}

/// One row's request; every attempt sends the same.
struct Delivery {
    url: Url,
    idempotency_key: HeaderValue,
    body: Bytes,
}

impl HttpDelivery {
    /// Checks everything that does not depend on the row.
    pub(crate) fn compile(spec: &HttpSpec, variables: &Variables) -> Result<Self, PipelineError> {
        let (method, name, url) = method_and_url(spec)?;
        let url = UrlTemplate::compile(url, variables, &format!("deliver.http.{name}"))?;
        within(spec.concurrency, HIGHEST_CONCURRENCY, "deliver.http.concurrency")?;
        within(spec.retry.attempts as usize, MOST_ATTEMPTS, "deliver.http.retry.attempts")?;
        if spec.timeout.get().is_zero() {
            return Err(PipelineError::invalid("deliver.http.timeout", "no request is answered in no time"));
        }
        if let Some(status) = spec.expect.iter().find(|status| !(200..=599).contains(*status)) {
            return Err(PipelineError::invalid(
                "deliver.http.expect",
                format!("{status} is no status from 200 to 599"),
            ));
        }
        Ok(Self {
            client: client::shared().map_err(PipelineError::HttpClient)?,
            method,
            url,
            headers: headers(spec, variables)?,
            concurrency: spec.concurrency,
            timeout: spec.timeout.get(),
            attempts: spec.retry.attempts,
            judge: Judge::new(&spec.expect, &spec.retry.kinds),
        })
    }

    /// Rows under way at once in one worker.
    pub(crate) fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Delivers the row. Transient trouble is tried again with the same idempotency key, within the deadline.
    pub(crate) async fn run(&self, values: &RowValues, context: &RowContext) -> Result<Step, Interrupted> {
        let url = match self.url.fill_in(values) {
            Ok(url) => url,
            Err(misfit) => return Ok(Step::fail(StageName::Deliver, "INVALID_PLACEHOLDER", misfit.0)),
        };
        let delivery = Delivery { url, idempotency_key: idempotency_key(values, context)?, body: body(values)? };
        for attempt in 1..=self.attempts {
            let (trouble, retry_after) = match self.attempt_before(&delivery, context.deadline).await? {
                Verdict::Delivered => return Ok(Step::Continue),
                Verdict::Permanent(trouble) => return Ok(failed(trouble, attempt)),
                Verdict::Transient { trouble, retry_after } => (trouble, retry_after),
            };
            if attempt == self.attempts {
                return Ok(failed(trouble, attempt));
            }
            pause(backoff::wait(attempt, retry_after), context.deadline).await?;
        }
        // The file's check lets no pipeline through that has no attempt.
        Err(Interrupted::Fault("a delivery without any attempt".to_owned()))
    }

    /// One attempt that ends at the deadline at the latest.
    async fn attempt_before(&self, delivery: &Delivery, deadline: Instant) -> Result<Verdict, Interrupted> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Interrupted::OutOfTime);
        }
        let request = self
            .client
            .request(self.method.clone(), delivery.url.clone())
            .headers(self.headers.clone())
            .header(IDEMPOTENCY_KEY, delivery.idempotency_key.clone())
            .timeout(left.min(self.timeout))
            .body(delivery.body.clone());
        let attempted = attempt::send(request).await;
        let cut_short = left < self.timeout;
        if cut_short && attempted.as_ref().is_err_and(reqwest::Error::is_timeout) {
            // The partner still had time by the pipeline's word; it was the worker that had none.
            return Err(Interrupted::OutOfTime);
        }
        Ok(self.judge.judge(attempted))
    }
}

/// Waits, unless the next attempt could not begin before the deadline.
async fn pause(wait: Duration, deadline: Instant) -> Result<(), Interrupted> {
    // A partner may ask for more time than a clock can add.
    match Instant::now().checked_add(wait) {
        Some(next) if next < deadline => {
            tokio::time::sleep_until(next).await;
            Ok(())
        }
        _ => Err(Interrupted::OutOfTime),
    }
}

fn failed(trouble: Trouble, attempt: u32) -> Step {
    let Trouble { code, message } = trouble;
    let message = if attempt == 1 { message } else { format!("{message} (after {attempt} attempts)") };
    Step::fail(StageName::Deliver, code, message)
}

/// The record as JSON. An expression of the pipeline's will take its place here when there is one.
fn body(values: &RowValues) -> Result<Bytes, Interrupted> {
    let body =
        serde_json::to_vec(&values.row).map_err(|error| Interrupted::Fault(format!("write the body: {error}")))?;
    Ok(body.into())
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
        _ => Err(PipelineError::invalid("deliver.http", "give one of put, post and patch, with the URL")),
    }
}

fn within(number: usize, most: usize, place: &str) -> Result<(), PipelineError> {
    if (1..=most).contains(&number) {
        return Ok(());
    }
    Err(PipelineError::invalid(place, format!("{number} is not from 1 to {most}")))
}

fn headers(spec: &HttpSpec, variables: &Variables) -> Result<HeaderMap, PipelineError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &spec.headers {
        let place = format!("deliver.http.headers.{name}");
        let name = HeaderName::try_from(name).map_err(|_| PipelineError::invalid(&place, "no header name"))?;
        if ["idempotency-key", "host", "content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
            return Err(PipelineError::invalid(&place, "this header is set by Filas"));
        }
        if value.starts_with("secret:") {
            return Err(PipelineError::invalid(&place, "secrets are not supported by this version of Filas"));
        }
        let value = variables.fill_in(value, &place)?;
        let value = HeaderValue::try_from(value).map_err(|_| PipelineError::invalid(&place, "no header value"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}
