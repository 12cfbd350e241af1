//! Tokens against an issuer that really publishes its keys by HTTP.
#![expect(clippy::unwrap_used, reason = "a test ends where something is otherwise")]

use std::time::Duration;

use filas_domain::access::Scope;
use filas_domain::clock::Timestamp;
use filas_http::token::settings::{AUDIENCE, ISSUER, JWKS_URI, OWNER_CLAIM};
use filas_http::token::{Issuer, IssuerSettings, NotAccepted, TokenError};
use filas_testkit::issuer::{IssuerServer, SigningKey, encode};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(2_000_000_000_000);

struct World {
    server: IssuerServer,
    issuer: Issuer,
}

/// What became of a token: the owner, or why not.
type Seen = Result<String, NotAccepted>;

fn world_with(more: &[(&str, String)]) -> World {
    let server = IssuerServer::start(&[SigningKey::RsaOne, SigningKey::EcOne]).unwrap();
    let variable = |name: &str| match name {
        ISSUER => Some(server.url()),
        AUDIENCE => Some("filas".to_owned()),
        _ => more.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()),
    };
    let settings = IssuerSettings::read(variable).unwrap().unwrap();
    World { issuer: Issuer::new(settings).unwrap(), server }
}

impl World {
    fn new() -> Self {
        world_with(&[])
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.server.url(), "aud": "filas", "sub": "acme", "scope": "openid filas:read filas:write",
            "exp": NOW.as_secs() + 300, "nbf": NOW.as_secs(), "iat": NOW.as_secs(),
        })
    }

    /// The usual claims with this one instead; null takes it away.
    fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims
    }

    async fn see_at(&self, token: &str, now: Timestamp) -> Seen {
        match self.issuer.caller(token, now).await {
            Ok(caller) => Ok(caller.owner.to_string()),
            Err(TokenError::NotAccepted(why)) => Err(why),
            Err(error @ TokenError::Unavailable { .. }) => panic!("{error}"),
        }
    }

    async fn see(&self, token: &str) -> Seen {
        self.see_at(token, NOW).await
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

#[tokio::test]
async fn a_good_token_says_who_calls_and_what_they_may_do() {
    let world = World::new();
    for key in [SigningKey::RsaOne, SigningKey::EcOne] {
        let caller = world.issuer.caller(&key.token(&world.claims()), NOW).await.unwrap();
        assert_eq!(caller.owner.as_str(), "acme");
        assert_eq!(caller.scopes.iter().collect::<Vec<_>>(), [Scope::Read, Scope::Write]);
    }
    assert_eq!(world.server.asked(), (1, 1), "the keys are fetched once");
}

#[tokio::test]
async fn what_a_token_claims_is_held_to_the_settings() {
    let world = World::new();
    let now = NOW.as_secs();
    for (name, value, expected) in [
        ("iss", json!("https://other.example"), Err(NotAccepted::Issuer)),
        ("iss", json!(format!("{}/", world.server.url())), Err(NotAccepted::Issuer)),
        ("iss", Value::Null, Err(NotAccepted::Issuer)),
        ("aud", json!("another"), Err(NotAccepted::Audience)),
        ("aud", json!(["another", "filas"]), Ok("acme".to_owned())),
        ("aud", json!(["another"]), Err(NotAccepted::Audience)),
        ("aud", json!({ "filas": true }), Err(NotAccepted::Audience)),
        ("aud", Value::Null, Err(NotAccepted::Audience)),
        ("exp", json!(now - 29), Ok("acme".to_owned())),
        ("exp", json!(now - 30), Err(NotAccepted::Expired)),
        ("exp", json!("never"), Err(NotAccepted::Expired)),
        ("exp", json!(-1), Err(NotAccepted::Expired)),
        ("exp", Value::Null, Err(NotAccepted::Expired)),
        ("nbf", json!(now + 30), Ok("acme".to_owned())),
        ("nbf", json!(now + 31), Err(NotAccepted::NotYet)),
        ("nbf", json!("soon"), Err(NotAccepted::NotYet)),
        ("nbf", Value::Null, Ok("acme".to_owned())),
        ("sub", json!(""), Err(NotAccepted::Owner)),
        ("sub", json!(7), Err(NotAccepted::Owner)),
        ("sub", Value::Null, Err(NotAccepted::Owner)),
        ("scope", Value::Null, Ok("acme".to_owned())),
    ] {
        for key in [SigningKey::RsaOne, SigningKey::EcOne] {
            let token = key.token(&world.claims_with(name, value.clone()));
            assert_eq!(world.see(&token).await, expected, "{name} = {value}");
        }
    }
}

#[tokio::test]
async fn what_a_token_says_of_its_own_signature_is_not_believed() {
    let world = World::new();
    let (rsa, ec, claims) = (SigningKey::RsaOne, SigningKey::EcOne, world.claims());
    let unsigned = |alg: &str| {
        let header = encode(json!({ "alg": alg, "kid": rsa.kid() }).to_string().as_bytes());
        format!("{header}.{}.", encode(claims.to_string().as_bytes()))
    };
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "kid": kid });
    let good = rsa.token(&claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    let other_claims = encode(world.claims_with("sub", json!("other")).to_string().as_bytes());
    for (what, token, expected) in [
        ("no signature", unsigned("none"), NotAccepted::Algorithm),
        ("no signature, in capitals", unsigned("None"), NotAccepted::Algorithm),
        ("an empty signature", unsigned("RS256"), NotAccepted::Signature),
        ("another's claims", format!("{head}.{other_claims}.{signature}"), NotAccepted::Signature),
        ("an altered signature", format!("{signed}.{}", encode(&[7; 256])), NotAccepted::Signature),
        ("HS256 with the public key", hmac_with_public_key(rsa, &claims), NotAccepted::Algorithm),
        ("RS512", rsa.token_with(&header("RS512", rsa.kid()), &claims), NotAccepted::Algorithm),
        ("PS256", rsa.token_with(&header("PS256", rsa.kid()), &claims), NotAccepted::Algorithm),
        ("ES256 with an RSA key", rsa.token_with(&header("ES256", rsa.kid()), &claims), NotAccepted::UnknownKey),
        ("RS256 with a key of P-256", ec.token_with(&header("RS256", ec.kid()), &claims), NotAccepted::UnknownKey),
        ("a key that is not published", SigningKey::RsaTwo.token(&claims), NotAccepted::UnknownKey),
        (
            "an unpublished key under a published name",
            SigningKey::RsaTwo.token_with(&header("RS256", rsa.kid()), &claims),
            NotAccepted::Signature,
        ),
        (
            "the same of P-256",
            SigningKey::EcTwo.token_with(&header("ES256", ec.kid()), &claims),
            NotAccepted::Signature,
        ),
        ("no name of a key", rsa.token_with(&json!({ "alg": "RS256" }), &claims), NotAccepted::UnknownKey),
        (
            "a key of its own",
            SigningKey::RsaTwo.token_with(
                &json!({ "alg": "RS256", "kid": "rsa-two", "jwk": SigningKey::RsaTwo.public(), "jku": "http://127.0.0.1:1" }),
                &claims,
            ),
            NotAccepted::UnknownKey,
        ),
        (
            "critical extensions",
            rsa.token_with(&json!({ "alg": "RS256", "kid": rsa.kid(), "crit": ["b64"], "b64": false }), &claims),
            NotAccepted::Critical,
        ),
        ("no token", "a.b.c".to_owned(), NotAccepted::Malformed),
        ("two parts", signed.to_owned(), NotAccepted::Malformed),
        ("four parts", format!("{good}.x"), NotAccepted::Malformed),
        ("padding", format!("{good}="), NotAccepted::Malformed),
        ("claims that are no object", rsa.token(&json!([1])), NotAccepted::Malformed),
        ("a megabyte", rsa.token(&world.claims_with("x", json!("y".repeat(1 << 20)))), NotAccepted::Malformed),
    ] {
        assert_eq!(world.see(&token).await, Err(expected), "{what}");
    }
    assert_eq!(world.see(&good).await, Ok("acme".to_owned()));
}

