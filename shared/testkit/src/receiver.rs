//! A receiver of webhooks: it keeps what it was sent and answers as it is told to, or not at all. What came to a path is also
//! told by HTTP, at `/_received` and that path, to tests in another process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What a path begins with at which it is told what came.
pub const RECEIVED: &str = "/_received";

/// What a receiver answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// This status, with these further header lines.
    Status(u16, &'static str),
    /// Nothing: the connection stays open.
    Silence,
}

/// A request as it came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Received {
    /// The path.
    pub path: String,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Received {
    /// The header of this name, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Whether the signature is that of the secret `whsec_…`, as a receiver has to check it by Standard Webhooks.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let Some(key) = secret.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok()) else { return false };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{timestamp}.{}", self.body).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|signature| signature == expected)
    }
}

type Answers = dyn Fn(&Received, usize) -> Reply + Send + Sync;

/// A receiver that listens until the process ends.
#[derive(Debug, Clone)]
pub struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Listens at `address` (port 0 for any). `answers` gets each request and how many came to its path before.
    ///
    /// # Errors
    /// When somebody else listens there.
    pub fn start(
        address: &str,
        answers: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let receiver = Self { address: listener.local_addr()?, received: Arc::default() };
        let (kept, answers): (_, Arc<Answers>) = (receiver.received.clone(), Arc::new(answers));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answers) = (kept.clone(), answers.clone());
                // A connection that breaks is the sender's to try again.
                thread::spawn(move || serve(stream, &kept, &*answers).ok());
            }
        });
        Ok(receiver)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came to a path, in order.
    pub fn received(&self, path: &str) -> Vec<Received> {
        of_path(&self.received, path)
    }
}

fn of_path(kept: &Mutex<Vec<Received>>, path: &str) -> Vec<Received> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.iter().filter(|request| request.path == path).cloned().collect()
}

/// The receiver for tests on a deployed stack: what a path begins with says how it answers. `/ok` takes everything,
/// `/flaky` refuses twice, `/silent` never answers, anything else is not there.
///
/// # Errors
/// When there is no port to listen at.
pub fn by_path() -> std::io::Result<Receiver> {
    Receiver::start("127.0.0.1:0", |request, before| match request.path.split('/').nth(1) {
        Some("ok") => Reply::Status(204, ""),
        Some("flaky") if before < 2 => Reply::Status(503, ""),
        Some("flaky") => Reply::Status(200, ""),
        Some("silent") => Reply::Silence,
        _ => Reply::Status(404, ""),
    })
}

/// One request; the connection is not used for another.
fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Received>>, answers: &Answers) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let request = Received { path, headers, body };
    if let Some(path) = request.path.strip_prefix(RECEIVED) {
        let came = of_path(kept, path);
        let json = serde_json::to_string(&came)?;
        let length = json.len();
        return write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{json}");
    }
    let before = {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.iter().filter(|earlier| earlier.path == request.path).count();
        kept.push(request.clone());
        before
    };
    match answers(&request, before) {
        Reply::Status(status, headers) => {
            write!(stream, "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n")
        }
        Reply::Silence => {
            thread::sleep(Duration::from_secs(120));
            Ok(())
        }
    }
}
