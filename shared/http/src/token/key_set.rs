//! The keys that an issuer publishes (RFC 7517), and signatures by them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use super::NotAccepted;
use super::parts::{Algorithm, Parts};

/// The most keys that are looked at.
const KEYS: usize = 100;

/// A public key, with what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    kid: String,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point of P-256, uncompressed.
    P256(Vec<u8>),
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of a set that can be used here. Others, as for encryption or of other kinds, are passed over.
pub(super) fn read(json: &[u8]) -> Result<Vec<PublicKey>, serde_json::Error> {
    let set: KeySet = serde_json::from_slice(json)?;
    Ok(set.keys.into_iter().take(KEYS).filter_map(|key| usable(serde_json::from_value(key).ok()?)).collect())
}

fn usable(jwk: Jwk) -> Option<PublicKey> {
    let signs = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
        && jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"));
    let bytes = |text: Option<&String>| URL_SAFE_NO_PAD.decode(text?).ok();
    let (material, algorithm) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => (Material::Rsa { n: bytes(jwk.n.as_ref())?, e: bytes(jwk.e.as_ref())? }, "RS256"),
        ("EC", Some("P-256")) => {
            let (x, y) = (bytes(jwk.x.as_ref())?, bytes(jwk.y.as_ref())?);
            let fits = x.len() == 32 && y.len() == 32;
            (Material::P256(fits.then(|| [&[4], x.as_slice(), &y].concat())?), "ES256")
        }
        _ => return None,
    };
    let is_for_it = jwk.alg.as_deref().is_none_or(|alg| alg == algorithm);
    (signs && is_for_it).then_some(PublicKey { kid: jwk.kid, material })
}

impl PublicKey {
    /// Whether it is the key that a token names, and of the kind that its algorithm takes.
    pub(super) fn is_for(&self, parts: &Parts<'_>) -> bool {
        self.kid == parts.kid && self.algorithm() == parts.algorithm
    }

    const fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
        }
    }

    /// Checks the signature of a token. Keys of less than 2,048 bits check nothing.
    pub(super) fn verify(&self, parts: &Parts<'_>) -> Result<(), NotAccepted> {
        let (message, signature) = (parts.signed.as_bytes(), parts.signature.as_slice());
        let verified = match &self.material {
            Material::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
        };
        verified.map_err(|_| NotAccepted::Signature)
    }
}