/// The old trick: the public key, which everybody knows, as the secret of an HMAC.
fn hmac_with_public_key(key: SigningKey, claims: &Value) -> String {
    let header = encode(json!({ "alg": "HS256", "kid": key.kid() }).to_string().as_bytes());
    let signed = format!("{header}.{}", encode(claims.to_string().as_bytes()));
    let public = key.public()["n"].as_str().unwrap().to_owned();
    let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public.as_bytes());
    format!("{signed}.{}", encode(ring::hmac::sign(&secret, signed.as_bytes()).as_ref()))
}

#[tokio::test]
async fn keys_that_are_not_for_signatures_of_tokens_sign_none() {
    let (rsa, ec) = (SigningKey::RsaOne, SigningKey::EcOne);
    let altered = |key: SigningKey, name: &str, value: Value| {
        let mut jwk = key.public();
        jwk[name] = value;
        jwk
    };
    for (key, jwk) in [
        (rsa, altered(rsa, "use", json!("enc"))),
        (rsa, altered(rsa, "alg", json!("RS512"))),
        (rsa, altered(rsa, "key_ops", json!(["encrypt"]))),
        (rsa, altered(rsa, "kty", json!("oct"))),
        (ec, altered(ec, "crv", json!("P-384"))),
        (ec, altered(ec, "x", json!("AA"))),
    ] {
        let world = World::new();
        world.server.publish_jwks(vec![jwk.clone(), json!({ "kid": 7 }), json!("no key")]);
        assert_eq!(world.see(&key.token(&world.claims())).await, Err(NotAccepted::UnknownKey), "{jwk}");
    }
}

