//! A partner that is down: rows do not fail of it, and soon nobody asks it any more.

use filas_testkit::partner::{PartnerServer, PartnerSettings};
use futures::future::join_all;

use super::*;

const YAML: &str = "name: a\ndeliver: { http: { put: '${P}/prices/{row.sku}', timeout: 200ms } }\n";

async fn run(pipeline: &Pipeline, numbers: std::ops::Range<u32>) -> Vec<String> {
    let context = context();
    let rows = numbers.map(|number| pipeline.run_row(row(number, &json!({"sku": number})), &context));
    join_all(rows).await.into_iter().map(told).collect()
}

#[tokio::test]
async fn when_a_partner_is_down_no_row_fails_and_a_probe_finds_it_up_again() {
    for (settings, code) in [
        (PartnerSettings { error_rate: 1.0, error_status: 503, ..PartnerSettings::default() }, "HTTP_503"),
        (PartnerSettings { reset_rate: 1.0, ..PartnerSettings::default() }, "CONNECTION"),
        (PartnerSettings { hang_rate: 1.0, ..PartnerSettings::default() }, "TIMEOUT"),
    ] {
        let partner = PartnerServer::start_local(settings.clone()).unwrap();
        let outside = Outside::with_partner(partner.address());
        let pipeline = outside.worker(YAML);
        let down = format!("partner down: 127.0.0.1 is down: one request after the other ended with {code}");
        assert_eq!(run(&pipeline, 2..42).await, vec![down.clone(); 40]);
        let asked = partner.summary().requests;
        assert!((20..=36).contains(&asked), "asked {asked} times");
        // Nobody asks now, though it is up.
        partner.set(PartnerSettings::default()).unwrap();
        assert_eq!(run(&pipeline, 2..4).await, vec![down.clone(); 2]);
        assert_eq!(partner.summary().requests, asked);
        // It is still down when the probe comes: one row asks.
        partner.set(settings).unwrap();
        outside.clock.put_forward(Duration::from_secs(16));
        assert_eq!(run(&pipeline, 2..12).await, vec![down.clone(); 10]);
        assert_eq!(partner.summary().requests, asked + 1);
        // It is up when the next one does.
        partner.set(PartnerSettings::default()).unwrap();
        outside.clock.put_forward(Duration::from_secs(31));
        // The others wait for it.
        assert_eq!(run(&pipeline, 2..42).await, ["succeeded"; 40]);
    }
}

#[tokio::test]
async fn the_worker_learns_when_to_probe() {
    let partner =
        PartnerServer::start_local(PartnerSettings { reset_rate: 1.0, ..PartnerSettings::default() }).unwrap();
    let pipeline = Outside::with_partner(partner.address()).worker(YAML);
    run(&pipeline, 2..42).await;
    let outcome = pipeline.run_row(row(2, &json!({"sku": 2})), &context()).await;
    let Err(Interrupted::PartnerDown { probe_after, .. }) = outcome else { panic!("{outcome:?}") };
    assert!((10..=15).contains(&probe_after.as_secs()), "{probe_after:?}");
}

#[tokio::test]
async fn a_partner_that_refuses_rows_or_has_too_much_to_do_is_not_down() {
    for (status, code) in [(422, "HTTP_422"), (404, "HTTP_404"), (429, "HTTP_429")] {
        let settings = PartnerSettings { error_rate: 1.0, error_status: status, ..PartnerSettings::default() };
        let partner = PartnerServer::start_local(settings).unwrap();
        let yaml = "name: a\ndeliver: { http: { put: '${P}/prices/{row.sku}', retry: { attempts: 2 } } }\n";
        let pipeline = Outside::with_partner(partner.address()).worker(yaml);
        for outcome in run(&pipeline, 2..80).await {
            assert!(outcome.starts_with(&format!("Deliver {code}: ")), "{outcome}");
        }
    }
}

#[tokio::test]
async fn a_look_up_that_is_down_is_a_partner_that_is_down() {
    let settings = PartnerSettings { error_rate: 1.0, error_status: 500, ..PartnerSettings::default() };
    let partner = PartnerServer::start_local(settings).unwrap();
    let yaml = "name: a\nenrich: { product: { get: '${P}/products/{row.sku}' } }\ndeliver: none\n";
    let pipeline = Outside::with_partner(partner.address()).worker(yaml);
    let down = "partner down: 127.0.0.1 is down: one request after the other ended with HTTP_500";
    assert_eq!(run(&pipeline, 2..42).await, [down; 40]);
}
