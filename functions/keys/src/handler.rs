//! `POST /v1/keys`, `GET /v1/keys`, `DELETE /v1/keys/{id}`.
//!
//! There is no `Idempotency-Key` here: the same request cannot give the same key again, because nobody knows it. A key whose
//! answer was lost is seen in the list, and revoked.

use filas_domain::access::key::{KEY_GOOD_FOR, KEY_GOOD_FOR_MAX, KEY_NAME_CHARS};
use filas_domain::access::{ApiKey, KeyId, KeyText, Scope, Scopes};
use filas_domain::clock::Timestamp;
use filas_domain::limits::{PAGE, PAGE_MAX};
use filas_domain::ports::{Clock, Keys, PortError};
use filas_domain::problem::Problem;
use filas_domain::view::{KeyRequest, KeyView, NewKey, Page};
use filas_http::{Answer, Call, Refusal};
use lambda_http::http::Method;
use tracing::info;

/// The calls about keys and their ports.
pub struct KeyCalls<K, C> {
    /// Where keys are kept.
    pub keys: K,
    /// The time.
    pub clock: C,
    /// What nobody can guess.
    pub random: fn() -> Result<[u8; 32], PortError>,
}

impl<K: Keys, C: Clock> KeyCalls<K, C> {
    /// Answers a call.
    ///
    /// # Errors
    /// When the caller, or the cloud, is at fault.
    pub async fn answer(&self, call: Call) -> Result<Answer, Refusal> {
        match (call.method(), call.segments().as_slice()) {
            (&Method::POST, ["keys"]) => self.create(&call).await,
            (&Method::GET, ["keys"]) => self.list(&call).await,
            (&Method::DELETE, ["keys", id]) => self.revoke(&call, id).await,
            _ => Err(Problem::not_found("such call").into()),
        }
    }

    async fn create(&self, call: &Call) -> Result<Answer, Refusal> {
        let request: KeyRequest = call.json()?;
        let name = request.name;
        if name.trim().is_empty() || name.chars().count() > KEY_NAME_CHARS || name.chars().any(char::is_control) {
            let detail = format!("name has 1 to {KEY_NAME_CHARS} characters, none of which is a control character.");
            return Err(Problem::bad_request(detail).into());
        }
        let scopes: Scopes = request.scopes.iter().copied().collect();
        if !(1..=Scope::ALL.len()).contains(&request.scopes.len()) {
            return Err(Problem::bad_request("scopes has one to three of read, write and operate.").into());
        }
        if !call.caller.scopes.cover(&scopes) {
            return Err(Problem::forbidden("A key gives no scope that it has not itself.").into());
        }
        let now = self.clock.now();
        let expires = expiry(request.expires.as_deref(), call.caller.key_expires, now)?;
        let text = KeyText::new(call.owner.clone(), (self.random)()?);
        let key = ApiKey::new(&text, name, scopes, now, expires);
        self.keys.add(&key).await?;
        info!(owner = %key.owner, key = %key.id, "a key is made");
        Ok(Answer::json(201, &NewKey { key: text.reveal().to_owned(), view: KeyView::new(&key) }))
    }

    async fn list(&self, call: &Call) -> Result<Answer, Refusal> {
        let limit = call.number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE);
        let unknown = || Problem::bad_request("Send the next_cursor of a page as cursor, as it is.");
        let after: Option<KeyId> =
            call.query("cursor").map(|cursor| cursor.parse().map_err(|_| unknown())).transpose()?;
        // One more than asked for tells whether there is another page.
        let mut keys = self.keys.keys(&call.owner, after.as_ref(), limit + 1).await?;
        let is_last = keys.len() <= limit as usize;
        keys.truncate(limit as usize);
        let next_cursor = keys.last().filter(|_| !is_last).map(|key| key.id.to_string());
        Ok(Answer::json(200, &Page { items: keys.iter().map(KeyView::new).collect(), next_cursor }))
    }

    async fn revoke(&self, call: &Call, id: &str) -> Result<Answer, Refusal> {
        let missing = || Problem::not_found(format!("key '{}'", id.chars().take(40).collect::<String>()));
        let id: KeyId = id.parse().map_err(|_| missing())?;
        if !self.keys.revoke(&call.owner, &id, self.clock.now()).await? {
            return Err(missing().into());
        }
        info!(owner = %call.owner, key = %id, "a key is revoked");
        Ok(Answer::no_content())
    }
}

/// Until when a new key is good: as asked for, and no longer than the key that makes it.
fn expiry(asked: Option<&str>, makers: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Problem> {
    let latest = now.plus(KEY_GOOD_FOR_MAX);
    let latest = makers.map_or(latest, |makers| makers.min(latest));
    let Some(asked) = asked else { return Ok(now.plus(KEY_GOOD_FOR).min(latest)) };
    let expires = Timestamp::parse_rfc3339(asked);
    expires.filter(|expires| (now..=latest).contains(expires) && *expires > now).ok_or_else(|| {
        Problem::bad_request(format!(
            "expires is a moment as RFC 3339 has it, after now and not after {latest}, when the longest time for a key is \
             over, or the key that makes it expires."
        ))
    })
}

#[cfg(test)]
mod tests;
