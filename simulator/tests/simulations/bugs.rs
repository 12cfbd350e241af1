//! A simulator that finds nothing is worth something only if it finds what is there.

use filas_simulator::{Bug, Setting, Simulator};

/// More than enough: each is found within a few.
const SEEDS: u64 = 400;

/// The first seed under which the fault shows, and how.
fn find(simulator: &Simulator, bug: Bug) -> Option<(u64, String)> {
    (1..=SEEDS).find_map(|seed| {
        let setting = Setting { bug: Some(bug), ..Setting::of_seed(seed) };
        simulator.run(&setting, false).failure.map(|failure| (seed, failure))
    })
}

#[test]
fn every_fault_put_in_on_purpose_is_found() {
    let simulator = Simulator::new(2).unwrap();
    let found: Vec<(Bug, Option<(u64, String)>)> = Bug::ALL.map(|bug| (bug, find(&simulator, bug))).into();
    for (bug, found) in &found {
        if let Some((seed, failure)) = found {
            println!("{bug:?}: seed {seed}: {failure:.160}");
        }
    }
    let missed: Vec<Bug> = found.iter().filter(|(_, found)| found.is_none()).map(|(bug, _)| *bug).collect();
    assert_eq!(missed, [], "faults that nobody noticed");
}
