//! Signatures as Standard Webhooks 1.0 has them (symmetric, `v1`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

pub(crate) const ID: HeaderName = HeaderName::from_static("webhook-id");
pub(crate) const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub(crate) const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What a signing secret begins with, before its base64.
const PREFIX: &str = "whsec_";

/// The three headers of a request. `secret` is one signing secret, or several with spaces between them: while a secret is
/// rotated, each side may know the old or the new one. An error says what is wrong with the secret and not what it is.
pub(crate) fn headers(secret: &str, id: &HeaderValue, seconds: u64, body: &[u8]) -> Result<HeaderMap, &'static str> {
    let mut signatures = Vec::new();
    for secret in secret.split_whitespace() {
        let key = secret.strip_prefix(PREFIX).ok_or("a signing secret begins with whsec_")?;
        let key = STANDARD.decode(key).map_err(|_| "a signing secret is base64 behind whsec_")?;
        signatures.push(signature(&key, id.as_bytes(), seconds, body)?);
    }
    if signatures.is_empty() {
        return Err("the signing secret is empty");
    }
    let signatures = HeaderValue::try_from(signatures.join(" ")).map_err(|_| "the signature is no header")?;
    Ok(HeaderMap::from_iter([(ID, id.clone()), (TIMESTAMP, HeaderValue::from(seconds)), (SIGNATURE, signatures)]))
}

fn signature(key: &[u8], id: &[u8], seconds: u64, body: &[u8]) -> Result<String, &'static str> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| "the signing secret is no key")?;
    mac.update(id);
    mac.update(format!(".{seconds}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const EXPECTED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn signed(secret: &str) -> Result<String, &'static str> {
        let id = HeaderValue::from_static("msg_p5jXN8AQM9LWM0D4loKWxJek");
        let headers = headers(secret, &id, 1_614_265_330, br#"{"test": 2432232314}"#)?;
        assert_eq!((&headers[ID], &headers[TIMESTAMP]), (&id, &HeaderValue::from_static("1614265330")));
        Ok(headers[SIGNATURE].to_str().unwrap().to_owned())
    }

    #[test]
    fn requests_are_signed_as_the_specification_says() {
        assert_eq!(signed(SECRET).as_deref(), Ok(EXPECTED));
    }

    #[test]
    fn while_a_secret_is_rotated_both_sign() {
        let both = signed(&format!("whsec_bmV3 {SECRET}")).unwrap();
        assert!(both.starts_with("v1,") && both.ends_with(&format!(" {EXPECTED}")), "{both}");
    }

    #[test]
    fn a_secret_that_is_none_is_an_error() {
        assert_eq!(signed("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Err("a signing secret begins with whsec_"));
        assert_eq!(signed("whsec_%%"), Err("a signing secret is base64 behind whsec_"));
        assert_eq!(signed(" "), Err("the signing secret is empty"));
    }
}
