//! `filas results` against a small server.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use crate::fake::{Answer, Fake, KEY, Said, TASK, filas, run};
use filas_cli::client::{Client, Patience};
use filas_cli::progress::Silent;

/// A server with results behind a redirect; the storage answers by `storage`, given how often it was asked before.
fn with_results(storage: fn(usize) -> Answer) -> Fake {
    Fake::new(move |asked, number, root| {
        if asked.target.starts_with("/bucket") {
            assert_eq!(asked.header("authorization"), None, "the key is not for the storage");
            return storage(number / 2);
        }
        Answer::Say(303, vec![("location", format!("{root}/bucket/results.ndjson?X-Amz-Signature=s%2Fs"))], vec![])
    })
}

const RESULTS: &[u8] = b"{\"row\":2,\"outcome\":\"succeeded\"}\n{\"row\":3,\"outcome\":\"succeeded\"}\n";

#[test]
fn results_come_to_standard_output_or_whole_into_a_file() {
    let fake = with_results(|_| Answer::Say(200, vec![], RESULTS.to_vec()));
    assert_eq!(run(&fake, &["results", TASK]).stdout.as_bytes(), RESULTS);
    assert!(fake.asked()[1].target.ends_with("?X-Amz-Signature=s%2Fs"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.ndjson");
    let said = run(&fake, &["results", TASK, "--json", "--out", path.to_str().unwrap()]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()["bytes"], RESULTS.len());
    assert_eq!(std::fs::read(&path).unwrap(), RESULTS);
}

#[test]
fn results_that_break_off_are_fetched_again_and_never_left_half() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.ndjson");
    std::fs::write(&path, "before").unwrap();
    let quick = Patience { first_pause: Duration::from_millis(1), ..Patience::default() };
    let save = |fake: &Fake| {
        let client = Client::new(&fake.url, KEY).with_patience(quick.clone());
        client.save_results(TASK.parse().unwrap(), &path, &mut Silent)
    };
    assert!(save(&with_results(|_| Answer::Break(RESULTS.to_vec()))).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    let passing = with_results(|number| match number {
        0 => Answer::Break(RESULTS.to_vec()),
        _ => Answer::Say(200, vec![], RESULTS.to_vec()),
    });
    assert_eq!(save(&passing).unwrap(), RESULTS.len() as u64);
    assert_eq!(std::fs::read(&path).unwrap(), RESULTS);
}

#[test]
fn failures_come_into_a_file_of_their_own_once_they_are_written() {
    let fake = Fake::new(|asked, number, root| {
        if asked.target.starts_with("/bucket") {
            return Answer::Say(200, vec![], b"PK".to_vec());
        }
        assert!(asked.target.ends_with(&format!("/v1/tasks/{TASK}/failures?format=xlsx")), "{}", asked.target);
        match number {
            0 | 1 => Answer::Say(
                503,
                vec![("content-type", "application/problem+json".into()), ("retry-after", "0".into())],
                br#"{"type":"/problems/not-ready","title":"Not there yet","status":503,"detail":"Soon."}"#.to_vec(),
            ),
            _ => Answer::Say(303, vec![("location", format!("{root}/bucket/failures.xlsx"))], vec![]),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failures.xlsx");
    let said = run(&fake, &["failures", TASK, "--out", path.to_str().unwrap()]);
    assert_eq!((said.code, std::fs::read(&path).unwrap().as_slice()), (0, b"PK".as_slice()), "{}", said.stderr);
    assert_eq!(run(&fake, &["failures", TASK, "--format", "pdf"]).code, 1);
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let fake = with_results(|_| Answer::Say(200, vec![], RESULTS.repeat(20_000)));
    let mut child = filas(&["results", TASK])
        .env("FILAS_URL", &fake.url)
        .env("FILAS_KEY", KEY)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    assert_eq!(first, "{\"row\":2,\"outcome\":\"succeeded\"}");
    let said = Said::from(child.wait_with_output().unwrap());
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}
