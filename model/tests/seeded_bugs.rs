//! The model is worth something only if it finds faults: each of these is one that somebody could make, and each is found.

use std::time::Instant;

use filas_model::Protocol;
use filas_model::bounds::{Bounds, Budget, Start, SweeperDuty};
use filas_model::bug::Bug;
use stateright::{Checker, HasDiscoveries, Model};

const NONE: Budget = Budget {
    crashes: 0,
    commands_dying: 0,
    late: 0,
    duplicates: 0,
    losses: 0,
    troubles: 0,
    failures: 0,
    handovers: 0,
    cancels: 0,
    pauses: 0,
    redrives: 0,
    sweeps: 0,
};

const COUNTERS: &str = "the counters of the task are the sums over its batches";
const ROWS: &str = "every row has exactly one outcome, and is counted as such";
const CLOSED: &str = "a task that ended has no open batch";
const STUCK: &str = "nothing is stuck";
const TAKEN: &str = "a batch is taken from nobody who holds it";
const CHANGED: &str = "what a finished task counts changes by a redrive only";
const EARLY: &str = "no row is run before the file is read to its end";
const OLD_LETTER: &str = "a redriven batch is buried by no letter of before";

fn calm() -> Bounds {
    Bounds::calm()
}

/// A world in which nobody comes to help.
fn unswept() -> Bounds {
    Bounds { sweeper: SweeperDuty::None, ..calm() }
}

/// A world in which messages that are lost without a word stay lost.
fn hardly_swept(bounds: Bounds) -> Bounds {
    Bounds { sweeper: SweeperDuty::AllButLostMessages, ..bounds }
}

fn uploaded() -> Bounds {
    Bounds { start: Start::Uploaded, ..calm() }
}

/// A world in which the first death of a worker makes a dead letter.
fn frail() -> Bounds {
    Bounds { receives: 1, ..calm() }
}

/// The bug breaks this promise within these bounds, and without the bug nothing is broken there.
fn check(bug: Bug, bounds: Bounds, budget: Budget, promise: &str) {
    let bounds = bounds.with(budget);
    let start = Instant::now();
    let sound = search(&Protocol::new(bounds), None);
    assert_eq!(broken(&sound), [], "without {bug:?}");
    let sick = Protocol { bug: Some(bug), ..Protocol::new(bounds) };
    let mut found = broken(&search(&sick, None));
    assert!(found.iter().any(|(broken, _)| *broken == promise), "{bug:?} does not break '{promise}': {found:?}");
    // The checker goes on a little after its first find, and keeps the last: what is shorter lies before it.
    let mut shortest = usize::MAX;
    while let Some(steps) = found.iter().map(|(_, steps)| *steps).min() {
        shortest = steps;
        found = broken(&search(&sick, Some(steps)));
    }
    println!(
        "{bug:?}: found in {shortest} steps; {} states without it; {} ms",
        sound.unique_state_count(),
        start.elapsed().as_millis()
    );
}

/// Searches breadth first, up to and without so many steps from the start.
fn search(protocol: &Protocol, steps: Option<usize>) -> impl Checker<Protocol> + use<> {
    let checker = protocol.clone().checker().finish_when(HasDiscoveries::AnyFailures);
    // The first state is at depth 1.
    let checker = match steps {
        Some(steps) => checker.target_max_depth(steps + 1),
        None => checker,
    };
    checker.spawn_bfs().join()
}

/// The promises that are broken, each with the steps that lead there.
fn broken(checker: &impl Checker<Protocol>) -> Vec<(&'static str, usize)> {
    checker.discoveries().into_iter().map(|(promise, path)| (promise, path.into_actions().len())).collect()
}

#[test]
fn every_seeded_bug_is_found() {
    let once = Budget { crashes: 1, ..NONE };
    check(Bug::CountOutsideTransaction, calm(), NONE, COUNTERS);
    check(Bug::CountAbsolutely, calm(), Budget { handovers: 1, ..NONE }, COUNTERS);
    check(Bug::CountBeforeStoring, calm(), NONE, ROWS);
    check(Bug::AcknowledgeBeforeCommit, unswept(), once, STUCK);
    check(Bug::CommitUnfenced, calm(), Budget { late: 2, ..NONE }, TAKEN);
    check(Bug::ClaimUnfenced, calm(), Budget { duplicates: 1, ..NONE }, TAKEN);
    check(Bug::ClaimIgnoresLease, calm(), Budget { duplicates: 1, ..NONE }, TAKEN);
    check(Bug::NoLookAfterRedelivery, unswept(), once, STUCK);
    check(Bug::HandOnWithoutMessage, unswept(), Budget { handovers: 1, ..NONE }, STUCK);
    check(Bug::BuryUnconditionally, frail(), Budget { late: 1, ..NONE }, TAKEN);
    check(Bug::FinishUnfenced, calm(), Budget { failures: 1, redrives: 1, ..NONE }, CLOSED);
    check(
        Bug::BuryRedriven,
        Bounds { workers: 1, ..frail() },
        Budget { redrives: 1, duplicates: 1, ..once },
        OLD_LETTER,
    );
    check(Bug::SendBeforeSplit, uploaded(), NONE, EARLY);
    check(Bug::MarkBeforeSending, hardly_swept(uploaded()), once, STUCK);
    check(Bug::SplitDoneUnfenced, uploaded(), Budget { cancels: 1, ..NONE }, CHANGED);
    check(
        Bug::ParkWithoutLookingAgain,
        hardly_swept(Bounds { workers: 1, ..calm() }),
        Budget { pauses: 1, ..once },
        STUCK,
    );
    check(Bug::ResumeWithoutSending, unswept(), Budget { pauses: 1, ..NONE }, STUCK);
    check(Bug::CancelClosesHeld, calm(), Budget { cancels: 1, ..NONE }, TAKEN);
    check(Bug::ReopenKeepsVersion, calm(), Budget { failures: 1, redrives: 1, ..NONE }, CLOSED);
    check(Bug::RedriveKeepsUnprocessed, frail(), Budget { redrives: 1, ..once }, ROWS);
    let split = Bounds { workers: 1, start: Start::Split, ..hardly_swept(calm()) };
    check(Bug::MarkUnfenced, split, Budget { pauses: 1, commands_dying: 1, ..NONE }, STUCK);
}
