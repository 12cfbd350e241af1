//! An issuer of tokens: keys that only tests have, and an HTTP server that publishes them as an OIDC issuer does.
//!
//! The keys are files here, so that the process that signs need not be the one that publishes.

#![expect(clippy::expect_used, reason = "the keys are files of ours, and this is for tests")]

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, KeyPair as _, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};

/// What its tokens have as `aud` where they are for Filas.
pub const AUDIENCE: &str = "filas-tests";

/// A key pair of the issuer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningKey {
    /// RSA, 2,048 bits.
    RsaOne,
    /// Another one of the same kind.
    RsaTwo,
    /// P-256.
    EcOne,
    /// Another one of the same kind.
    EcTwo,
}

impl SigningKey {
    /// The name that tokens call it by.
    pub const fn kid(self) -> &'static str {
        match self {
            Self::RsaOne => "rsa-one",
            Self::RsaTwo => "rsa-two",
            Self::EcOne => "ec-one",
            Self::EcTwo => "ec-two",
        }
    }

    /// The algorithm that it is for.
    pub const fn alg(self) -> &'static str {
        match self {
            Self::RsaOne | Self::RsaTwo => "RS256",
            Self::EcOne | Self::EcTwo => "ES256",
        }
    }

    const fn pkcs8(self) -> &'static [u8] {
        match self {
            Self::RsaOne => include_bytes!("rsa-one.pk8"),
            Self::RsaTwo => include_bytes!("rsa-two.pk8"),
            Self::EcOne => include_bytes!("ec-one.pk8"),
            Self::EcTwo => include_bytes!("ec-two.pk8"),
        }
    }

    /// The public key as a JSON Web Key.
    ///
    /// # Panics
    /// When the file is no key.
    pub fn public(self) -> Value {
        let mut jwk = json!({ "kid": self.kid(), "alg": self.alg(), "use": "sig" });
        match self {
            Self::RsaOne | Self::RsaTwo => {
                let public: RsaPublicKeyComponents<Vec<u8>> = self.rsa().public().into();
                jwk["kty"] = "RSA".into();
                jwk["n"] = encode(&public.n).into();
                jwk["e"] = encode(&public.e).into();
            }
            Self::EcOne | Self::EcTwo => {
                let pair = self.ec();
                let point = pair.public_key().as_ref();
                jwk["kty"] = "EC".into();
                jwk["crv"] = "P-256".into();
                jwk["x"] = encode(&point[1..33]).into();
                jwk["y"] = encode(&point[33..]).into();
            }
        }
        jwk
    }

    /// A token with these claims, signed by this key.
    ///
    /// # Panics
    /// When the file is no key.
    pub fn token(self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.alg(), "kid": self.kid(), "typ": "JWT" }), claims)
    }

    /// A token with this very header, whatever it says, signed by this key.
    ///
    /// # Panics
    /// When the file is no key.
    pub fn token_with(self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", encode(&signature))
    }

    fn sign(self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::RsaOne | Self::RsaTwo => {
                let pair = self.rsa();
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signature).expect(KEY);
                signature
            }
            Self::EcOne | Self::EcTwo => self.ec().sign(&random, message).expect(KEY).as_ref().to_vec(),
        }
    }

    fn rsa(self) -> RsaKeyPair {
        RsaKeyPair::from_pkcs8(self.pkcs8()).expect(KEY)
    }

    fn ec(self) -> EcdsaKeyPair {
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        EcdsaKeyPair::from_pkcs8(algorithm, self.pkcs8(), &SystemRandom::new()).expect(KEY)
    }
}

const KEY: &str = "the file is a key of its kind";

/// Base64 as tokens have it.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[derive(Debug, Default)]
struct Published {
    keys: Vec<Value>,
    is_down: bool,
    discoveries: u32,
    fetches: u32,
    issuer: Option<String>,
}

/// The HTTP server: `/.well-known/openid-configuration` and `/keys`. It ends with its process.
#[derive(Debug, Clone)]
pub struct IssuerServer {
    address: SocketAddr,
    published: Arc<Mutex<Published>>,
}

impl IssuerServer {
    /// An issuer on a free port of this machine that publishes these keys.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(keys: &[SigningKey]) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = Self { address: listener.local_addr()?, published: Arc::default() };
        server.publish(keys);
        let answering = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away is its own affair.
                let _ = answering.answer(stream);
            }
        });
        Ok(server)
    }

    /// What tokens have as `iss`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Publishes these keys, and no others, from now on.
    pub fn publish(&self, keys: &[SigningKey]) {
        self.publish_jwks(keys.iter().map(|key| key.public()).collect());
    }

    /// Publishes these JSON Web Keys, whatever they say.
    pub fn publish_jwks(&self, keys: Vec<Value>) {
        self.published().keys = keys;
    }

    /// Whether every request is answered with 500 from now on.
    pub fn set_down(&self, is_down: bool) {
        self.published().is_down = is_down;
    }

    /// Says from now on that it is another issuer.
    pub fn pretend_to_be(&self, issuer: &str) {
        self.published().issuer = Some(issuer.to_owned());
    }

    /// How often its configuration, and its keys, were asked for.
    pub fn asked(&self) -> (u32, u32) {
        let published = self.published();
        (published.discoveries, published.fetches)
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        let path = first.split(' ').nth(1).unwrap_or_default();
        let (status, body) = self.document(path);
        let body = body.to_string();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    fn document(&self, path: &str) -> (&'static str, Value) {
        let mut published = self.published();
        let document = match path {
            "/.well-known/openid-configuration" => {
                published.discoveries += 1;
                let issuer = published.issuer.clone().unwrap_or_else(|| self.url());
                json!({ "issuer": issuer, "jwks_uri": format!("{}/keys", self.url()) })
            }
            "/keys" => {
                published.fetches += 1;
                json!({ "keys": published.keys })
            }
            _ => return ("404 Not Found", json!({})),
        };
        match published.is_down {
            true => ("500 Internal Server Error", json!({})),
            false => ("200 OK", document),
        }
    }
}
