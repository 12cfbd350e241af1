//! Presigned requests, made by somebody without credentials.

use filas_aws::{S3Objects, SystemClock};
use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::{Clock as _, ObjectReader as _, ObjectSigner as _, ObjectWriter as _, SignedRequest};
use filas_testkit::contract::samples;

use crate::sandbox;

/// What came back: the status, one header, the body.
struct Answer {
    status: u16,
    disposition: Option<String>,
    body: Vec<u8>,
}

/// Makes the request as a browser would: the length is that of the body, and the headers that must be sent are.
async fn make(request: SignedRequest, more: Vec<(&'static str, &'static str)>, body: Vec<u8>) -> Answer {
    tokio::task::spawn_blocking(move || {
        let agent = ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
        let mut builder = ureq::http::Request::builder().method(request.method.as_str()).uri(&request.url);
        let signed = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in signed.filter(|(name, _)| *name != "content-length").chain(more) {
            builder = builder.header(name, value);
        }
        let mut answer = match request.method.as_str() {
            "GET" => agent.run(builder.body(()).unwrap()).unwrap(),
            _ => agent.run(builder.body(body).unwrap()).unwrap(),
        };
        let disposition = answer.headers().get("content-disposition").map(|value| value.to_str().unwrap().to_owned());
        Answer { status: answer.status().as_u16(), disposition, body: answer.body_mut().read_to_vec().unwrap() }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_signed_put_stores_the_object_with_any_media_type() {
    sandbox::with_bucket(async |cloud, bucket| {
        let objects = S3Objects::new(cloud.s3.clone(), bucket);
        for media_type in [vec![], vec![("content-type", "text/csv; charset=utf-8")]] {
            let key = ObjectKey::upload(samples::task().id);
            let request = objects.sign_put(&key, 9, samples::trace(), SystemClock.now()).await.unwrap();
            let answer = make(request, media_type, b"some,rows".to_vec()).await;
            assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
            assert_eq!(objects.get(&key, None).await.unwrap(), b"some,rows");
        }
    })
    .await;
}

#[tokio::test]
async fn a_signed_put_has_the_length_among_what_is_signed_and_nothing_that_a_browser_cannot_know() {
    sandbox::with_bucket(async |cloud, bucket| {
        let objects = S3Objects::new(cloud.s3.clone(), bucket);
        let key = ObjectKey::upload(samples::task().id);
        let request = objects.sign_put(&key, 9, samples::trace(), SystemClock.now()).await.unwrap();
        assert!(
            request.url.contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-meta-traceparent&"),
            "{}",
            request.url
        );
        assert!(!request.url.to_ascii_lowercase().contains("checksum"), "{}", request.url);
        assert!(request.url.contains("X-Amz-Expires=900&"), "{}", request.url);
        let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-length", "x-amz-meta-traceparent"]);
    })
    .await;
}

#[tokio::test]
async fn a_put_of_another_size_is_refused() {
    sandbox::with_bucket(async |cloud, bucket| {
        let objects = S3Objects::new(cloud.s3.clone(), bucket);
        let key = ObjectKey::upload(samples::task().id);
        let request = objects.sign_put(&key, 9, samples::trace(), SystemClock.now()).await.unwrap();
        let answer = make(request, vec![], b"some,rows and more".to_vec()).await;
        assert_eq!(answer.status, 403, "{}", String::from_utf8_lossy(&answer.body));
        assert_eq!(objects.size(&key).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_signed_get_is_saved_under_its_name() {
    sandbox::with_bucket(async |cloud, bucket| {
        let objects = S3Objects::new(cloud.s3.clone(), bucket);
        let key = ObjectKey::manifest(samples::task().id, Timestamp::from_millis(1));
        objects.put(&key, "application/x-ndjson", b"{}\n".to_vec()).await.unwrap();
        let request = objects.sign_get(&key, "prices é.ndjson", SystemClock.now()).await.unwrap();
        let answer = make(request, vec![], Vec::new()).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"{}\n"[..]));
        let expected = "attachment; filename=\"prices _.ndjson\"; filename*=UTF-8''prices%20%C3%A9.ndjson";
        assert_eq!(answer.disposition.as_deref(), Some(expected));
    })
    .await;
}

/// A signed request with something else in its URL.
fn altered(request: &SignedRequest, from: &str, to: &str) -> SignedRequest {
    assert!(request.url.contains(from), "{}", request.url);
    SignedRequest { url: request.url.replacen(from, to, 1), ..request.clone() }
}

#[tokio::test]
async fn a_signed_request_is_for_one_object_and_one_method() {
    sandbox::with_bucket(async |cloud, bucket| {
        let objects = S3Objects::new(cloud.s3.clone(), bucket);
        let (mine, other) = (samples::task().id, samples::task().id);
        for task in [mine, other] {
            objects.put(&ObjectKey::upload(task), "text/csv", b"some,rows".to_vec()).await.unwrap();
        }
        let get = objects.sign_get(&ObjectKey::upload(mine), "a.csv", SystemClock.now()).await.unwrap();
        let put = objects.sign_put(&ObjectKey::upload(mine), 9, samples::trace(), SystemClock.now()).await.unwrap();
        assert_eq!(make(get.clone(), vec![], Vec::new()).await.status, 200);
        let (mine, other) = (mine.to_string(), other.to_string());
        for (what, request) in [
            ("another object", altered(&get, &mine, &other)),
            ("the object of another, to be overwritten", altered(&put, &mine, &other)),
            ("another method", SignedRequest { method: "PUT".into(), ..get.clone() }),
            ("the other method", SignedRequest { method: "GET".into(), ..put.clone() }),
            ("a longer time", altered(&get, "X-Amz-Expires=900", "X-Amz-Expires=9000")),
            ("another name", altered(&get, "a.csv", "b.csv")),
        ] {
            let answer = make(request, vec![], b"else,rows".to_vec()).await;
            assert_eq!(answer.status, 403, "{what}: {}", String::from_utf8_lossy(&answer.body));
        }
        let task = other.parse().unwrap();
        assert_eq!(objects.get(&ObjectKey::upload(task), None).await.unwrap(), b"some,rows");
    })
    .await;
}

#[tokio::test]
async fn a_signed_request_is_good_for_minutes() {
    sandbox::with_bucket(async |cloud, bucket| {
        let objects = S3Objects::new(cloud.s3.clone(), bucket);
        let key = ObjectKey::upload(samples::task().id);
        objects.put(&key, "text/csv", b"some,rows".to_vec()).await.unwrap();
        let ago = |seconds: u64| {
            Timestamp::from_millis(SystemClock.now().as_millis() - Duration::from_secs(seconds).as_millis() as u64)
        };
        for (seconds, status) in [(0, 200), (14 * 60, 200), (15 * 60 + 5, 403)] {
            let get = objects.sign_get(&key, "a.csv", ago(seconds)).await.unwrap();
            assert_eq!(make(get, vec![], Vec::new()).await.status, status, "{seconds} s after the signature");
            let put = objects.sign_put(&key, 9, samples::trace(), ago(seconds)).await.unwrap();
            assert_eq!(
                make(put, vec![], b"some,rows".to_vec()).await.status,
                status,
                "{seconds} s after the signature"
            );
        }
    })
    .await;
}
