//! Secrets: named in a pipeline, kept elsewhere, and never shown.

use std::fmt;
use std::future::Future;

use crate::ids::Owner;
use crate::ports::PortError;

/// A secret. It cannot be printed: whoever needs it has to ask for it by [`expose`](Self::expose).
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Takes a text for a secret.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the request that needs it and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText(…)")
    }
}

/// Keeps secrets.
pub trait Secrets: Send + Sync {
    /// The owner's secret of this name as it is now, or `None` when there is none. No owner can name another's.
    fn secret(&self, owner: &Owner, name: &str) -> impl Future<Output = Result<Option<SecretText>, PortError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret = SecretText::new("hunter2".to_owned());
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "SecretText(…) Some(SecretText(…))");
    }
}
