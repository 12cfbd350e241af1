//! The partner as its callers see it: over the wire, each behaviour by itself.

mod behaviour;
mod faults;
mod load;

use std::time::Duration;

use serde_json::{Value, json};

use super::{PartnerServer, PartnerSettings};

/// A partner and a client that reports statuses instead of failing on them.
struct Scene {
    partner: PartnerServer,
    client: ureq::Agent,
}

/// What a caller got.
#[derive(Debug)]
struct Got {
    status: u16,
    replayed: bool,
    retry_after: Option<String>,
    body: String,
}

impl Scene {
    fn new(settings: PartnerSettings) -> Self {
        let client = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_millis(1_500)))
            .proxy(None)
            .build()
            .new_agent();
        Self { partner: PartnerServer::start_local(settings).unwrap(), client }
    }

    fn quiet() -> Self {
        Self::new(PartnerSettings::default())
    }

    fn send(&self, method: &str, path: &str, key: Option<&str>, body: &str) -> Result<Got, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(self.partner.url() + path);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let mut response = self.client.run(request.body(body.to_owned()).unwrap())?;
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (replayed, retry_after) = (header("idempotent-replayed").as_deref() == Some("true"), header("retry-after"));
        let body = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        Ok(Got { status: response.status().as_u16(), replayed, retry_after, body })
    }

    fn put(&self, key: &str, body: &str) -> Result<Got, ureq::Error> {
        self.send("PUT", "/prices/00000001", Some(key), body)
    }

    fn get(&self, path: &str) -> Got {
        self.send("GET", path, None, "").unwrap()
    }

    fn summary(&self) -> Value {
        serde_json::from_str(&self.get("/_partner/journal?summary").body).unwrap()
    }

    /// The journal's numbers, as the server reports them, must be these; the others are not looked at.
    #[track_caller]
    fn check_summary(&self, expected: Value) {
        let seen = self.summary();
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&seen[name], value, "{name} in {seen}");
        }
    }
}

#[test]
fn a_taken_port_is_an_error() {
    let scene = Scene::quiet();
    let error = PartnerServer::start(scene.partner.address()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn a_stopped_partner_frees_its_port() {
    let scene = Scene::quiet();
    let address = scene.partner.address();
    assert_eq!(scene.put("k", "{}").unwrap().status, 200);
    scene.partner.stop();
    let again = PartnerServer::start(address).unwrap();
    assert_eq!(again.summary(), super::JournalSummary::default());
}

#[test]
fn health_answers_even_when_all_else_fails() {
    let scene = Scene::new(PartnerSettings { error_rate: 1.0, ..PartnerSettings::default() });
    assert_eq!(scene.get("/_partner/health").status, 200);
    assert_eq!(scene.put("k", "{}").unwrap().status, 500);
    scene.check_summary(json!({"requests": 1, "effects": 0, "keys": 1, "by_status": {"500": 1}}));
}
