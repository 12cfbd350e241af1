//! That permits never overlap, whatever the interleaving, and what follows from it for any second.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const START: Micros = Micros::new(1_700_000_000_000_000);

fn rate(permits: u32, per: Duration) -> Rate {
    Rate::new(NonZeroU32::new(permits).unwrap(), per)
}

fn a_second(permits: u32) -> Rate {
    rate(permits, SECOND)
}

#[test]
fn blocks_are_a_fifth_of_a_second_and_one_permit_at_least() {
    let hour = SECOND * 3600;
    for (rate, block, micros) in [
        (a_second(200), 40, 5_000),
        (a_second(1), 1, 1_000_000),
        (a_second(3), 1, 333_334),
        (a_second(7), 1, 142_858),
        (a_second(3000), 600, 334),
        (rate(600, SECOND * 60), 2, 100_000),
        (rate(5000, hour), 1, 720_000),
    ] {
        assert_eq!((rate.block(), rate.time_of(1)), (block, Duration::from_micros(micros)), "{rate:?}");
        assert_eq!(rate.tolerance() + rate.skew_allowed(), rate.time_of(block));
    }
    // Rounding does not add up.
    assert_eq!(a_second(3).time_of(3), SECOND);
}

fn granted(bucket: Option<Bucket>, wanted: u32, now: Micros) -> (Lease, Bucket) {
    match decide(bucket, a_second(200), wanted, now) {
        Decision::Grant(lease, after) => (lease, after),
        Decision::Wait(until) => panic!("to wait until {until:?}"),
    }
}

#[test]
fn permits_follow_one_another() {
    let (first, bucket) = granted(None, 16, START);
    assert_eq!((first.start, first.count, bucket.next_free), (START, 16, START.plus(Duration::from_millis(80))));
    let (second, bucket) = granted(Some(bucket), 1000, START);
    assert_eq!((second.start, second.count), (START.plus(Duration::from_millis(80)), 40), "a block at the most");
    let (third, _) = granted(Some(bucket), 0, START.plus(SECOND));
    assert_eq!((third.start, third.count), (START.plus(SECOND), 1), "what was not taken in its time is lost");
    let instants: Vec<_> = first.instants().map(|instant| instant.since(START).as_millis()).collect();
    assert_eq!(instants, (0..16).map(|position| position * 5).collect::<Vec<_>>());
}

#[test]
fn the_far_future_is_not_taken() {
    let taken = |ahead| Some(Bucket { next_free: START.plus(ahead), ..Bucket::default() });
    assert!(matches!(decide(taken(HORIZON), a_second(200), 1, START), Decision::Grant(..)));
    let further = HORIZON + Duration::from_millis(1);
    let wait = Decision::Wait(START.plus(Duration::from_millis(1)));
    assert_eq!(decide(taken(further), a_second(200), 1, START), wait);
    // Where a permit is wider than the horizon, one may still be taken ahead.
    let second = taken(Duration::from_secs(60));
    assert!(matches!(decide(second, rate(1, SECOND * 60), 1, START), Decision::Grant(..)));
}

#[test]
fn a_pause_moves_what_follows() {
    let until = START.plus(Duration::from_secs(30));
    let paused = Bucket { next_free: START, ..Bucket::default() }.paused(until).unwrap();
    assert_eq!(decide(Some(paused), a_second(200), 1, START), Decision::Wait(until.minus(HORIZON)));
    let (lease, after) = granted(Some(paused), 1, until.minus(HORIZON));
    assert_eq!((lease.start, after.paused_until), (until, until));
    assert_eq!(paused.paused(until), None, "paused for so long already");
    assert_eq!(paused.paused(START), None, "no pause is made shorter");
    assert_eq!(paused.paused(until.plus(SECOND)).unwrap().paused_until, until.plus(SECOND));
}

/// A worker between reading and writing.
#[derive(Clone, Copy, Default)]
struct Worker {
    read: Option<Option<Bucket>>,
}

/// Every order in which the workers' reads and writes can come, with time passing between them or not.
struct Interleavings {
    rate: Rate,
    /// How far each worker's clock is ahead.
    ahead: [Duration; 3],
    /// What passes before a step.
    pauses: [Duration; 3],
    conditional: bool,
    leases: Vec<Lease>,
    ends: u64,
}

impl Interleavings {
    /// Whether no two leases overlap, in all of them.
    fn are_disjoint(&mut self, bucket: Option<Bucket>, workers: [Worker; 3], now: Micros, steps: u32) -> bool {
        if steps == 0 {
            self.ends += 1;
            return true;
        }
        for pause in self.pauses {
            let now = now.plus(pause);
            for index in 0..workers.len() {
                if !self.step(bucket, workers, index, now, steps) {
                    return false;
                }
            }
        }
        true
    }

