//! `rate` across workers, pauses that a partner asks for, and `concurrency`.

use filas_domain::permits::{Bucket, Destination};
use filas_domain::ports::{PortError, WriteError};
use filas_testkit::partner::{PartnerServer, PartnerSettings};
use futures::{StreamExt as _, future::join_all, stream};

use super::*;
use crate::listener::{Heard, Listener};

/// Permits that are as far away as a table in DynamoDB.
#[derive(Clone)]
struct FarAway(MemoryPermits);

impl Permits for FarAway {
    async fn bucket(&self, of: &Destination) -> Result<Option<Bucket>, PortError> {
        tokio::time::sleep(Duration::from_millis(4)).await;
        self.0.bucket(of).await
    }

    async fn replace(&self, of: &Destination, before: Option<Bucket>, after: Bucket) -> Result<(), WriteError> {
        tokio::time::sleep(Duration::from_millis(6)).await;
        self.0.replace(of, before, after).await
    }
}

/// Runs rows through a worker, as many at once as it wants, for so long.
async fn work(pipeline: &Pipeline, duration: Duration) {
    let context = context_with(duration);
    let rows = stream::iter(2..).take_while(|_| std::future::ready(Instant::now() < context.deadline));
    let outcomes = rows.map(|number| pipeline.run_row(row(number, &json!({"sku": number})), &context));
    let outcomes = outcomes.buffer_unordered(pipeline.concurrency());
    outcomes
        .for_each(|outcome| async {
            let told = told(outcome);
            assert!(["succeeded", "out of time", "no turn"].contains(&told.as_str()), "{told}");
        })
        .await;
}

/// The most requests within one second.
fn most_in_a_second(heard: &[Heard]) -> usize {
    let in_window = |first: &Heard| {
        let within = |other: &&Heard| other.at >= first.at && other.at < first.at + Duration::from_secs(1);
        heard.iter().filter(within).count()
    };
    heard.iter().map(in_window).max().unwrap_or(0)
}

