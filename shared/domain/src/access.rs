//! Who may call, and what. A key is shown once, to its owner; only its SHA-256 is configured or stored.
//!
//! * [`OwnerKeys`]: the first keys of an installation, which are a parameter of it
//! * [`scope`]: what a caller may do
//! * [`routes`]: the scope that each call of the API needs
//! * [`key`]: the keys that owners make for themselves
//! * [`rate`]: how often an owner may call

pub mod key;
pub mod rate;
pub mod routes;
pub mod scope;

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::clock::Timestamp;
use crate::ids::{NotAnId, Owner};

pub use key::{ApiKey, KeyId, KeyText};
pub use rate::{Allowance, RateLimit};
pub use scope::{Scope, Scopes};

/// The owners and the digests of their keys.
#[derive(Debug, Clone, Default)]
pub struct OwnerKeys(Vec<(Owner, String)>);

/// A configuration of keys that cannot be used.
#[derive(Debug, Error)]
pub enum OwnerKeysError {
    /// An entry is not `owner=digest`.
    #[error("entry {0} is not owner=sha256: 64 hexadecimal digits of the key's SHA-256")]
    Malformed(usize),
    /// The owner's name cannot be used.
    #[error("entry {0} has a name that cannot be used")]
    Owner(usize, #[source] NotAnId),
    /// There is none, so nobody could call.
    #[error("there is no key")]
    Empty,
}

impl OwnerKeys {
    /// Reads `owner=digest,owner=digest`, the digests in hexadecimal.
    ///
    /// # Errors
    /// When an entry is not of that form (it is named by position: a digest is not for the logs), or there is none.
    pub fn parse(text: &str) -> Result<Self, OwnerKeysError> {
        let mut keys = Vec::new();
        for (position, entry) in (1..).zip(text.split(',').map(str::trim).filter(|entry| !entry.is_empty())) {
            let (owner, digest) = entry.split_once('=').ok_or(OwnerKeysError::Malformed(position))?;
            if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(OwnerKeysError::Malformed(position));
            }
            let owner = owner.parse().map_err(|source| OwnerKeysError::Owner(position, source))?;
            keys.push((owner, digest.to_ascii_lowercase()));
        }
        if keys.is_empty() { Err(OwnerKeysError::Empty) } else { Ok(Self(keys)) }
    }

    /// The owner whose key an `Authorization: Bearer …` header carries.
    pub fn owner_of(&self, authorization: Option<&str>) -> Option<&Owner> {
        self.owner_of_key(bearer(authorization)?)
    }

    /// The owner of this key.
    pub fn owner_of_key(&self, key: &str) -> Option<&Owner> {
        // Digests are compared, so the time that a comparison takes says nothing about a key.
        let digest = sha256_hex(key.as_bytes());
        self.0.iter().find(|(_, known)| *known == digest).map(|(owner, _)| owner)
    }
}

/// What an `Authorization: Bearer …` header carries.
pub fn bearer(authorization: Option<&str>) -> Option<&str> {
    let (scheme, carried) = authorization?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| carried.trim())
}

/// Who calls, as a key or a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose things the caller sees and touches.
    pub owner: Owner,
    /// What the caller may do.
    pub scopes: Scopes,
    /// Until when the key is good that the caller has; `None` for those that name no end, and for tokens, which last for
    /// minutes and whose holders make keys that last longer.
    pub key_expires: Option<Timestamp>,
}

/// The SHA-256 of `bytes` in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> OwnerKeys {
        OwnerKeys::parse(&format!("acme={}, other={}", sha256_hex(b"one"), sha256_hex(b"two"))).unwrap()
    }

    #[test]
    fn a_key_names_its_owner() {
        for (header, owner) in [
            (Some("Bearer one"), Some("acme")),
            (Some("bearer two"), Some("other")),
            (Some("Bearer three"), None),
            (Some("Bearer "), None),
            (Some("Basic one"), None),
            (Some("one"), None),
            (None, None),
        ] {
            assert_eq!(keys().owner_of(header).map(Owner::as_str), owner, "{header:?}");
        }
    }

    #[test]
    fn a_wrong_configuration_is_named_by_position_only() {
        let digest = sha256_hex(b"one");
        for (text, expected) in [
            ("".to_owned(), "there is no key".to_owned()),
            ("acme".into(), OwnerKeysError::Malformed(1).to_string()),
            (format!("acme={digest},b=12"), OwnerKeysError::Malformed(2).to_string()),
            (format!("A!={digest}"), "entry 1 has a name that cannot be used".into()),
        ] {
            let error = OwnerKeys::parse(&text).unwrap_err().to_string();
            assert_eq!(error, expected);
            assert!(!error.contains(&digest));
        }
    }
}
