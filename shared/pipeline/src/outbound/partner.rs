//! Requests to one partner: how many, how often, again when it may help, and not at all while it is down.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use filas_domain::breaker::{Admission, Breaker, Down};
use filas_domain::metrics::Metric;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, Url};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::answer::{self, Answer};
use super::headers::{Headers, UsedSecrets};
use super::judge::{Health, Judge, Trouble, Verdict};
use super::{backoff, client, signature, trace};
use crate::error::PipelineError;
use crate::rate::{Gate, wait_until};
use crate::services::{KnownSecret, Services, Setting};
use crate::spec::{RateSpec, RetrySpec, SecretName};
use crate::stage::{Interrupted, RowContext};

/// Rows under way at once in one worker: more than this is more connections than a worker should hold.
const HIGHEST_CONCURRENCY: usize = 256;
const MOST_ATTEMPTS: usize = 20;
/// How often whoever waits for a probe looks whether it was given up.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a pipeline says about the requests of one kind.
#[derive(Debug)]
pub(crate) struct Limits<'a> {
    pub(crate) concurrency: usize,
    pub(crate) rate: Option<RateSpec>,
    pub(crate) timeout: Duration,
    pub(crate) retry: &'a RetrySpec,
    /// The statuses that are expected; none means every 2xx.
    pub(crate) expect: &'a [u16],
}

/// A partner, as one place of a pipeline sees it.
#[derive(Debug)]
pub(crate) struct Partner {
    client: Client,
    /// For people: the host.
    host: String,
    headers: Headers,
    sign: Option<SecretName>,
    concurrency: usize,
    timeout: Duration,
    attempts: u32,
    judge: Judge,
    gate: Gate,
    breaker: Mutex<Breaker>,
    /// Says that an attempt has ended: whoever waits for a probe looks again.
    ended: Notify,
    /// A request holds a place from its first attempt to its last: a partner that makes rows wait gets fewer of them.
    places: Semaphore,
    services: Services,
}

/// One request; every attempt sends the same.
#[derive(Debug)]
pub(crate) struct PartnerRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// Beside those of the pipeline.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What names it, where it has an effect.
    pub(crate) idempotency_key: Option<HeaderValue>,
    /// How much of the answer is read, in bytes.
    pub(crate) read: usize,
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// With an answer that was expected.
    Expected(Answer),
    /// With any other, or with none.
    Failed {
        trouble: Trouble,
        /// Whether it may pass: the attempts were not enough.
        is_transient: bool,
    },
}

impl Partner {
    /// Checks everything that does not depend on the row. `example` is a URL with the host and port that every request goes
    /// to; `place` is where the partner stands in the file.
    pub(crate) fn compile(
        example: &Url,
        headers: Headers,
        sign: Option<&SecretName>,
        limits: &Limits<'_>,
        setting: &Setting<'_>,
        (place, url_place): (&str, &str),
    ) -> Result<Self, PipelineError> {
        let at = |what: &str| format!("{place}.{what}");
        within(limits.concurrency, HIGHEST_CONCURRENCY, &at("concurrency"))?;
        within(limits.retry.attempts as usize, MOST_ATTEMPTS, &at("retry.attempts"))?;
        if limits.timeout.is_zero() {
            return Err(PipelineError::invalid(at("timeout"), "no request is answered in no time"));
        }
        if let Some(status) = limits.expect.iter().find(|status| !(200..=599).contains(*status)) {
            return Err(PipelineError::invalid(at("expect"), format!("{status} is no status from 200 to 599")));
        }
        let destination = setting.services.destination(setting.pipeline, place);
        Ok(Self {
            client: client::client_for(example, &setting.variables.outbound()?, url_place)?,
            host: example.host_str().unwrap_or_default().to_owned(),
            headers,
            sign: sign.cloned(),
            concurrency: limits.concurrency,
            timeout: limits.timeout,
            attempts: limits.retry.attempts,
            judge: Judge::new(limits.expect, &limits.retry.kinds),
            gate: Gate::new(setting.services.clone(), destination, limits.rate, limits.concurrency),
            breaker: Mutex::new(Breaker::new()),
            ended: Notify::new(),
            places: Semaphore::new(limits.concurrency),
            services: setting.services.clone(),
        })
    }

    /// Requests under way at once in one worker.
    pub(crate) fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Makes a request. Transient trouble is tried again within the deadline.
    pub(crate) async fn exchange(
        &self,
        request: &PartnerRequest,
        context: &RowContext,
    ) -> Result<Exchange, Interrupted> {
        let Ok(_place) = timeout_at(context.deadline, self.places.acquire()).await else {
            return Err(Interrupted::OutOfTime);
        };
        let mut attempt = 1;
        let mut has_new_secrets = false;
        loop {
            let mut used = UsedSecrets::new();
            let attempted = self.attempt(request, context, &mut used).await.map_err(|interrupted| match interrupted {
                // It was begun: a row that does not get done in a worker's time is slow, whatever it waits for.
                Interrupted::NoTurn if attempt > 1 => Interrupted::OutOfTime,
                other => other,
            });
            let (trouble, retry_after) = match attempted? {
                Verdict::Expected(answer) => {
                    self.note(Health::Up, "");
                    return Ok(Exchange::Expected(answer));
                }
                Verdict::Unauthorized(trouble) => {
                    self.note(Health::Up, "");
                    if has_new_secrets || !self.read_again(&used).await? {
                        return Ok(failed(trouble, attempt, false));
                    }
                    // Not an attempt of the partner's: it may be the first time that it knows us.
                    has_new_secrets = true;
                    continue;
                }
                Verdict::Permanent { trouble, health } => {
                    self.learn(health, &trouble)?;
                    return Ok(failed(trouble, attempt, false));
                }
                Verdict::Transient { trouble, retry_after, health } => {
                    self.learn(health, &trouble)?;
                    (trouble, retry_after)
                }
            };
            if let Some(pause) = retry_after {
                self.gate.pause_everyone(pause).await?;
            }
            if attempt == self.attempts {
                return Ok(failed(trouble, attempt, true));
            }
            // On top of what the partner asked for: rows that were refused together must not come back together.
            wait_until(Instant::now().checked_add(backoff::wait(attempt, retry_after)), context.deadline).await?;
            attempt += 1;
        }
    }

