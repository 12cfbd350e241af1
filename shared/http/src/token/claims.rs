//! Who a token is for, until when, and for whom.

use std::time::Duration;

use filas_domain::Owner;
use filas_domain::access::{Caller, Scopes, sha256_hex};
use filas_domain::clock::Timestamp;
use serde_json::{Map, Value};

use super::{IssuerSettings, NotAccepted};

/// How far the issuer's clock may be from ours.
const LEEWAY: Duration = Duration::from_secs(30);

/// What the names of owners begin with that are made of a claim. No claim is taken as it is that begins so.
const MADE: &str = "oidc-";

/// Who calls, as the claims of a token say whose signature is good.
pub(super) fn caller(
    settings: &IssuerSettings,
    claims: &Map<String, Value>,
    now: Timestamp,
) -> Result<Caller, NotAccepted> {
    if claims.get("iss").and_then(Value::as_str) != Some(settings.issuer()) {
        return Err(NotAccepted::Issuer);
    }
    if !is_for(claims.get("aud"), settings.audience()) {
        return Err(NotAccepted::Audience);
    }
    let expires = moment(claims.get("exp")).ok_or(NotAccepted::Expired)?;
    if expires.plus(LEEWAY) <= now {
        return Err(NotAccepted::Expired);
    }
    match claims.get("nbf") {
        None => {}
        Some(begins) if moment(Some(begins)).is_some_and(|begins| begins <= now.plus(LEEWAY)) => {}
        Some(_) => return Err(NotAccepted::NotYet),
    }
    let subject = claims.get(settings.owner_claim()).and_then(Value::as_str).filter(|subject| !subject.is_empty());
    let owner = owner(settings.issuer(), subject.ok_or(NotAccepted::Owner)?)?;
    let scopes = Scopes::of_claim(claims.get("scope").and_then(Value::as_str).unwrap_or_default());
    Ok(Caller { owner, scopes, key_expires: None })
}

/// One audience, or one of several.
fn is_for(audiences: Option<&Value>, audience: &str) -> bool {
    match audiences {
        Some(Value::String(only)) => only == audience,
        Some(Value::Array(several)) => several.iter().any(|one| one == audience),
        _ => false,
    }
}

/// Seconds since the Unix epoch, whole or not.
fn moment(claim: Option<&Value>) -> Option<Timestamp> {
    let seconds = claim?.as_f64().filter(|seconds| (0.0..1e12).contains(seconds))?;
    Some(Timestamp::from_millis(0).plus(Duration::from_secs_f64(seconds)))
}

/// The claim itself where it can be the name of an owner. Otherwise a name is made of it, of 160 bits of a digest, that no
/// other claim has: neither one whose name is made, nor one that pretends to be made.
fn owner(issuer: &str, subject: &str) -> Result<Owner, NotAccepted> {
    if let Ok(owner) = subject.parse()
        && !subject.starts_with(MADE)
    {
        return Ok(owner);
    }
    let digest = sha256_hex(format!("{issuer}\n{subject}").as_bytes());
    format!("{MADE}{}", &digest[..40]).parse().map_err(|_| NotAccepted::Owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_that_is_no_owner_gets_a_name_that_no_other_has() {
        let of = |subject: &str| owner("https://issuer.example", subject).unwrap().to_string();
        assert_eq!(of("acme_eu-1"), "acme_eu-1");
        let mut made: Vec<String> =
            ["Acme", "acme ", "auth0|1", "é", "a#b", &"x".repeat(65)].map(of).into_iter().collect();
        // Nobody gets at what is another's by calling themselves as that one is called here.
        made.push(of(&made[0].clone()));
        assert!(made.iter().all(|name| name.starts_with("oidc-") && name.len() == 45), "{made:?}");
        let unlike: std::collections::BTreeSet<_> = made.iter().collect();
        assert_eq!(unlike.len(), made.len());
        assert_ne!(of("Acme"), owner("https://other.example", "Acme").unwrap().to_string());
    }
}
