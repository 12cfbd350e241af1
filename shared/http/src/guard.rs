//! The gate of an installation: the first keys, the keys that owners made, the tokens of an issuer, and how often each
//! owner may call.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use filas_domain::access::rate::Window;
use filas_domain::access::{ApiKey, Caller, KeyText, OwnerKeys, OwnerKeysError, RateLimit, Scopes, bearer};
use filas_domain::clock::Timestamp;
use filas_domain::limits::REQUESTS_PER_MINUTE;
use filas_domain::ports::{Clock, Keys, Rates};
use filas_domain::problem::Problem;
use filas_domain::{Owner, error_chain};
use thiserror::Error;
use tracing::{error, info};

use crate::gate::{Admitted, Gate};
use crate::token::issuer::NoClient;
use crate::token::{self, Issuer, IssuerSettings, SettingsError, TokenError};
use crate::{Answer, Refusal};

/// The variable with the owners and the digests of their first keys.
pub const OWNER_KEYS: &str = "FILAS_OWNER_KEYS";
/// The variable that says how many requests an owner may make in a minute.
pub const REQUESTS: &str = "FILAS_REQUESTS_PER_MINUTE";

/// How long a key that was found is taken for good without another look: so long a revoked key still opens something, in
/// an instance that has just seen it.
pub const KEY_TRUSTED: Duration = Duration::from_secs(3);

/// Keys that are remembered at once.
const REMEMBERED: usize = 1000;

/// An installation that cannot let anybody in.
#[derive(Debug, Error)]
pub enum GuardError {
    /// The first keys cannot be used.
    #[error("{OWNER_KEYS} cannot be used")]
    Keys(#[from] OwnerKeysError),
    /// The issuer of tokens cannot be used.
    #[error("the issuer of tokens cannot be used")]
    Issuer(#[from] SettingsError),
    /// There is no way to ask the issuer.
    #[error("the issuer of tokens cannot be asked")]
    Client(#[from] NoClient),
    /// Not a number.
    #[error("{REQUESTS} is not a whole number from 0, which is no limit")]
    Requests,
}

/// The gate of an installation.
#[derive(Debug)]
pub struct Guard<S, C> {
    first: OwnerKeys,
    issuer: Option<Issuer>,
    limit: Option<RateLimit>,
    store: S,
    clock: C,
    found: Mutex<HashMap<String, (Timestamp, ApiKey)>>,
}

impl<S, C> Guard<S, C> {
    /// A gate as the variables say, with the keys and counters in `store`.
    ///
    /// # Errors
    /// When a variable cannot be used. The error names it and never says what is in it.
    pub fn of_installation(variable: impl Fn(&str) -> Option<String>, store: S, clock: C) -> Result<Self, GuardError> {
        let first = OwnerKeys::parse(&variable(OWNER_KEYS).unwrap_or_default())?;
        let issuer = IssuerSettings::read(&variable)?.map(Issuer::new).transpose()?;
        let requests = match variable(REQUESTS).filter(|text| !text.trim().is_empty()) {
            None => REQUESTS_PER_MINUTE,
            Some(text) => text.trim().parse().map_err(|_| GuardError::Requests)?,
        };
        let limit = RateLimit::per_minute(requests);
        Ok(Self { first, issuer, limit, store, clock, found: Mutex::default() })
    }
}

impl<S: Keys + Rates, C: Clock> Gate for Guard<S, C> {
    async fn admit(&self, authorization: Option<&str>) -> Result<Admitted, Refusal> {
        let carried = bearer(authorization).ok_or_else(Problem::unauthorized)?;
        let now = self.clock.now();
        let caller = self.caller(carried, now).await?;
        let headers = self.counted(&caller.owner, now).await?;
        Ok(Admitted { caller, headers })
    }
}

impl<S: Keys + Rates, C: Clock> Guard<S, C> {
    async fn caller(&self, carried: &str, now: Timestamp) -> Result<Caller, Refusal> {
        if let Some(owner) = self.first.owner_of_key(carried) {
            return Ok(Caller { owner: owner.clone(), scopes: Scopes::all(), key_expires: None });
        }
        if let Some(text) = KeyText::parse(carried) {
            let key = self.key(&text, now).await?.ok_or_else(Problem::unauthorized)?;
            return Ok(Caller { owner: key.owner, scopes: key.scopes, key_expires: Some(key.expires) });
        }
        match &self.issuer {
            Some(issuer) if token::is_token(carried) => issuer.caller(carried, now).await.map_err(refusal),
            _ => Err(Problem::unauthorized().into()),
        }
    }

    /// The key, if there is one and it is good.
    async fn key(&self, text: &KeyText, now: Timestamp) -> Result<Option<ApiKey>, Refusal> {
        let digest = text.digest();
        let known = self.found().get(&digest).filter(|(seen, _)| now.since(*seen) < KEY_TRUSTED).cloned();
        if let Some((_, key)) = known {
            return Ok(Some(key).filter(|key| key.is_good(now)));
        }
        let key = self.store.key(text.owner(), &text.id()).await?.filter(|key| key.is(text) && key.is_good(now));
        let mut found = self.found();
        // What is asked for with a key that is none costs a read each time, and no memory.
        match &key {
            None => drop(found.remove(&digest)),
            Some(key) => {
                if found.len() >= REMEMBERED {
                    found.clear();
                }
                found.insert(digest, (now, key.clone()));
            }
        }
        Ok(key)
    }

    fn found(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Timestamp, ApiKey)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the request. When it cannot be counted it goes on: a store in trouble should not keep everybody out.
    async fn counted(&self, owner: &Owner, now: Timestamp) -> Result<Vec<(&'static str, String)>, Refusal> {
        let Some(limit) = self.limit else { return Ok(Vec::new()) };
        let count = match self.store.count(owner, Window::of(now)).await {
            Ok(count) => count,
            Err(trouble) => {
                error!(%owner, error = %error_chain(&trouble), "a request cannot be counted, and goes on uncounted");
                return Ok(Vec::new());
            }
        };
        let allowance = limit.allowance(count, now);
        let headers = vec![("ratelimit-policy", allowance.policy_field()), ("ratelimit", allowance.field())];
        if allowance.is_within {
            return Ok(headers);
        }
        info!(%owner, limit = allowance.limit, "an owner calls too often");
        let again = allowance.reset.as_secs();
        let answer = Answer::problem(&Problem::too_many_requests(allowance.limit, again));
        let answer = headers.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value));
        Err(Refusal::Answer(Box::new(answer.header("retry-after", again.to_string()))))
    }
}

fn refusal(error: TokenError) -> Refusal {
    match error {
        TokenError::NotAccepted(why) => {
            info!(why = %why, "a token is not accepted");
            Problem::unauthorized().into()
        }
        TokenError::Unavailable { again } => {
            let answer = Answer::problem(&Problem::issuer_unavailable());
            Refusal::Answer(Box::new(answer.header("retry-after", again.as_secs().to_string())))
        }
    }
}
