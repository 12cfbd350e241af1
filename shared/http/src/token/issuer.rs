//! The keys of an issuer: fetched when they are first needed, kept, and fetched again when a token names one that is not
//! among them, but not more than once a minute: whoever sends tokens of unknown keys gets no requests out of us.

use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::error_chain;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::key_set::{self, PublicKey};
use super::parts::Parts;
use super::settings::{IssuerSettings, Place, address};
use super::{NotAccepted, TokenError};

/// How old keys may be before they are fetched anew: so long is a key good that the issuer has withdrawn.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// How old keys may be when the issuer does not answer.
const GOOD: Duration = Duration::from_secs(24 * 60 * 60);

/// Between two fetches.
const PAUSE: Duration = Duration::from_secs(60);

/// Between two fetches while there are no keys at all.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(5);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest document that is read, in bytes.
const DOCUMENT_BYTES: usize = 1024 * 1024;

/// An issuer, and its keys as they are known.
#[derive(Debug)]
pub struct Issuer {
    settings: IssuerSettings,
    client: Client,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Vec<PublicKey>,
    fetched: Option<Timestamp>,
    tried: Option<Timestamp>,
}

/// There is no HTTP client.
#[derive(Debug, Error)]
#[error("there is no HTTP client for the keys of the issuer")]
pub struct NoClient(#[source] reqwest::Error);

#[derive(Debug, Error)]
enum FetchError {
    #[error("cannot fetch it")]
    Request(#[from] reqwest::Error),
    #[error("it has more than {DOCUMENT_BYTES} bytes")]
    TooLarge,
    #[error("it is not the document that it should be")]
    Document(#[from] serde_json::Error),
    #[error("the configuration is of another issuer")]
    AnotherIssuer,
    #[error("the configuration names keys that do not come by https")]
    NotAnAddress,
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    /// An issuer of whom nothing is known yet.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(settings: IssuerSettings) -> Result<Self, NoClient> {
        // An error says that the process has chosen a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("filas/", env!("CARGO_PKG_VERSION")))
            // Keys come from where the settings and the issuer say, and from nowhere else.
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .build()
            .map_err(NoClient)?;
        Ok(Self { settings, client, known: Mutex::default() })
    }

    pub(super) const fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    /// The key that a token names.
    pub(super) async fn key(&self, parts: &Parts<'_>, now: Timestamp) -> Result<PublicKey, TokenError> {
        let mut known = self.known.lock().await;
        if known.is_within(FRESH, now)
            && let Some(key) = known.find(parts)
        {
            return Ok(key);
        }
        if known.may_fetch(now) {
            known.tried = Some(now);
            match self.fetch().await {
                Ok(keys) => {
                    info!(keys = keys.len(), "the keys of the issuer of tokens were fetched");
                    known.keys = keys;
                    known.fetched = Some(now);
                }
                Err(error) => {
                    warn!(error = %error_chain(&error), "the keys of the issuer of tokens cannot be fetched");
                }
            }
        }
        if !known.is_within(GOOD, now) {
            return Err(TokenError::Unavailable { again: PAUSE_WITHOUT_KEYS });
        }
        known.find(parts).ok_or_else(|| NotAccepted::UnknownKey.into())
    }

    async fn fetch(&self) -> Result<Vec<PublicKey>, FetchError> {
        let place = match self.settings.keys() {
            Place::Known(url) => url.clone(),
            Place::Discovered(url) => {
                let configuration: Configuration = serde_json::from_slice(&self.document(url).await?)?;
                if configuration.issuer != self.settings.issuer() {
                    return Err(FetchError::AnotherIssuer);
                }
                address(&configuration.jwks_uri).ok_or(FetchError::NotAnAddress)?
            }
        };
        Ok(key_set::read(&self.document(&place).await?)?)
    }

    async fn document(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        let mut answer = self.client.get(url.clone()).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            if bytes.len() + piece.len() > DOCUMENT_BYTES {
                return Err(FetchError::TooLarge);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

impl Known {
    fn find(&self, parts: &Parts<'_>) -> Option<PublicKey> {
        self.keys.iter().find(|key| key.is_for(parts)).cloned()
    }

    fn is_within(&self, age: Duration, now: Timestamp) -> bool {
        self.fetched.is_some_and(|fetched| now.since(fetched) < age)
    }

    fn may_fetch(&self, now: Timestamp) -> bool {
        let pause = if self.is_within(GOOD, now) { PAUSE } else { PAUSE_WITHOUT_KEYS };
        self.tried.is_none_or(|tried| now.since(tried) >= pause)
    }
}
