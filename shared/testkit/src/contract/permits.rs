//! Buckets that are replaced by one at a time, and a rate that many workers keep by them.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use filas_domain::clock::Timestamp;
use filas_domain::permits::{self, Bucket, Destination, Micros, Permits, Rate};
use filas_domain::ports::{Clock, WriteError};
use futures::future::join_all;

use super::{assert_stale, samples};

/// How many workers keep a rate together here, and for how long.
const WORKERS: usize = 6;
const AT_WORK: Duration = Duration::from_secs(5);

/// Buckets, whole.
///
/// # Panics
/// Where they do not do what the port says, or a rate is not kept by them.
pub async fn permits(permits: &impl Permits) {
    a_bucket_is_replaced_if_it_is_the_one_that_was_read(permits).await;
    of_many_replacements_one_is_made(permits).await;
    a_pause_is_for_all(permits).await;
    for rate in [50, 200, 1000] {
        many_workers_keep_a_rate(permits, rate).await;
    }
}

fn destination() -> Destination {
    Destination::new(samples::owner().as_str(), "prices", "deliver.http")
}

fn bucket(next_free: u64, paused_until: u64) -> Bucket {
    Bucket { next_free: Micros::new(next_free), paused_until: Micros::new(paused_until) }
}

async fn a_bucket_is_replaced_if_it_is_the_one_that_was_read(permits: &impl Permits) {
    let (one, other) = (destination(), destination());
    assert_eq!(permits.bucket(&one).await.unwrap(), None);
    let (first, second) = (bucket(2_000_000_000_000_000, 0), bucket(2_000_000_000_000_001, 7));
    assert_stale(&permits.replace(&one, Some(first), second).await, "there is none");
    permits.replace(&one, None, first).await.unwrap();
    assert_eq!(permits.bucket(&one).await.unwrap(), Some(first));
    assert_stale(&permits.replace(&one, None, second).await, "there is one");
    assert_stale(&permits.replace(&one, Some(second), first).await, "it is another");
    let paused = Bucket { paused_until: Micros::new(1), ..first };
    assert_stale(&permits.replace(&one, Some(paused), second).await, "it is paused otherwise");
    permits.replace(&one, Some(first), second).await.unwrap();
    assert_eq!(permits.bucket(&one).await.unwrap(), Some(second));
    assert_eq!(permits.bucket(&other).await.unwrap(), None);
}

async fn of_many_replacements_one_is_made(permits: &impl Permits) {
    let of = destination();
    for before in [None, Some(bucket(1, 0))] {
        let rivals: Vec<_> = (1..=8).map(|number| bucket(number, 0)).collect();
        let rivals = if before.is_none() { vec![bucket(1, 0); 8] } else { rivals[1..].to_vec() };
        let answers = join_all(rivals.iter().map(|rival| permits.replace(&of, before, *rival))).await;
        let stale = answers.iter().filter(|answer| matches!(answer, Err(WriteError::Stale))).count();
        assert_eq!((stale, answers.iter().filter(|answer| answer.is_ok()).count()), (rivals.len() - 1, 1));
    }
}

/// The machine's clock.
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0).plus(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
    }
}

fn rate(permits: u32) -> Rate {
    Rate::new(NonZeroU32::new(permits).unwrap(), Duration::from_secs(1))
}

async fn a_pause_is_for_all(permits: &impl Permits) {
    let of = destination();
    let until = Micros::from(WallClock.now()).plus(Duration::from_secs(60));
    permits::pause(permits, &of, until).await.unwrap();
    permits::pause(permits, &of, until.minus(Duration::from_secs(30))).await.unwrap();
    let answer = permits::take(permits, &WallClock, &of, rate(200), 1).await.unwrap();
    assert_eq!((answer.lease, answer.paused_until), (None, until));
    assert!(answer.ask_again < until && answer.ask_again > until.minus(Duration::from_secs(2)));
}

/// Workers that would do much more than the rate. Each use of a permit is noted when it happens.
async fn many_workers_keep_a_rate(permits: &impl Permits, per_second: u32) {
    let (of, rate) = (destination(), rate(per_second));
    let (begun, uses) = (Instant::now(), Mutex::new(Vec::new()));
    join_all((0..WORKERS).map(|_| work(permits, &of, rate, begun, &uses))).await;
    let mut uses = uses.into_inner().unwrap();
    uses.sort_unstable();
    let in_window = |from: usize| uses[from..].partition_point(|used| *used < uses[from] + Duration::from_secs(1));
    let most = (0..uses.len()).map(in_window).max().unwrap_or(0);
    let share = uses.len() as f64 / (AT_WORK.as_secs_f64() * f64::from(per_second));
    println!(
        "{per_second}/s by {WORKERS} workers for {AT_WORK:?}: {} used, {:.1} % of the rate; at most {most} in a second, \
         {} allowed",
        uses.len(),
        share * 100.0,
        per_second + rate.block()
    );
    assert!(most as u64 <= u64::from(per_second + rate.block()), "{most} in a second at {per_second}/s");
    // Nobody is starved. How near it comes to the rate is no promise: on a busy machine a worker is too late for some of
    // its permits, which lapse.
    assert!(share >= 0.5, "{:.1} % of {per_second}/s used", share * 100.0);
}

async fn work(permits: &impl Permits, of: &Destination, rate: Rate, begun: Instant, uses: &Mutex<Vec<Duration>>) {
    let now = || Micros::from(WallClock.now());
    let sleep_until = |moment: Micros| tokio::time::sleep(moment.since(now()));
    while begun.elapsed() < AT_WORK {
        let answer = permits::take(permits, &WallClock, of, rate, rate.block()).await.unwrap();
        let Some(lease) = answer.lease else {
            sleep_until(answer.ask_again).await;
            continue;
        };
        for instant in lease.instants() {
            sleep_until(instant).await;
            if now() <= instant.plus(rate.tolerance()) && begun.elapsed() < AT_WORK {
                uses.lock().unwrap().push(begun.elapsed());
            }
        }
    }
}
