//! The breaker, told in one word for each step.

use super::*;

const START: Timestamp = Timestamp::from_millis(1_000_000);

fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// A breaker that opened at the start.
fn open() -> Breaker {
    let mut breaker = Breaker::new();
    for _ in 0..IN_A_ROW {
        assert_eq!(breaker.admit(START), Admission::Admitted);
        breaker.failed(START, "HTTP_503");
    }
    breaker
}

#[track_caller]
fn check_refused(breaker: &mut Breaker, now: Timestamp, until: Timestamp) {
    let down = Down { reason: "HTTP_503".into(), until };
    assert_eq!(breaker.admit(now), Admission::Refused(down.clone()));
    assert_eq!(breaker.down(now), Some(down));
}

#[test]
fn failures_in_a_row_open_it_and_one_success_between_does_not() {
    let mut breaker = Breaker::new();
    for _ in 0..10 {
        (1..IN_A_ROW).for_each(|_| breaker.failed(START, "HTTP_503"));
        assert_eq!(breaker.down(START), None);
        breaker.succeeded();
        breaker.succeeded();
        breaker.succeeded();
        breaker.succeeded();
        breaker.succeeded();
    }
    check_refused(&mut open(), START, at(15));
}

#[test]
fn nearly_only_failures_open_it() {
    let opens_at_one_success_in = |each: u32| {
        let mut breaker = Breaker::new();
        for request in 1..1000 {
            if request % each == 0 {
                breaker.succeeded()
            } else {
                breaker.failed(START, "TIMEOUT")
            }
            if breaker.down(START).is_some() {
                return true;
            }
        }
        false
    };
    for (each, expected) in [(2, false), (5, false), (9, false), (12, true), (19, true), (30, true)] {
        assert_eq!(opens_at_one_success_in(each), expected, "one success in {each}");
    }
}

#[test]
fn one_probe_at_a_time_and_each_failure_waits_longer() {
    let mut breaker = open();
    let mut probe = at(15);
    for seconds in [30, 60, 120, 240, 300, 300] {
        assert_eq!(breaker.admit(probe), Admission::Admitted, "the probe");
        assert_eq!((breaker.admit(probe), breaker.down(probe)), (Admission::Wait, None), "no second probe");
        breaker.failed(probe, "HTTP_503");
        let until = probe.plus(Duration::from_secs(seconds));
        check_refused(&mut breaker, probe, until);
        probe = until;
    }
}

#[test]
fn a_probe_that_goes_through_closes_it() {
    let mut breaker = open();
    assert_eq!(breaker.admit(at(15)), Admission::Admitted);
    breaker.succeeded();
    assert_eq!((breaker.down(at(15)), breaker.admit(at(15))), (None, Admission::Admitted));
    // Nothing is remembered of before: it takes as many failures as ever.
    (1..IN_A_ROW).for_each(|_| breaker.failed(at(16), "HTTP_503"));
    assert_eq!(breaker.down(at(16)), None);
}

#[test]
fn a_probe_that_never_ends_makes_room_for_another() {
    let mut breaker = open();
    assert_eq!(breaker.admit(at(15)), Admission::Admitted);
    assert_eq!(breaker.admit(at(29)), Admission::Wait);
    assert_eq!(breaker.admit(at(30)), Admission::Admitted);
}

#[test]
fn what_was_under_way_when_it_opened_counts_only_if_it_went_through() {
    let mut breaker = open();
    breaker.failed(at(5), "TIMEOUT");
    check_refused(&mut breaker, at(5), at(15));
    breaker.succeeded();
    assert_eq!(breaker.down(START), None);
}

#[test]
fn a_probe_that_says_nothing_makes_room_for_another_at_once() {
    let mut breaker = open();
    assert_eq!(breaker.admit(at(15)), Admission::Admitted);
    breaker.unclear(at(16));
    assert_eq!((breaker.admit(at(16)), breaker.admit(at(16))), (Admission::Admitted, Admission::Wait));
    let mut closed = Breaker::new();
    closed.unclear(START);
    assert_eq!(closed, Breaker::new());
}
