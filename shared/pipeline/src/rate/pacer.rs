//! The permits that this worker holds, each to be used at its own instant.

use std::collections::VecDeque;

use filas_domain::permits::{Lease, Micros, Rate};

/// The permits of a worker for one destination, and until when the destination is paused. Pure: the time is passed in.
#[derive(Debug)]
pub(super) struct Pacer {
    /// Instants that no row has yet, in order.
    instants: VecDeque<Micros>,
    paused_until: Micros,
    /// How many permits to take the next time: as many as the worker gets used.
    wanted: u32,
    /// It is never asked for less: so many rows may wait at once.
    least: u32,
    /// Permits that were lost since the last lease, because no row came in time.
    lost: u32,
    has_leased: bool,
}

impl Pacer {
    /// No permits yet, for a worker that runs so many rows at once.
    pub(super) fn new(rate: Option<Rate>, concurrency: usize) -> Self {
        let block = rate.map_or(1, Rate::block);
        let wanted = u32::try_from(concurrency).unwrap_or(u32::MAX).clamp(1, block);
        Self {
            instants: VecDeque::new(),
            paused_until: Micros::default(),
            wanted,
            least: wanted.div_ceil(2),
            lost: 0,
            has_leased: false,
        }
    }

    /// The next instant that a row may have at `now`. It may be ahead; those that are over are lost.
    pub(super) fn next(&mut self, rate: Rate, now: Micros) -> Option<Micros> {
        while let Some(instant) = self.instants.pop_front() {
            if now <= instant.plus(rate.tolerance()) {
                return Some(instant);
            }
            self.lost += 1;
        }
        None
    }

    /// Whether a row that waited for `instant` may go at `now`. If it may not, its permit is lost.
    pub(super) fn may_go(&mut self, rate: Rate, instant: Micros, now: Micros) -> bool {
        if now < self.paused_until {
            return false;
        }
        let is_in_time = now <= instant.plus(rate.tolerance());
        self.lost += u32::from(!is_in_time);
        is_in_time
    }

    /// Gives back the next instant: the row that had it cannot wait for it.
    pub(super) fn give_back(&mut self, instant: Micros) {
        self.instants.push_front(instant);
    }

    /// Whether it is time to take more: soon there will be none.
    pub(super) fn is_low(&self) -> bool {
        self.instants.len() <= self.wanted as usize / 2
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.instants.is_empty()
    }

    /// How many to take: more than the last time if all were used, fewer if some were lost. What one worker loses another
    /// could have used.
    pub(super) fn wanted(&mut self, rate: Rate) -> u32 {
        if self.has_leased {
            self.wanted = match self.lost {
                0 => self.wanted.saturating_add(self.wanted.div_ceil(4)).min(rate.block()),
                lost => self.wanted.saturating_sub(lost).max(self.least),
            };
            self.lost = 0;
            self.has_leased = false;
        }
        self.wanted
    }

    /// Adds what was taken.
    pub(super) fn add(&mut self, lease: Lease) {
        self.has_leased = true;
        self.instants.extend(lease.instants());
    }

    /// Nobody may go before `until`. Permits for the time before are void.
    pub(super) fn pause(&mut self, until: Micros) {
        self.paused_until = self.paused_until.max(until);
        let paused_until = self.paused_until;
        self.instants.retain(|instant| *instant >= paused_until);
    }

    /// Until when nobody may go.
    pub(super) fn paused_until(&self) -> Micros {
        self.paused_until
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    const START: Micros = Micros::new(1_000_000_000);

    fn rate() -> Rate {
        Rate::new(NonZeroU32::new(200).unwrap(), Duration::from_secs(1))
    }

    fn after(millis: u64) -> Micros {
        START.plus(Duration::from_millis(millis))
    }

    /// A pacer of a worker with 16 rows at once, which has taken so many permits.
    fn pacer(count: u32) -> Pacer {
        let mut pacer = Pacer::new(Some(rate()), 16);
        pacer.add(Lease { start: START, count, rate: rate() });
        pacer
    }

    #[test]
    fn instants_are_given_out_in_order_and_lost_when_they_are_over() {
        let mut pacer = pacer(4);
        assert_eq!([0; 2].map(|_| pacer.next(rate(), START)), [Some(START), Some(after(5))]);
        // A permit may be used 150 ms late: three quarters of a block of 40.
        assert_eq!(pacer.next(rate(), after(165)), Some(after(15)), "the one at 10 ms is over");
        assert_eq!((pacer.next(rate(), after(165)), pacer.lost), (None, 1));
        assert!(pacer.may_go(rate(), after(15), after(165)) && !pacer.may_go(rate(), after(15), after(166)));
        assert_eq!(pacer.lost, 2);
    }

    #[test]
    fn an_instant_can_be_given_back() {
        let mut pacer = pacer(2);
        let instant = pacer.next(rate(), START).unwrap();
        pacer.give_back(instant);
        assert_eq!(pacer.next(rate(), START), Some(START));
    }

    #[test]
    fn what_is_asked_for_follows_what_is_used() {
        let mut pacer = Pacer::new(Some(rate()), 16);
        let mut asked = Vec::new();
        for lost in [0, 0, 0, 0, 0, 0, 0, 30, 30, 0] {
            asked.push(pacer.wanted(rate()));
            pacer.add(Lease { start: START, count: 0, rate: rate() });
            pacer.lost = lost;
        }
        assert_eq!(asked, [16, 20, 25, 32, 40, 40, 40, 40, 10, 8]);
        // Asking in vain changes nothing.
        pacer.has_leased = false;
        assert_eq!([0; 2].map(|_| pacer.wanted(rate())), [8, 8]);
    }

    #[test]
    fn a_pause_voids_what_lies_in_it() {
        let mut pacer = pacer(40);
        pacer.pause(after(100));
        pacer.pause(after(50));
        assert_eq!(pacer.paused_until(), after(100));
        assert!(!pacer.may_go(rate(), after(95), after(99)));
        assert_eq!(pacer.next(rate(), START), Some(after(100)));
        assert_eq!(pacer.lost, 0, "nobody came too late");
        assert!(pacer.may_go(rate(), after(100), after(100)));
    }
}
