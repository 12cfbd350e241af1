//! What the partner does wrong when it is told to.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{PartnerSettings, Scene};

#[test]
fn each_key_fails_as_often_as_asked() {
    let scene = Scene::new(PartnerSettings { fail_first: 2, error_status: 503, ..PartnerSettings::default() });
    for key in ["t.1", "t.2"] {
        let statuses = [(); 4].map(|()| scene.put(key, "{}").unwrap().status);
        assert_eq!(statuses, [503, 503, 200, 200]);
    }
    scene.check_summary(json!({"requests": 8, "effects": 2, "replays": 2, "by_status": {"200": 4, "503": 4}}));
}

#[test]
fn the_rate_limit_says_when_to_come_back() {
    let scene = Scene::new(PartnerSettings { rate_limit_per_second: 2, ..PartnerSettings::default() });
    let mut refused = 0;
    for key in 0..5 {
        let got = scene.put(&format!("t.{key}"), "{}").unwrap();
        if got.status == 429 {
            assert_eq!(got.retry_after.as_deref(), Some("1"));
            refused += 1;
        }
    }
    // Five requests take far less than a second; one boundary between two windows is allowed for.
    assert!(refused >= 1, "no request of five was refused at 2 a second");
    thread::sleep(Duration::from_millis(1_050));
    assert_eq!(scene.put("t.9", "{}").unwrap().status, 200);
    scene.check_summary(json!({"effects": 6 - refused, "requests": 6}));
}

#[test]
fn a_hang_is_never_answered() {
    for after_effect in [false, true] {
        let settings =
            PartnerSettings { hang_rate: 1.0, hang_after_effect: after_effect, ..PartnerSettings::default() };
        let scene = Scene::new(settings);
        let error = scene.put("t.1", "{}").unwrap_err();
        assert!(matches!(error, ureq::Error::Timeout(_)), "{error:?}");
        scene.check_summary(json!({"requests": 1, "hangs": 1, "effects": u64::from(after_effect), "by_status": {}}));
    }
}

#[test]
fn a_reset_comes_before_or_after_the_effect() {
    for after_effect in [false, true] {
        let settings =
            PartnerSettings { reset_rate: 1.0, reset_after_effect: after_effect, ..PartnerSettings::default() };
        let scene = Scene::new(settings);
        let error = scene.put("t.1", "{}").unwrap_err();
        let reset = matches!(&error, ureq::Error::Io(cause) if cause.kind() == std::io::ErrorKind::ConnectionReset);
        assert!(reset, "{error:?}");
        scene.check_summary(json!({"requests": 1, "resets": 1, "effects": u64::from(after_effect)}));
        scene.partner.set(PartnerSettings::default()).unwrap();
        let again = scene.put("t.1", "{}").unwrap();
        assert_eq!((again.status, again.replayed), (200, after_effect));
        scene.check_summary(json!({"effects": 1, "requests": 2}));
    }
}

#[test]
fn latency_and_concurrency_are_real() {
    let scene = Scene::new(PartnerSettings { latency_ms: 150, ..PartnerSettings::default() });
    let begun = Instant::now();
    thread::scope(|scope| {
        for key in 0..4 {
            let scene = &scene;
            scope.spawn(move || assert_eq!(scene.put(&format!("t.{key}"), "{}").unwrap().status, 200));
        }
    });
    assert!(begun.elapsed() >= Duration::from_millis(150));
    scene.check_summary(json!({"max_in_flight": 4, "effects": 4}));
}

#[test]
fn a_caller_that_hangs_up_does_not_undo_the_work() {
    let scene = Scene::new(PartnerSettings { latency_ms: 1_700, ..PartnerSettings::default() });
    let error = scene.put("t.1", "{}").unwrap_err();
    assert!(matches!(error, ureq::Error::Timeout(_)), "{error:?}");
    scene.check_summary(json!({"effects": 0}));
    thread::sleep(Duration::from_millis(600));
    scene.check_summary(json!({"effects": 1, "by_status": {"200": 1}}));
}

#[test]
fn the_same_seed_fails_the_same_requests() {
    let statuses = |seed| {
        let scene = Scene::new(PartnerSettings { error_rate: 0.4, seed, ..PartnerSettings::default() });
        (0..40).map(|key| scene.put(&format!("t.{key}"), "{}").unwrap().status).collect::<Vec<_>>()
    };
    let first = statuses(7);
    assert_eq!(first, statuses(7));
    assert_ne!(first, statuses(8));
    assert!(first.contains(&500) && first.contains(&200));
}