    fn step(
        &mut self,
        bucket: Option<Bucket>,
        mut workers: [Worker; 3],
        index: usize,
        now: Micros,
        steps: u32,
    ) -> bool {
        let Some(read) = workers[index].read.take() else {
            workers[index].read = Some(bucket);
            return self.are_disjoint(bucket, workers, now, steps - 1);
        };
        let decision = decide(read, self.rate, 2, now.plus(self.ahead[index]));
        let Decision::Grant(lease, after) = decision else {
            return self.are_disjoint(bucket, workers, now, steps - 1);
        };
        if self.conditional && read != bucket {
            return self.are_disjoint(bucket, workers, now, steps - 1);
        }
        let end = |lease: &Lease| lease.start.plus(lease.rate.time_of(lease.count));
        if self.leases.iter().any(|other| lease.start < end(other) && other.start < end(&lease)) {
            return false;
        }
        self.leases.push(lease);
        let fine = self.are_disjoint(Some(after), workers, now, steps - 1);
        self.leases.pop();
        fine
    }
}

fn interleavings(conditional: bool) -> Interleavings {
    let rate = a_second(10);
    let block = rate.time_of(rate.block());
    Interleavings {
        rate,
        ahead: [Duration::ZERO, Duration::from_millis(30), rate.skew_allowed()],
        pauses: [Duration::ZERO, block / 2, block * 2],
        conditional,
        leases: Vec::new(),
        ends: 0,
    }
}

#[test]
fn no_two_permits_overlap_in_any_interleaving() {
    let mut all = interleavings(true);
    assert!(all.are_disjoint(None, [Worker::default(); 3], START, 7));
    assert_eq!(all.ends, 9_u64.pow(7));
    // The condition is what does it.
    assert!(!interleavings(false).are_disjoint(None, [Worker::default(); 3], START, 4));
}

/// Numbers that look random: SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// What workers do with a partner for a long while. Each asks for permits at any time and writes any time later.
fn permits_of_many(rate: Rate, workers: usize, seed: u64) -> Vec<(Micros, Micros)> {
    let mut dice = Dice(seed);
    let skew = rate.skew_allowed().as_micros() as u64;
    let ahead: Vec<Duration> = (0..workers).map(|_| Duration::from_micros(dice.below(skew + 1))).collect();
    let mut held: Vec<Worker> = vec![Worker::default(); workers];
    let (mut bucket, mut now) = (None, START);
    let mut usable = Vec::new();
    for _ in 0..20_000 {
        now = now.plus(Duration::from_micros(dice.below(rate.time_of(1).as_micros() as u64 / 2)));
        let index = dice.below(workers as u64) as usize;
        let Some(read) = held[index].read.take() else {
            held[index].read = Some(bucket);
            continue;
        };
        let wanted = dice.below(u64::from(rate.block()) * 2) as u32;
        if let Decision::Grant(lease, after) = decide(read, rate, wanted, now.plus(ahead[index]))
            && read == bucket
        {
            bucket = Some(after);
            // By the wall's clock, which is behind the worker's.
            let by_the_wall = lease.instants().map(|instant| instant.minus(ahead[index]));
            usable.extend(by_the_wall.map(|instant| (instant, instant.plus(rate.tolerance()))));
        }
    }
    usable
}

/// The most permits that could be used within one second, if everybody chose the worst moment.
fn most_in_a_second(usable: &[(Micros, Micros)]) -> usize {
    // A window is full when it begins with the last moment of some permit.
    let mut froms: Vec<Micros> = usable.iter().map(|(from, _)| *from).collect();
    let mut untils: Vec<Micros> = usable.iter().map(|(_, until)| *until).collect();
    froms.sort_unstable();
    untils.sort_unstable();
    let in_window = |begin: &Micros| {
        let begun = froms.partition_point(|from| *from < begin.plus(SECOND));
        begun - untils.partition_point(|until| until < begin)
    };
    untils.iter().map(in_window).max().unwrap_or(0)
}

#[test]
fn no_second_has_more_than_the_rate_and_a_block_whenever_permits_are_used() {
    for (rate, bound) in [
        (a_second(200), 240),
        (a_second(10), 12),
        (a_second(7), 8),
        (a_second(1), 2),
        (a_second(3000), 3600),
        (rate(600, SECOND * 60), 12),
        (rate(5000, SECOND * 3600), 3),
    ] {
        for (seed, workers) in [(1, 1), (2, 2), (3, 4), (4, 9), (5, 60)] {
            let usable = permits_of_many(rate, workers, seed);
            let most = most_in_a_second(&usable);
            assert!(most <= bound, "{rate:?} by {workers}: {most} in a second");
            assert!(usable.len() > 500, "{rate:?} by {workers}: {} permits are no test", usable.len());
        }
    }
}
