//! Tokens of an OIDC issuer: JSON Web Tokens that are signed by one of its keys.
//!
//! Issuer, audience and algorithms are pinned: RS256 and ES256 and nothing else, whatever a token says of itself. The
//! signatures are checked by ring, which is in the tree for TLS; the crates for tokens bring a second library of
//! cryptography.
//!
//! * [`settings`]: which issuer, and what its claims mean
//! * `parts`: the three parts of a token
//! * `key_set`: the issuer's keys, and signatures by them
//! * `claims`: who a token is for, until when, and for whom
//! * [`issuer`]: the keys fetched, kept and rotated

mod claims;
mod key_set;
mod parts;

pub mod issuer;
pub mod settings;

use std::time::Duration;

use filas_domain::access::Caller;
use filas_domain::clock::Timestamp;
use thiserror::Error;

pub use issuer::Issuer;
pub use settings::{IssuerSettings, SettingsError};

/// Why a token opens nothing. It is for the log: the caller is told that there is no good key, and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotAccepted {
    /// Not three parts, or parts that cannot be read, or far too long.
    #[error("it is no token")]
    Malformed,
    /// Another algorithm than the two that are taken.
    #[error("its algorithm is neither RS256 nor ES256")]
    Algorithm,
    /// It asks for extensions that nobody knows here.
    #[error("it has critical extensions")]
    Critical,
    /// It names no key, or one that the issuer does not publish for this algorithm.
    #[error("its key is not one of the issuer's")]
    UnknownKey,
    /// The signature is not of this key and these words.
    #[error("its signature is wrong")]
    Signature,
    /// It is of another issuer.
    #[error("it is of another issuer")]
    Issuer,
    /// It is for another audience.
    #[error("it is for another audience")]
    Audience,
    /// It has ended, or says no end.
    #[error("it has ended, or names no end")]
    Expired,
    /// It has not begun.
    #[error("it has not begun")]
    NotYet,
    /// It says nothing of whom it is for.
    #[error("it has no claim that names the owner")]
    Owner,
}

/// What became of a token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// It opens nothing.
    #[error("the token is not accepted")]
    NotAccepted(#[from] NotAccepted),
    /// It cannot be told: the issuer does not answer, and none of its keys is known.
    #[error("the keys of the issuer cannot be had")]
    Unavailable {
        /// When to come again.
        again: Duration,
    },
}

impl Issuer {
    /// Who calls with this token.
    ///
    /// # Errors
    /// When it is not good, or it cannot be told whether it is.
    pub async fn caller(&self, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
        let parts = parts::Parts::read(token)?;
        let key = self.key(&parts, now).await?;
        key.verify(&parts)?;
        Ok(claims::caller(self.settings(), &parts.claims, now)?)
    }
}

/// Whether a text has the form of a token, and not that of a key.
pub fn is_token(text: &str) -> bool {
    text.split('.').count() == 3
}
