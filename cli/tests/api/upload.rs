//! `filas upload` against a small server.

use std::time::{Duration, Instant};

use crate::fake::{Answer, Asked, Fake, KEY, TASK, file, run, task};
use filas_cli::client::{Client, Patience, Upload};
use filas_cli::progress::Silent;
use serde_json::json;

fn registered(_: &str) -> Answer {
    Answer::json(202, &task("splitting", None, 0, 0, 0))
}

/// The answer of `POST /v1/uploads`.
fn announced(root: &str) -> Answer {
    let upload = json!({
        "method": "PUT", "url": format!("{root}/bucket/uploads/{TASK}?X-Amz-Signature=s%2Fs"),
        "headers": [["x-amz-meta-task", TASK], ["content-type", "application/octet-stream"], ["content-length", "1"]],
        "expires": "2024-03-01T00:15:00Z",
    });
    Answer::json(201, &json!({"task": task("awaiting_upload", None, 0, 0, 0), "upload": upload}))
}

fn stored(_: &str) -> Answer {
    Answer::Say(200, vec![], vec![])
}

fn keys(asked: &[Asked]) -> Vec<&str> {
    asked.iter().filter_map(|asked| asked.header("idempotency-key")).collect()
}

#[test]
fn a_small_file_goes_with_the_request() {
    let fake = Fake::script(vec![registered]);
    let (_folder, path) = file("año & más.CSV", b"a,b\n1,2\n");
    let said = run(&fake, &["upload", &path, "--pipeline", "orders", "--sheet", "Hoja 1", "--batch-size", "50"]);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert!(said.stdout.contains(&format!("filas watch {TASK}")), "{}", said.stdout);
    let asked = &fake.asked()[0];
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str()),
        ("POST", "/v1/tasks?pipeline=orders&filename=a%C3%B1o%20%26%20m%C3%A1s.CSV&batch_size=50&sheet=Hoja%201")
    );
    assert_eq!(asked.body, b"a,b\n1,2\n");
    assert_eq!(asked.header("content-type"), Some("text/csv"));
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert!(asked.header("idempotency-key").unwrap().len() >= 32);
}

#[test]
fn two_uploads_have_two_idempotency_keys_unless_told_otherwise() {
    let fake = Fake::script(vec![registered]);
    let (_folder, path) = file("a.csv", b"a\n1\n");
    for more in [&[][..], &[], &["--idempotency-key", "mine"], &["--idempotency-key", "mine"]] {
        assert_eq!(run(&fake, &[&["upload", &path, "--pipeline", "p"], more].concat()).code, 0);
    }
    let asked = fake.asked();
    let keys = keys(&asked);
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[2..], ["mine", "mine"]);
}