#[tokio::test]
async fn a_rotated_key_is_found_and_the_old_one_forgotten() {
    let world = World::new();
    let (old, new) = (SigningKey::RsaOne.token(&world.claims()), SigningKey::RsaTwo.token(&world.claims()));
    assert_eq!(world.see(&old).await, Ok("acme".to_owned()));
    world.server.publish(&[SigningKey::RsaTwo]);
    // An unknown key has the keys fetched again, and not more than once a minute.
    assert_eq!(world.see_at(&new, after(59)).await, Err(NotAccepted::UnknownKey));
    assert_eq!(world.server.asked().1, 1);
    assert_eq!(world.see_at(&new, after(60)).await, Ok("acme".to_owned()));
    assert_eq!(world.see_at(&old, after(60)).await, Err(NotAccepted::UnknownKey));
    for second in 61..119 {
        assert_eq!(world.see_at(&old, after(second)).await, Err(NotAccepted::UnknownKey));
    }
    assert_eq!(world.server.asked().1, 2);
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_good_for_an_hour_at_most() {
    let world = World::new();
    let mut claims = world.claims();
    claims["exp"] = json!(NOW.as_secs() + 86_400);
    let token = SigningKey::EcOne.token(&claims);
    assert_eq!(world.see(&token).await, Ok("acme".to_owned()));
    world.server.publish(&[SigningKey::RsaOne]);
    assert_eq!(world.see_at(&token, after(3599)).await, Ok("acme".to_owned()));
    assert_eq!(world.see_at(&token, after(3600)).await, Err(NotAccepted::UnknownKey));
}

#[tokio::test]
async fn an_issuer_that_is_down_breaks_no_key_that_is_known() {
    let world = World::new();
    let mut claims = world.claims();
    claims["exp"] = json!(NOW.as_secs() + 1_000_000);
    let token = SigningKey::RsaOne.token(&claims);
    assert_eq!(world.see(&token).await, Ok("acme".to_owned()));
    world.server.set_down(true);
    for second in [3600, 7200, 86_399] {
        assert_eq!(world.see_at(&token, after(second)).await, Ok("acme".to_owned()));
    }
    // Not for ever: a key that nobody confirmed for a day may have been withdrawn long ago.
    let error = world.issuer.caller(&token, after(86_400)).await.unwrap_err();
    assert!(matches!(error, TokenError::Unavailable { .. }), "{error:?}");
    world.server.set_down(false);
    assert_eq!(world.see_at(&token, after(86_405)).await, Ok("acme".to_owned()));
}

#[tokio::test]
async fn without_any_key_it_is_not_told_whether_a_token_is_good() {
    let world = World::new();
    world.server.set_down(true);
    let token = SigningKey::RsaOne.token(&world.claims());
    for (second, asked) in [(0, 1), (1, 1), (4, 1), (5, 2)] {
        let error = world.issuer.caller(&token, after(second)).await.unwrap_err();
        assert!(matches!(error, TokenError::Unavailable { again } if again.as_secs() == 5), "{error:?}");
        assert_eq!(world.server.asked().0, asked, "after {second} s");
    }
    world.server.set_down(false);
    assert_eq!(world.see_at(&token, after(10)).await, Ok("acme".to_owned()));
}

#[tokio::test]
async fn keys_of_another_issuer_are_not_taken() {
    let world = World::new();
    world.server.pretend_to_be("https://other.example");
    let error = world.issuer.caller(&SigningKey::RsaOne.token(&world.claims()), NOW).await.unwrap_err();
    assert!(matches!(error, TokenError::Unavailable { .. }), "{error:?}");
    assert_eq!(world.server.asked(), (1, 0));
}

#[tokio::test]
async fn the_keys_may_lie_where_the_settings_say_and_the_owner_in_another_claim() {
    let keys = IssuerServer::start(&[SigningKey::EcTwo]).unwrap();
    let world = world_with(&[(JWKS_URI, format!("{}/keys", keys.url())), (OWNER_CLAIM, "org".to_owned())]);
    let token = SigningKey::EcTwo.token(&world.claims_with("org", json!("the-company")));
    assert_eq!(world.see(&token).await, Ok("the-company".to_owned()));
    assert_eq!((world.server.asked(), keys.asked()), ((0, 0), (0, 1)));
}