    /// One attempt that ends at the deadline at the latest.
    async fn attempt(
        &self,
        request: &PartnerRequest,
        context: &RowContext,
        used: &mut UsedSecrets,
    ) -> Result<Verdict, Interrupted> {
        self.refuse_if_down()?;
        self.gate.pass(context.deadline).await?;
        let mut headers = self.headers.fill_in(&self.services, used).await?;
        headers.extend(request.headers.clone());
        headers.extend(self.signed(request, used).await?);
        if let Some(key) = &request.idempotency_key {
            headers.insert("idempotency-key", key.clone());
        }
        headers.extend(trace::traceparent(context.trace).map(|value| (trace::TRACEPARENT, value)));
        self.admit(context.deadline).await?;
        let left = context.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Interrupted::OutOfTime);
        }
        let builder = self.client.request(request.method.clone(), request.url.clone());
        let builder = builder.headers(headers).timeout(left.min(self.timeout)).body(request.body.clone());
        let begun = Instant::now();
        let attempted = answer::send(builder, request.read).await;
        self.services.metrics().observe_time(Metric::PartnerLatency, begun.elapsed());
        if left < self.timeout && attempted.as_ref().is_err_and(reqwest::Error::is_timeout) {
            // The partner still had time by the pipeline's word; it was the worker that had none.
            return Err(Interrupted::OutOfTime);
        }
        Ok(self.judge.judge(attempted))
    }

    async fn signed(&self, request: &PartnerRequest, used: &mut UsedSecrets) -> Result<HeaderMap, Interrupted> {
        let (Some(name), Some(id)) = (&self.sign, &request.idempotency_key) else { return Ok(HeaderMap::new()) };
        let KnownSecret { text, version } = self.services.secret(name.as_str()).await?;
        used.push((name.clone(), version));
        signature::headers(text.expose(), id, self.services.now().as_secs(), &request.body)
            .map_err(|what| Interrupted::Fault(format!("the secret `{name}`: {what}")))
    }

    /// Reads the secrets again that a request was refused with. Whether one of them is another now.
    async fn read_again(&self, used: &UsedSecrets) -> Result<bool, Interrupted> {
        let mut is_other = false;
        for (name, version) in used {
            is_other |= self.services.secret_other_than(name.as_str(), *version).await?.version != *version;
        }
        Ok(is_other)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        // A panic elsewhere leaves numbers behind, not a broken structure.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody waits for a permit that cannot be used.
    fn refuse_if_down(&self) -> Result<(), Interrupted> {
        let down = self.breaker().down(self.services.now());
        down.map_or(Ok(()), |down| Err(self.is_down(down)))
    }

    /// Lets a request go unless the partner is down. While another is the probe, this one waits for what becomes of it.
    async fn admit(&self, deadline: Instant) -> Result<(), Interrupted> {
        loop {
            let ended = self.ended.notified();
            let admission = self.breaker().admit(self.services.now());
            match admission {
                Admission::Admitted => return Ok(()),
                Admission::Refused(down) => return Err(self.is_down(down)),
                Admission::Wait => {
                    // A probe that was given up in the middle never ends.
                    let look_again = deadline.min(Instant::now() + LOOK_AGAIN);
                    if timeout_at(look_again, ended).await.is_err() && Instant::now() >= deadline {
                        return Err(Interrupted::OutOfTime);
                    }
                }
            }
        }
    }

    /// Notes what an attempt says of the partner. When it is down that is the end of the row here, and not its fault.
    fn learn(&self, health: Health, trouble: &Trouble) -> Result<(), Interrupted> {
        self.note(health, &trouble.code);
        if health == Health::Down { self.refuse_if_down() } else { Ok(()) }
    }

    fn note(&self, health: Health, code: &str) {
        match health {
            Health::Up => self.breaker().succeeded(),
            Health::Down => self.breaker().failed(self.services.now(), code),
            Health::Unknown => self.breaker().unclear(self.services.now()),
        }
        self.ended.notify_waiters();
    }

    fn is_down(&self, down: Down) -> Interrupted {
        let reason = format!("{} is down: one request after the other ended with {}", self.host, down.reason);
        Interrupted::PartnerDown { reason, probe_after: down.until.since(self.services.now()) }
    }
}

fn failed(trouble: Trouble, attempt: u32, is_transient: bool) -> Exchange {
    let Trouble { code, message } = trouble;
    let message = if attempt == 1 { message } else { format!("{message} (after {attempt} attempts)") };
    Exchange::Failed { trouble: Trouble { code, message }, is_transient }
}

/// Refuses a number that is not from 1 to `most`.
fn within(number: usize, most: usize, place: &str) -> Result<(), PipelineError> {
    if (1..=most).contains(&number) {
        return Ok(());
    }
    Err(PipelineError::invalid(place, format!("{number} is not from 1 to {most}")))
}
