//! Gates of many workers in tokio's paused time: nothing is measured here but what the gates do.

use std::num::NonZeroU32;
use std::sync::Arc;

use filas_domain::clock::Timestamp;
use filas_domain::permits::{Bucket, Permits};
use filas_domain::ports::{Clock, WriteError};
use filas_testkit::memory::{MemoryPermits, MemoryRecords, MemoryRowQueue, MemorySecrets};
use futures::future::join_all;

use super::*;
use crate::services::Ports;

#[derive(Clone)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).plus(self.0.elapsed())
    }
}

/// Permits in a table that takes so long to answer.
#[derive(Clone)]
struct FarAway(MemoryPermits, Duration);

impl Permits for FarAway {
    async fn bucket(&self, of: &Destination) -> Result<Option<Bucket>, PortError> {
        tokio::time::sleep(self.1).await;
        self.0.bucket(of).await
    }

    async fn replace(&self, of: &Destination, before: Option<Bucket>, after: Bucket) -> Result<(), WriteError> {
        tokio::time::sleep(self.1).await;
        self.0.replace(of, before, after).await
    }
}

/// The gate of one worker with so many rows at once. All workers have these permits and this clock.
fn gate<P: Permits + Clone + 'static>(permits: &P, begun: Instant, rate: RateSpec, rows: usize) -> Gate {
    let ports = Ports {
        records: MemoryRecords::new(),
        permits: permits.clone(),
        secrets: MemorySecrets::new(),
        queue: MemoryRowQueue::new(),
        clock: TokioClock(begun),
    };
    let services = Services::new(ports, "acme".parse().unwrap());
    let of = services.destination("prices", "deliver.http");
    Gate::new(services, of, Some(rate), rows)
}

/// Workers with `rows` rows at once, each of which takes `busy` at the partner, for ten seconds. When requests went out.
async fn requests(rate: u32, workers: usize, rows: usize, busy: Duration, away: Duration) -> Vec<Duration> {
    let (begun, permits) = (Instant::now(), FarAway(MemoryPermits::new(), away));
    let deadline = begun + Duration::from_secs(10);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let per_second = RateSpec { permits: rate, per: Duration::from_secs(1) };
    let gates = (0..workers).map(|_| gate(&permits, begun, per_second, rows));
    let rows = gates.flat_map(|gate| vec![gate; rows]).map(|gate| {
        let sent = sent.clone();
        async move {
            while gate.pass(deadline).await.is_ok() {
                sent.lock().unwrap().push(begun.elapsed());
                tokio::time::sleep(busy).await;
            }
        }
    });
    join_all(rows).await;
    let mut sent = std::mem::take(&mut *sent.lock().unwrap());
    sent.sort_unstable();
    sent
}

#[tokio::test(start_paused = true)]
async fn workers_keep_one_rate_and_use_it() {
    let millis = Duration::from_millis;
    for (rate, workers, rows, busy, away) in [
        (1, 1, 16, millis(50), millis(5)),
        (20, 4, 16, millis(50), millis(5)),
        (200, 1, 16, millis(50), millis(5)),
        (200, 4, 16, millis(50), millis(5)),
        (200, 20, 16, millis(200), millis(5)),
        (200, 4, 16, millis(50), millis(25)),
        (500, 8, 16, millis(2), millis(5)),
        (1000, 100, 16, millis(20), millis(5)),
        (2000, 30, 64, millis(100), millis(5)),
    ] {
        let sent = requests(rate, workers, rows, busy, away).await;
        let in_window = |from: usize| sent[from..].partition_point(|at| *at < sent[from] + Duration::from_secs(1));
        let most = (0..sent.len()).map(in_window).max().unwrap_or(0) as u32;
        let block = Rate::new(NonZeroU32::new(rate).unwrap(), Duration::from_secs(1)).block();
        let share = sent.len() as f64 / 10.0 / f64::from(rate);
        println!("{rate}/s by {workers} workers of {rows} rows: {:.1} %, at most {most} in a second", share * 100.0);
        assert!(most <= rate + block, "{most} in a second at {rate}/s");
        assert!(share >= 0.9, "{share:.3} of {rate}/s by {workers} workers of {rows} rows");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_no_turn_before_the_deadline_is_told_so() {
    let (begun, permits) = (Instant::now(), MemoryPermits::new());
    let once_a_minute = RateSpec { permits: 1, per: Duration::from_secs(60) };
    let [one, other] = [(); 2].map(|()| gate(&permits, begun, once_a_minute, 16));
    let deadline = begun + Duration::from_secs(50);
    assert_eq!(one.pass(deadline).await, Ok(()));
    // The next turn is a minute after the first, whoever has it.
    for gate in [&one, &other] {
        assert_eq!(gate.pass(deadline).await, Err(Interrupted::NoTurn));
    }
    let later = begun + Duration::from_secs(130);
    assert_eq!(tokio::join!(one.pass(later), other.pass(later)), (Ok(()), Ok(())));
    assert!(begun.elapsed() >= Duration::from_secs(120), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn workers_that_want_less_than_the_rate_are_not_held_up() {
    // 4 workers of 4 rows that take 100 ms each can do 160 a second.
    for rate in [400, 1000, 10_000] {
        let busy = Duration::from_millis(100);
        let sent = requests(rate, 4, 4, busy, Duration::from_millis(5)).await.len();
        println!("160/s wanted, {rate}/s allowed: {} a second", sent / 10);
        assert!(sent >= 1_280, "{sent} in ten seconds at {rate}/s");
    }
}
