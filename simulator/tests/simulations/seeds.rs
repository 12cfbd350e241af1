//! Scenarios and weathers by chance.

use filas_simulator::{Counted, Reached, Setting, Simulator};

#[test]
fn a_thousand_seeds_lose_nothing_and_count_nothing_twice() {
    let simulator = Simulator::new(0).unwrap();
    let mut counted = Counted::default();
    for seed in 1..=1000 {
        let ran = simulator.run(&Setting::of_seed(seed), false);
        counted.add(&ran.counted);
        assert_eq!(ran.failure, None, "every event of it: cargo xtask simulate --seed {seed}");
    }
    println!("{counted:?}");
    // Otherwise the weather was too fine to show anything.
    let Counted { deaths, strikes, queue_faults, dead_letters, repeated, reached, .. } = counted;
    let Reached { parked, dead, cancelled, redriven, handed_on, taken_over } = reached;
    for (what, happened, at_least) in [
        ("deaths", deaths, 1000),
        ("strikes", strikes, 4000),
        ("faults of queues", queue_faults, 1000),
        ("dead letters", dead_letters, 300),
        ("repeated deliveries", repeated, 50),
        ("parked batches", parked, 20),
        ("dead batches", dead, 100),
        ("cancelled batches", cancelled, 100),
        ("redriven batches", redriven, 150),
        ("batches handed on", handed_on, 50),
        ("batches taken over", taken_over, 300),
    ] {
        assert!(happened >= at_least, "{what}: {happened}, of at least {at_least} wanted");
    }
}

#[test]
fn a_seed_comes_to_the_same_event_by_event() {
    let simulator = Simulator::new(1).unwrap();
    for seed in 1..=60 {
        let first = simulator.run(&Setting::of_seed(seed), true);
        // Another run in between, and another runtime: nothing is carried over.
        let second = Simulator::new(1).unwrap().run(&Setting::of_seed(seed), true);
        for (number, (one, other)) in first.trace.iter().zip(&second.trace).enumerate() {
            assert_eq!(one, other, "seed {seed}, event {number}");
        }
        assert_eq!(first.trace.len(), second.trace.len(), "seed {seed}");
        assert!(!first.trace.is_empty());
    }
}
