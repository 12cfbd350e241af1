//! Secrets are named in a pipeline file and never written into it.

use std::fmt;

use serde::Deserialize;
use serde::de::Error as _;

/// What marks a secret's name.
const MARK: &str = "secret:";

/// The name of a secret, written `secret:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName(String);

impl SecretName {
    /// The name without the mark.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads `secret:NAME`. A name is of letters, digits and `/ _ + = . @ -`, as Secrets Manager and SSM have it.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix(MARK)?;
        let fits = |character: char| character.is_ascii_alphanumeric() || "/_+=.@-".contains(character);
        (!name.is_empty() && name.len() <= 512 && name.chars().all(fits)).then(|| Self(name.to_owned()))
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What was written may be the secret itself, so it is not repeated.
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("expected secret:NAME"))
    }
}

/// A header's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderSpec {
    /// Text, in which `${NAME}` is a variable.
    Text(String),
    /// A secret, behind a word such as `Bearer` when there is one.
    Secret {
        /// What stands before the secret, with its space: `"Bearer "`, or nothing.
        scheme: String,
        /// The secret.
        name: SecretName,
    },
}

impl<'de> Deserialize<'de> for HeaderSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let start = if text.starts_with(MARK) { Some(0) } else { text.find(&format!(" {MARK}")).map(|at| at + 1) };
        let Some(start) = start else { return Ok(Self::Text(text)) };
        let name = SecretName::parse(&text[start..]).ok_or_else(|| D::Error::custom("expected secret:NAME"))?;
        Ok(Self::Secret { scheme: text[..start].to_owned(), name })
    }
}
