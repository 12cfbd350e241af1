//! Secrets in headers and signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;
use crate::listener::Listener;

const HEADER: &str =
    "name: a\ndeliver: { http: { put: '${P}/prices/1', headers: { authorization: 'Bearer secret:partner-token' } } }\n";

/// A partner that takes this token only, and can be told another.
async fn partner(token: &'static str) -> (Listener, Arc<std::sync::Mutex<&'static str>>) {
    let accepted = Arc::new(std::sync::Mutex::new(token));
    let known = accepted.clone();
    let partner = Listener::start(move |heard| {
        let expected = format!("Bearer {}", known.lock().unwrap());
        let status = if heard.header("authorization") == Some(&expected) { 200 } else { 401 };
        (status, "", String::new())
    })
    .await;
    (partner, accepted)
}

async fn deliver(pipeline: &Pipeline) -> String {
    told(pipeline.run_row(row(2, &json!({})), &context()).await)
}

#[tokio::test]
async fn a_rotated_secret_is_picked_up_when_it_is_refused() {
    let (partner, accepted) = partner("one").await;
    let outside = Outside::with_partner(partner.address);
    outside.secrets.put(&outside.owner, "partner-token", "one");
    let pipeline = outside.worker(HEADER);
    assert_eq!([deliver(&pipeline).await, deliver(&pipeline).await], ["succeeded"; 2]);
    assert_eq!((outside.secrets.reads(), partner.heard().len()), (1, 2));
    outside.secrets.put(&outside.owner, "partner-token", "two");
    assert_eq!(deliver(&pipeline).await, "succeeded");
    assert_eq!(outside.secrets.reads(), 1, "it is not read for each row");
    *accepted.lock().unwrap() = "two";
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let rows = futures::future::join_all((0..10).map(|_| deliver(&pipeline))).await;
    assert_eq!(rows, ["succeeded"; 10]);
    assert_eq!(outside.secrets.reads(), 2, "once for all");
}

#[tokio::test]
async fn a_secret_that_is_wrong_fails_the_row_and_is_not_shown() {
    let (partner, _) = partner("one").await;
    let outside = Outside::with_partner(partner.address);
    outside.secrets.put(&outside.owner, "partner-token", "hunter2");
    let pipeline = outside.worker(HEADER);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for _ in 0..3 {
        assert_eq!(deliver(&pipeline).await, "Deliver HTTP_401: the partner answered 401 Unauthorized");
    }
    assert!(!format!("{pipeline:?}").contains("hunter2"));
    assert_eq!(partner.heard().len(), 3, "the same secret is not tried twice");
    assert!(outside.secrets.reads() <= 2, "a wrong secret is not read for each row: {}", outside.secrets.reads());
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_the_installations_trouble() {
    let (partner, _) = partner("one").await;
    let outside = Outside::with_partner(partner.address);
    outside.secrets.put(&"globex".parse().unwrap(), "partner-token", "one");
    let pipeline = outside.worker(HEADER);
    assert_eq!(deliver(&pipeline).await, "fault: there is no secret `partner-token`");
    outside.secrets.fail_next("secret", 1);
    assert!(deliver(&pipeline).await.starts_with("unavailable: secret in memory"));
    outside.secrets.put(&outside.owner, "partner-token", "line\nbreak");
    assert_eq!(deliver(&pipeline).await, "fault: the secret `partner-token` is no header value");
    assert_eq!(partner.heard().len(), 0);
}

#[tokio::test]
async fn deliveries_are_signed_as_standard_webhooks_has_it() {
    let partner = Listener::start(|_| (200, "", String::new())).await;
    let outside = Outside::with_partner(partner.address);
    let key = b"a key of at least 24 bytes";
    outside.secrets.put(&outside.owner, "signing", &format!("whsec_{}", STANDARD.encode(key)));
    let yaml = "name: a\ndeliver: { http: { post: '${P}/hook', body: \"{'id': row.id}\", sign: 'secret:signing' } }\n";
    let pipeline = outside.worker(yaml);
    let seen = told(pipeline.run_row(row(7, &json!({"id": "é"})), &context()).await);
    assert_eq!(seen, "succeeded");
    let heard = &partner.heard()[0];
    let [id, timestamp, signature] =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| heard.header(name).unwrap());
    assert_eq!((id, heard.header("idempotency-key")), (format!("{}.7", task(1)).as_str(), Some(id)));
    let now = outside.clock.now().as_secs();
    assert!((now - 5..=now).contains(&timestamp.parse().unwrap()));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("{id}.{timestamp}.{}", heard.body).as_bytes());
    assert_eq!(signature, format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
    assert_eq!(heard.body, r#"{"id":"é"}"#);
    let trace = heard.header("traceparent").unwrap();
    assert!(trace.starts_with(&format!("00-{}-", task(1).to_string().replace('-', ""))), "{trace}");
    outside.secrets.put(&outside.owner, "signing", "not a signing secret");
    let seen = told(outside.worker(yaml).run_row(row(7, &json!({"id": 1})), &context()).await);
    assert_eq!(seen, "fault: the secret `signing`: a signing secret begins with whsec_");
}
