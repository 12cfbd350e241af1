//! The three parts of a token (RFC 7515, compact serialization), strictly.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::NotAccepted;

/// The longest token, in bytes. API Gateway takes 10,240 bytes of headers.
const TOKEN_BYTES: usize = 10_240;

/// The algorithms that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
}

impl Algorithm {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// A token as it was sent. Nothing in it is to be believed before its signature was checked.
pub(super) struct Parts<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: String,
    pub(super) claims: Map<String, Value>,
    /// Header and claims as they are signed.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Parts<'a> {
    pub(super) fn read(token: &'a str) -> Result<Self, NotAccepted> {
        if token.len() > TOKEN_BYTES {
            return Err(NotAccepted::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(NotAccepted::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(NotAccepted::Malformed)?;
        let header: Header = document(header)?;
        let algorithm = Algorithm::parse(&header.alg).ok_or(NotAccepted::Algorithm)?;
        if header.crit.is_some() {
            return Err(NotAccepted::Critical);
        }
        let kid = header.kid.ok_or(NotAccepted::UnknownKey)?;
        Ok(Self { algorithm, kid, claims: document(claims)?, signed, signature: bytes(signature)? })
    }
}

fn bytes(part: &str) -> Result<Vec<u8>, NotAccepted> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| NotAccepted::Malformed)
}

fn document<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, NotAccepted> {
    serde_json::from_slice(&bytes(part)?).map_err(|_| NotAccepted::Malformed)
}