#[test]
fn a_large_file_goes_to_the_storage_without_being_told() {
    let content: Vec<u8> = (0..4_500_001_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let fake = Fake::script(vec![announced, stored]);
    let (_folder, path) = file("large.xlsx", &content);
    let said = run(&fake, &["upload", &path, "--pipeline", "orders", "--batch-size", "7"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("sent 4.5 MB of 4.5 MB"), "{said:?}");
    let asked = fake.asked();
    assert_eq!(fake.calls(), ["POST /v1/uploads".to_owned(), format!("PUT /bucket/uploads/{TASK}")]);
    let media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    assert_eq!(
        asked[0].json(),
        json!({"filename": "large.xlsx", "size": 4_500_001, "pipeline": "orders", "batch_size": 7, "media_type": media_type})
    );
    assert!(asked[1].target.ends_with("?X-Amz-Signature=s%2Fs"), "the signed address is sent as it is");
    assert_eq!(asked[1].header("content-length"), Some("4500001"));
    assert_eq!(asked[1].header("x-amz-meta-task"), Some(TASK));
    assert_eq!(asked[1].header("content-type"), Some("application/octet-stream"));
    assert_eq!(asked[1].header("authorization"), None, "the key is not for the storage");
    assert!(asked[1].body == content);
}

#[test]
fn trouble_that_passes_is_sat_out_with_one_idempotency_key() {
    let fake = Fake::script(vec![
        |_| Answer::HangUp,
        |_| Answer::status(503),
        |_| Answer::Say(429, vec![("retry-after", "1".into())], vec![]),
        registered,
    ]);
    let (_folder, path) = file("a.csv", b"a\n1\n");
    let start = Instant::now();
    let said = run(&fake, &["upload", &path, "--pipeline", "p", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(start.elapsed() >= Duration::from_secs(1), "Retry-After is obeyed");
    let asked = fake.asked();
    let keys = keys(&asked);
    assert_eq!(keys.len(), 4);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert!(asked.iter().all(|asked| asked.body == b"a\n1\n"));
    assert_eq!(said.stderr.lines().count(), 3, "each retry is said: {}", said.stderr);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()["id"], TASK);
}

#[test]
fn the_storage_is_tried_again_and_a_stale_permission_renewed() {
    let fake = Fake::script(vec![
        announced,
        |_| Answer::HangUp,
        |_| Answer::status(503),
        |_| Answer::status(403),
        announced,
        stored,
    ]);
    let (_folder, path) = file("a.csv", b"a\n1\n");
    let quick = Patience { first_pause: Duration::from_millis(1), ..Patience::default() };
    let client = Client::new(&fake.url, KEY).with_patience(quick);
    let upload = Upload { direct_up_to: 0, ..Upload::new(&path, "p") };
    assert_eq!(client.upload(&upload, &mut Silent).unwrap().id.to_string(), TASK);
    let (register, put) = ("POST /v1/uploads".to_owned(), format!("PUT /bucket/uploads/{TASK}"));
    let expected = [&register, &put, &put, &put, &register, &put];
    assert_eq!(fake.calls().iter().collect::<Vec<_>>(), expected);
    let asked = fake.asked();
    assert_eq!(keys(&asked)[0], keys(&asked)[1]);
    assert!(asked.iter().filter(|asked| asked.method == "PUT").all(|asked| asked.body == b"a\n1\n"));
}

#[test]
fn a_file_that_arrived_before_is_not_sent_again() {
    let fake = Fake::script(vec![|_| Answer::json(201, &json!({"task": task("processing", Some(1), 0, 0, 0)}))]);
    let (_folder, path) = file("a.csv", b"a\n1\n");
    let upload = Upload { direct_up_to: 0, ..Upload::new(&path, "p") };
    Client::new(&fake.url, KEY).upload(&upload, &mut Silent).unwrap();
    assert_eq!(fake.calls(), ["POST /v1/uploads"]);
}

#[test]
fn a_body_that_is_too_large_after_all_goes_to_the_storage() {
    let fake = Fake::script(vec![|_| Answer::problem(413, "Too large", "Use /v1/uploads."), announced, stored]);
    let (_folder, path) = file("a.csv", b"a\n1\n");
    assert_eq!(run(&fake, &["upload", &path, "--pipeline", "p"]).code, 0);
    assert_eq!(fake.calls().len(), 3);
}

#[test]
fn what_the_storage_refuses_is_said_without_the_signature() {
    let fake = Fake::script(vec![announced, |_| Answer::status(400)]);
    let (_folder, path) = file("large.csv", &vec![b'a'; 4_500_001]);
    let said = run(&fake, &["upload", &path, "--pipeline", "p"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("answered 400: <html>trouble</html>"), "{said:?}");
    assert!(!said.stderr.contains("Signature"), "{said:?}");
}

#[test]
fn a_file_that_is_not_there_is_said_and_nothing_is_sent() {
    let fake = Fake::script(vec![registered]);
    let (folder, path) = file("a.csv", b"");
    let folder = folder.path().to_str().unwrap();
    for wrong in [format!("{path}.missing"), folder.to_owned()] {
        let said = run(&fake, &["upload", &wrong, "--pipeline", "p"]);
        assert_eq!(said.code, 1);
        assert!(said.stderr.contains(&wrong), "{said:?}");
    }
    assert!(fake.asked().is_empty());
}

#[test]
fn a_watched_upload_ends_with_the_summary_and_its_code() {
    let fake = Fake::script(vec![registered, |_| Answer::json(200, &task("processing", Some(10), 4, 0, 0)), |_| {
        Answer::json(200, &task("completed_with_failures", Some(10), 9, 1, 0))
    }]);
    let (_folder, path) = file("a.csv", b"a\n1\n");
    let said = run(&fake, &["upload", &path, "--pipeline", "p", "--watch"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.contains(&format!("task {TASK}\nprocessing 4 of 10 rows, 0 failed\n")), "{said:?}");
    assert!(said.stdout.contains("failed       1 (INVALID_ROW 1)"), "{said:?}");
}
