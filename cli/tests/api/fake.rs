//! A small HTTP server that answers as told and remembers what it was asked, and the built `filas` run against it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

pub const KEY: &str = "secret-key-of-the-tests";
pub const TASK: &str = "018bcfe5-6800-7707-8707-070707070707";

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found: Vec<_> = self.headers.iter().filter(|(key, _)| key == name).collect();
        assert!(found.len() <= 1, "{name} twice");
        found.first().map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Method and path, without the query.
    pub fn call(&self) -> String {
        format!("{} {}", self.method, self.target.split('?').next().unwrap())
    }
}

/// What is answered.
pub enum Answer {
    /// Status, headers, body.
    Say(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// As `Say(200)`, but the connection ends after half of the body.
    Break(Vec<u8>),
    /// The connection ends without a word.
    HangUp,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Say(status, vec![("content-type", "application/json".into())], body.to_string().into_bytes())
    }

    pub fn problem(status: u16, title: &str, detail: &str) -> Self {
        let body = json!({"type": "/problems/x", "title": title, "status": status, "detail": detail});
        Self::Say(status, vec![("content-type", "application/problem+json".into())], body.to_string().into_bytes())
    }

    pub fn status(status: u16) -> Self {
        Self::Say(status, vec![], b"<html>trouble</html>".to_vec())
    }
}

pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// A server that answers each request by `answer`, which is given the request and its number, from 0. It has no
    /// WebSocket: whoever asks for a ticket has to do without, and that is not one of the calls that a test counts.
    pub fn new(answer: impl Fn(&Asked, usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        Self::serving(answer, false)
    }

    /// The same, where also a ticket is asked of `answer`.
    pub fn with_tickets(answer: impl Fn(&Asked, usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        Self::serving(answer, true)
    }

    fn serving(answer: impl Fn(&Asked, usize, &str) -> Answer + Send + Sync + 'static, gives_tickets: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, root, journal) = (Arc::new(answer), url.clone(), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, root, journal) = (Arc::clone(&answer), root.clone(), Arc::clone(&journal));
                thread::spawn(move || {
                    serve(stream.unwrap(), |request| {
                        if !gives_tickets && request.call() == "POST /v1/tickets" {
                            return Answer::status(404);
                        }
                        let number = {
                            let mut journal = journal.lock().unwrap();
                            journal.push(request.clone());
                            journal.len() - 1
                        };
                        answer(request, number, &root)
                    })
                });
            }
        });
        Self { url, asked }
    }

    /// Gives the answers one after the other; the last one for ever.
    pub fn script(answers: Vec<fn(&str) -> Answer>) -> Self {
        Self::new(move |_, number, root| answers[number.min(answers.len() - 1)](root))
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn calls(&self) -> Vec<String> {
        self.asked().iter().map(Asked::call).collect()
    }
}

fn serve(mut stream: TcpStream, answer: impl FnOnce(&Asked) -> Answer) {
    let Some(request) = read_request(&stream) else { return };
    let (status, headers, body, length) = match answer(&request) {
        Answer::HangUp => return,
        Answer::Break(body) => (200, vec![], body[..body.len() / 2].to_vec(), body.len()),
        Answer::Say(status, headers, body) => {
            let length = body.len();
            (status, headers, body, length)
        }
    };
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let _ = stream.write_all(format!("{head}\r\n").as_bytes());
    let _ = stream.write_all(&body);
}

fn read_request(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut request = Asked { method, target, headers, body: Vec::new() };
    assert_eq!(request.header("transfer-encoding"), None, "S3 does not take chunks");
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// A task as the API sends it.
pub fn task(state: &str, total: Option<u64>, succeeded: u64, failed: u64, unprocessed: u64) -> Value {
    let codes = if failed > 0 { json!({"INVALID_ROW": failed}) } else { json!({}) };
    json!({
        "id": TASK, "state": state, "pipeline": {"name": "orders", "version": "0011223344556677"},
        "filename": "orders\u{1b}[31m.csv", "size": 10, "format": null, "total": total, "succeeded": succeeded,
        "failed": failed, "unprocessed": unprocessed, "failed_by_code": codes,
        "batches": {"total": total.map(|_| 1), "size": 1000, "done": 0, "dead": 0, "cancelled": 0},
        "attempts": 1, "rows_per_second": null, "seconds_left": null,
        "reason": if state == "failed" { json!({"code": "FILE_ENCRYPTED", "message": "Remove the password."}) } else { Value::Null },
        "created": "2024-03-01T00:00:00Z", "split_started": null, "split_ended": null, "finished": null, "links": {},
    })
}

/// What `filas` said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().expect("ended by a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// `filas` with nothing of this machine's environment that could tell it an API.
pub fn filas(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filas"));
    command.args(arguments).env_remove("FILAS_URL").env_remove("FILAS_KEY").stdin(Stdio::null());
    command
}

/// Runs `filas` against the server. Whatever it says is without the key and without control characters.
pub fn run(fake: &Fake, arguments: &[&str]) -> Said {
    let said = Said::from(filas(arguments).env("FILAS_URL", &fake.url).env("FILAS_KEY", KEY).output().unwrap());
    for text in [&said.stdout, &said.stderr] {
        assert!(!text.contains(KEY), "{text}");
        assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'), "{text:?}");
    }
    said
}

/// A file with this content, and its folder.
pub fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let path = Path::to_str(&path).unwrap().to_owned();
    (folder, path)
}
