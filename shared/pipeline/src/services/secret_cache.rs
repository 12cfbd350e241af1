//! Secrets as they were at most a few minutes ago.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use filas_domain::secrets::SecretText;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::stage::Interrupted;

/// A secret is read again after this long. One that was rotated is refused earlier, and read again then.
const REMEMBERED: Duration = Duration::from_secs(300);

/// However often a secret is refused, it is not read more often than this: a wrong secret would be asked for by every row.
const BETWEEN_READS: Duration = Duration::from_secs(1);

/// Tells one reading of a secret from another.
pub(crate) type SecretVersion = u64;

/// A secret and which reading of it this is.
#[derive(Debug, Clone)]
pub(crate) struct KnownSecret {
    pub(crate) text: SecretText,
    pub(crate) version: SecretVersion,
}

#[derive(Debug)]
struct Remembered {
    secret: KnownSecret,
    read: Instant,
}

/// The secrets that were read. The lock is held while one is read, so that many rows ask once.
#[derive(Debug, Default)]
pub(super) struct SecretCache(Mutex<HashMap<String, Remembered>>);

impl SecretCache {
    /// The secret, from memory or by `read`; by `read` where the remembered one is `refused`. Its version changes only when
    /// its text does.
    pub(super) async fn get<F>(
        &self,
        name: &str,
        refused: Option<SecretVersion>,
        read: impl FnOnce() -> F,
    ) -> Result<KnownSecret, Interrupted>
    where
        F: Future<Output = Result<SecretText, Interrupted>>,
    {
        let mut remembered = self.0.lock().await;
        let known = remembered.get(name);
        if let Some(known) = known {
            let age = known.read.elapsed();
            let is_refused = refused == Some(known.secret.version);
            if age < if is_refused { BETWEEN_READS } else { REMEMBERED } {
                return Ok(known.secret.clone());
            }
        }
        let text = read().await?;
        let version = match known {
            Some(known) if known.secret.text == text => known.secret.version,
            Some(known) => known.secret.version + 1,
            None => 0,
        };
        let secret = KnownSecret { text, version };
        remembered.insert(name.to_owned(), Remembered { secret: secret.clone(), read: Instant::now() });
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks a cache, and says which version came and whether it was read.
    async fn ask(cache: &SecretCache, refused: Option<SecretVersion>, stored: &str) -> (String, SecretVersion, bool) {
        let mut was_read = false;
        let read = || {
            was_read = true;
            async { Ok(SecretText::new(stored.to_owned())) }
        };
        let known = cache.get("token", refused, read).await.unwrap();
        (known.text.expose().to_owned(), known.version, was_read)
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_read_once_in_a_while_and_when_it_is_refused() {
        let cache = SecretCache::default();
        let seconds = |seconds| tokio::time::advance(Duration::from_secs(seconds));
        assert_eq!(ask(&cache, None, "one").await, ("one".into(), 0, true));
        assert_eq!(ask(&cache, None, "two").await, ("one".into(), 0, false));
        assert_eq!(ask(&cache, Some(0), "two").await, ("one".into(), 0, false), "it was read just now");
        seconds(2).await;
        assert_eq!(ask(&cache, Some(0), "two").await, ("two".into(), 1, true), "it was rotated");
        assert_eq!(ask(&cache, Some(0), "three").await, ("two".into(), 1, false), "another row has read it");
        seconds(2).await;
        assert_eq!(ask(&cache, Some(1), "two").await, ("two".into(), 1, true), "it was not rotated");
        seconds(299).await;
        assert_eq!(ask(&cache, None, "three").await, ("two".into(), 1, false));
        seconds(1).await;
        assert_eq!(ask(&cache, None, "three").await, ("three".into(), 2, true));
    }
}