async fn check_rate(rate: u32, block: u32, workers: usize) {
    let at_work = Duration::from_secs(5);
    let partner = Listener::start(|_| (200, "", "{}".to_owned())).await;
    let outside = Outside::with_partner(partner.address);
    let yaml = format!("name: a\ndeliver: {{ http: {{ put: '${{P}}/prices/{{row.sku}}', rate: {rate}/s }} }}\n");
    let far_away = FarAway(outside.permits.clone());
    let workers: Vec<_> = (0..workers).map(|_| outside.worker_with(far_away.clone(), &yaml)).collect();
    join_all(workers.iter().map(|worker| work(worker, at_work))).await;
    let heard = partner.heard();
    let (most, share) = (most_in_a_second(&heard), heard.len() as f64 / (at_work.as_secs_f64() * f64::from(rate)));
    println!(
        "{rate}/s by {} workers of 16 rows for {at_work:?}: {} requests, {:.1} % of the rate; at most {most} in a \
         second, {} allowed",
        workers.len(),
        heard.len(),
        share * 100.0,
        rate + block
    );
    assert!(most <= (rate + block) as usize, "{most} in a second");
    assert!(share >= 0.9, "{:.1} % of the rate", share * 100.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_keep_one_rate_and_use_it() {
    for (rate, block, workers) in [(20, 4, 4), (200, 40, 1), (200, 40, 4), (500, 100, 8)] {
        check_rate(rate, block, workers).await;
    }
}

#[tokio::test]
async fn a_pause_that_one_is_asked_for_is_kept_by_all() {
    for rate in ["", ", rate: 100/s"] {
        let refused = std::sync::atomic::AtomicBool::new(false);
        let partner = Listener::start(move |_| match refused.swap(true, Ordering::SeqCst) {
            false => (429, "retry-after: 1\r\n", String::new()),
            true => (200, "", String::new()),
        })
        .await;
        let outside = Outside::with_partner(partner.address);
        let yaml = format!("name: a\ndeliver: {{ http: {{ put: '${{P}}/prices/{{row.sku}}'{rate} }} }}\n");
        let [one, other] = [outside.worker(&yaml), outside.worker(&yaml)];
        let context = context();
        let first = one.run_row(row(2, &json!({"sku": 1})), &context);
        let others = async {
            // After the refusal, and before the pause is over.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let rows = (3..9).map(|number| other.run_row(row(number, &json!({"sku": number})), &context));
            join_all(rows).await
        };
        let (first, others) = tokio::join!(first, others);
        assert_eq!(told(first), "succeeded");
        assert!(others.into_iter().all(|outcome| told(outcome) == "succeeded"));
        let heard = partner.heard();
        let next = heard[1].at - heard[0].at;
        assert!(next >= Duration::from_millis(990), "somebody asked {next:?} after the refusal{rate}");
        assert_eq!(heard.len(), 8);
    }
}

#[tokio::test]
async fn a_pause_too_long_to_wait_for_is_for_the_task() {
    let partner = Listener::start(|_| (503, "retry-after: 60\r\n", String::new())).await;
    let outside = Outside::with_partner(partner.address);
    let yaml = "name: a\ndeliver: { http: { put: '${P}/prices/1' } }\n";
    for expected in ["60", "60"] {
        // The second worker learns of it without asking the partner.
        let begun = Instant::now();
        let outcome = outside.worker(yaml).run_row(row(2, &json!({})), &context()).await;
        let Err(Interrupted::PartnerDown { reason, probe_after }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(reason, format!("the partner asks to be left alone for {expected} s"));
        assert!((58..=60).contains(&probe_after.as_secs_f64().ceil().to_string().parse::<u64>().unwrap()));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(partner.heard().len(), 1);
}

#[tokio::test]
async fn nobody_asks_a_partner_without_a_permit() {
    let partner = PartnerServer::start_local(PartnerSettings::default()).unwrap();
    let outside = Outside::with_partner(partner.address());
    let yaml = "name: a\ndeliver: { http: { put: '${P}/prices/1', rate: 10/s } }\n";
    outside.permits.fail_next("replace", 1);
    let pipeline = outside.worker(yaml);
    assert_eq!(told(pipeline.run_row(row(2, &json!({})), &context()).await), "succeeded");
    outside.permits.fail_next("bucket", 1000);
    let in_vain = outside.worker(yaml);
    let seen = told(in_vain.run_row(row(3, &json!({})), &context_with(Duration::from_millis(700))).await);
    assert!(seen.starts_with("unavailable: bucket in memory"), "{seen}");
    let without = Pipeline::compile(&parse(yaml).unwrap(), &outside.variables).unwrap();
    let seen = told(without.run_row(row(3, &json!({})), &context()).await);
    assert_eq!(seen, "fault: take permits: the pipeline was compiled without services");
    assert_eq!(partner.summary().requests, 1);
}

#[tokio::test]
async fn permits_that_come_after_the_deadline_are_not_waited_for() {
    let partner = PartnerServer::start_local(PartnerSettings::default()).unwrap();
    let outside = Outside::with_partner(partner.address());
    let pipeline = outside.worker("name: a\ndeliver: { http: { put: '${P}/prices/1', rate: 1/m } }\n");
    assert_eq!(told(pipeline.run_row(row(2, &json!({})), &context()).await), "succeeded");
    let begun = Instant::now();
    let seen = told(pipeline.run_row(row(3, &json!({})), &context_with(Duration::from_secs(5))).await);
    assert_eq!(seen, "no turn");
    assert!(begun.elapsed() < Duration::from_secs(1), "waited although it was no use");
}

#[tokio::test]
async fn each_partner_gets_as_many_rows_at_once_as_it_wants() {
    let partner = PartnerServer::start_local(PartnerSettings { latency_ms: 10, ..PartnerSettings::default() }).unwrap();
    let yaml = "name: a
enrich: { product: { get: '${P}/products/{row.sku}', concurrency: 32 } }
deliver: { http: { put: '${P}/prices/{row.sku}', concurrency: 3 } }
";
    let pipeline = Outside::with_partner(partner.address()).worker(yaml);
    assert_eq!(pipeline.concurrency(), 32);
    let context = context();
    let rows = (2..52).map(|number| pipeline.run_row(row(number, &json!({"sku": number})), &context));
    assert!(join_all(rows).await.into_iter().all(|outcome| told(outcome) == "succeeded"));
    assert_eq!(partner.summary().max_in_flight, 3);
}
