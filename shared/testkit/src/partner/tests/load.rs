//! Many keys over few connections.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;

use serde_json::json;

use super::Scene;

/// Sends `count` deliveries over one connection, each after the answer to the one before.
fn deliver_over_one_connection(scene: &Scene, first_key: u32, count: u32) {
    let stream = TcpStream::connect(scene.partner.address()).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut requests = stream;
    let (mut line, mut body) = (String::new(), Vec::new());
    for key in first_key..first_key + count {
        let request = format!(
            "PUT /prices/{key} HTTP/1.1\r\nhost: partner\r\nidempotency-key: t.{key}\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        requests.write_all(request.as_bytes()).unwrap();
        line.clear();
        answers.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        let mut length = 0;
        while line.trim() != "" {
            line.clear();
            answers.read_line(&mut line).unwrap();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        body.resize(length, 0);
        answers.read_exact(&mut body).unwrap();
    }
}

#[test]
fn a_hundred_thousand_keys_are_each_kept_once() {
    const CONNECTIONS: u32 = 8;
    const EACH: u32 = 12_500;
    let scene = Scene::quiet();
    let begun = std::time::Instant::now();
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let scene = &scene;
            scope.spawn(move || deliver_over_one_connection(scene, connection * EACH, EACH));
        }
    });
    let total = u64::from(CONNECTIONS * EACH);
    println!("{:.0} deliveries/s", total as f64 / begun.elapsed().as_secs_f64());
    scene.check_summary(json!({"requests": total, "keys": total, "effects": total, "replays": 0, "conflicts": 0}));
    let journal = scene.get("/_partner/journal").body;
    assert_eq!(journal.lines().count() as u64, total);
    assert!(journal.lines().all(|line| line.contains(r#""requests":1,"effects":1,"last_status":200"#)));
}
