//! A server that answers each request as the test says and remembers what it heard, and when.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// A request as it came: the head in lower case, the body as it is.
#[derive(Debug, Clone)]
pub struct Heard {
    pub at: Instant,
    pub head: String,
    pub body: String,
}

impl Heard {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// The server.
#[derive(Clone)]
pub struct Listener {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Listener {
    /// Answers each request with what `answer` makes of it: status line, headers and body without the lengths.
    pub async fn start(answer: impl Fn(&Heard) -> (u16, &'static str, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self { address: listener.local_addr().unwrap(), heard: Arc::default() };
        let (heard, answer) = (this.heard.clone(), Arc::new(answer));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (heard, answer) = (heard.clone(), answer.clone());
                tokio::spawn(async move { serve(stream, &heard, &*answer).await });
            }
        });
        this
    }

    /// Everything so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    heard: &Mutex<Vec<Heard>>,
    answer: &(impl Fn(&Heard) -> (u16, &'static str, String) + Sync),
) -> Option<()> {
    let _ = stream.set_nodelay(true);
    let mut bytes = Vec::new();
    loop {
        let request = loop {
            if let Some((request, length)) = parse(&bytes) {
                bytes.drain(..length);
                break request;
            }
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let (status, headers, body) = answer(&request);
        heard.lock().unwrap().push(request);
        let length = body.len();
        let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        stream.write_all(text.as_bytes()).await.ok()?;
    }
}

/// The first request in `bytes` and how long it is, if it is whole.
fn parse(bytes: &[u8]) -> Option<(Heard, usize)> {
    let text = String::from_utf8_lossy(bytes);
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let names_in_lower_case = |line: &str| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
        None => line.to_owned(),
    };
    let head = head.lines().map(names_in_lower_case).collect::<Vec<_>>().join("\n");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let body = rest.get(..length)?.to_owned();
    let all = text.len() - rest.len() + length;
    Some((Heard { at: Instant::now(), head, body }, all))
}
