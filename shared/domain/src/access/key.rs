//! The keys that owners make for themselves.
//!
//! A key is `filas_OWNER_SECRET`: the owner, and 256 random bits. Its id is the beginning of its digest, so that a key leads
//! to where its digest is stored, and what is stored leads to no key.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::scope::Scopes;
use super::sha256_hex;
use crate::clock::Timestamp;
use crate::ids::Owner;

/// How long a key is good unless asked otherwise.
pub const KEY_GOOD_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The longest time that a key may be good.
pub const KEY_GOOD_FOR_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// How long a key is listed after it expired.
pub const KEY_REMEMBERED: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The longest name of a key, in characters.
pub const KEY_NAME_CHARS: usize = 100;

const PREFIX: &str = "filas_";

/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 16;

/// Hexadecimal digits of 256 bits.
const SECRET_DIGITS: usize = 64;

/// What a key is called in the API: 16 hexadecimal digits of its digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

/// Not the id of a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not the id of a key: {ID_DIGITS} hexadecimal digits")]
pub struct NotAKeyId;

impl KeyId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of_digest(digest: &str) -> Self {
        Self(digest.chars().take(ID_DIGITS).collect())
    }
}

impl FromStr for KeyId {
    type Err = NotAKeyId;

    fn from_str(text: &str) -> Result<Self, NotAKeyId> {
        if text.len() == ID_DIGITS && is_lower_hex(text) { Ok(Self(text.to_owned())) } else { Err(NotAKeyId) }
    }
}

impl TryFrom<String> for KeyId {
    type Error = NotAKeyId;

    fn try_from(text: String) -> Result<Self, NotAKeyId> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// A key itself. It is given to its owner and kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    text: String,
    owner: Owner,
}

/// By hand, so that no key gets into a log.
impl fmt::Debug for KeyText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyText").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl KeyText {
    /// A new key of `owner`, made of bits that nobody can guess.
    pub fn new(owner: Owner, random: [u8; 32]) -> Self {
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { text: format!("{PREFIX}{owner}_{secret}"), owner }
    }

    /// A text that has the form of a key, whether or not there is such a key.
    pub fn parse(text: &str) -> Option<Self> {
        // Names of owners may contain the separator, secrets do not.
        let (owner, secret) = text.strip_prefix(PREFIX)?.rsplit_once('_')?;
        let is_secret = secret.len() == SECRET_DIGITS && is_lower_hex(secret);
        let owner = owner.parse().ok().filter(|_| is_secret)?;
        Some(Self { text: text.to_owned(), owner })
    }

    /// The key, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Whose it says it is.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// What it is called.
    pub fn id(&self) -> KeyId {
        KeyId::of_digest(&self.digest())
    }

    /// Its SHA-256 in lower-case hexadecimal, which is what is stored.
    pub fn digest(&self) -> String {
        sha256_hex(self.text.as_bytes())
    }
}

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What it is called.
    pub id: KeyId,
    /// Whose it is.
    pub owner: Owner,
    /// What people call it.
    pub name: String,
    /// The SHA-256 of the key.
    pub digest: String,
    /// What its holder may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is good no more.
    pub expires: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

impl ApiKey {
    /// What is stored of a new key.
    pub fn new(text: &KeyText, name: String, scopes: Scopes, created: Timestamp, expires: Timestamp) -> Self {
        let (id, owner, digest) = (text.id(), text.owner.clone(), text.digest());
        Self { id, owner, name, digest, scopes, created, expires, revoked: None }
    }

    /// Whether it opens anything at `now`.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.expires
    }

    /// Whether it is this very key.
    pub fn is(&self, text: &KeyText) -> bool {
        // Digests are compared, so the time that a comparison takes says nothing about a key.
        self.owner == text.owner && self.digest == text.digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Scope;

    fn owner(name: &str) -> Owner {
        name.parse().unwrap()
    }

    #[test]
    fn a_key_leads_to_its_owner_and_its_id() {
        for name in ["acme", "acme_eu-1", "_"] {
            let key = KeyText::new(owner(name), [7; 32]);
            let read = KeyText::parse(key.reveal()).unwrap();
            assert_eq!((read.owner(), read.id(), &read), (&owner(name), key.id(), &key));
            assert_eq!(key.id().to_string().parse(), Ok(key.id()));
        }
        assert_ne!(KeyText::new(owner("a"), [7; 32]).id(), KeyText::new(owner("b"), [7; 32]).id());
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_none() {
        let secret = "0".repeat(64);
        for text in [
            "".to_owned(),
            "filas_".into(),
            secret.clone(),
            format!("filas_{secret}"),
            format!("filas_acme_{}", &secret[1..]),
            format!("filas_acme_{secret}0"),
            format!("filas_Acme_{secret}"),
            format!("filas_acme_{}", secret.replace('0', "A")),
            format!("other_acme_{secret}"),
        ] {
            assert_eq!(KeyText::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn a_key_is_good_until_it_expires_or_is_revoked() {
        let text = KeyText::new(owner("acme"), [1; 32]);
        let moment = Timestamp::from_millis;
        let key = ApiKey::new(&text, "ci".into(), Scopes::from_iter([Scope::Read]), moment(5), moment(9));
        assert!(key.is_good(moment(8)) && !key.is_good(moment(9)));
        assert!(!ApiKey { revoked: Some(moment(6)), ..key.clone() }.is_good(moment(6)));
        assert!(key.is(&text) && !key.is(&KeyText::new(owner("acme"), [2; 32])));
    }

    #[test]
    fn a_key_is_not_shown_by_accident() {
        let key = KeyText::new(owner("acme"), [7; 32]);
        assert!(!format!("{key:?}").contains("0707"), "{key:?}");
        let stored = ApiKey::new(&key, "ci".into(), Scopes::all(), Timestamp::default(), Timestamp::default());
        assert!(!format!("{stored:?}").contains("0707"));
    }
}
