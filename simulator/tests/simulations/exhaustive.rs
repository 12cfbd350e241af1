//! Every call of fixed scenarios struck in every way.

use std::time::Duration;

use filas_simulator::{Command, Scenario, Simulator, Swept, Upload, Work, sweep_pairs, sweep_singles};
use filas_testkit::memory::Strike;

const SECOND: Duration = Duration::from_secs(1);

/// The variable that asks for each pair of deaths, and not for a part of them.
const EVERY_PAIR: &str = "FILAS_EVERY_PAIR";

/// Two batches of two rows, a bad row in each, processed together.
fn pure() -> Scenario {
    Scenario::of(Upload::of(Work::Pure, 2, &[false, true, true, false]))
}

/// Three batches that are processed one by one, by two workers, by way of the API.
fn simulated() -> Scenario {
    let upload = Upload::of(Work::Simulated, 2, &[false, true, false, false, true]);
    Scenario { processors: 2, ..Scenario::of(upload) }
}

/// A batch that does not fit into an invocation, behind one that does.
fn handed_on() -> Scenario {
    let mut upload = Upload::of(Work::Simulated, 18, &[false; 20]);
    upload.rows.iter_mut().skip(1).for_each(|row| row.cost = 20_000);
    Scenario::of(upload)
}

/// Every trouble makes a dead letter, and every dead batch is redriven.
fn dying() -> Scenario {
    Scenario { deliveries: 1, ..simulated() }
}

/// A slow task that is paused, resumed, and whose failed rows are put through again.
fn commanded() -> Scenario {
    let mut upload = Upload::of(Work::Simulated, 1, &[false, true, false])
        .then(SECOND, Command::Pause)
        .then(30 * SECOND, Command::Resume)
        .then(120 * SECOND, Command::RedriveFailed);
    upload.rows.iter_mut().for_each(|row| row.cost = 900);
    Scenario::of(upload)
}

/// A slow task that is cancelled when some of its batches are done.
fn cancelled() -> Scenario {
    let mut upload = Upload::of(Work::Simulated, 1, &[false, true, false, false]).then(3 * SECOND, Command::Cancel);
    upload.rows.iter_mut().for_each(|row| row.cost = 1500);
    Scenario::of(upload)
}

/// A slow task that is deleted when a worker has some of its batches in hand.
fn deleted() -> Scenario {
    let mut upload = Upload::of(Work::Simulated, 1, &[false, true, false, false]).then(3 * SECOND, Command::Delete);
    upload.rows.iter_mut().for_each(|row| row.cost = 1500);
    Scenario::of(upload)
}

#[track_caller]
fn check(name: &str, swept: &Swept, least_calls: usize) {
    println!("{name}: {} calls, {} runs, {:?}", swept.calls, swept.runs, swept.counted);
    let shown: Vec<_> = swept.failures.iter().take(3).collect();
    assert!(swept.failures.is_empty(), "{name}: {} of {} runs failed: {shown:#?}", swept.failures.len(), swept.runs);
    assert!(swept.calls >= least_calls, "{name}: only {} calls were struck", swept.calls);
}

#[test]
fn whatever_strikes_once_nothing_is_lost_and_nothing_is_counted_twice() {
    let simulator = Simulator::new(3).unwrap();
    for (name, scenario, least_calls) in [
        ("pure", pure(), 20),
        ("simulated", simulated(), 30),
        ("handed on", handed_on(), 30),
        ("dying", dying(), 30),
        ("commanded", commanded(), 50),
        ("cancelled", cancelled(), 30),
    ] {
        check(name, &sweep_singles(&simulator, &scenario, &Strike::ALL), least_calls);
    }
}

#[test]
fn whatever_strikes_once_nothing_is_left_of_a_task_that_is_deleted() {
    let simulator = Simulator::new(5).unwrap();
    check("deleted", &sweep_singles(&simulator, &deleted(), &Strike::ALL), 100);
}

#[test]
fn whatever_dies_twice_nothing_is_lost_and_nothing_is_counted_twice() {
    let simulator = Simulator::new(4).unwrap();
    let deaths = [Strike::DieBefore, Strike::DieAfter];
    // Each pair of the first is 50,000 runs: five minutes, in which the function `report` writes as many workbooks. So
    // each call is followed by every eleventh of those after it, the next call by their neighbours, and all pairs are for
    // those who ask for them.
    let [pure_step, dying_step] = if std::env::var_os(EVERY_PAIR).is_some() { [1, 1] } else { [11, 23] };
    check("pure", &sweep_pairs(&simulator, &pure(), &deaths, pure_step), 20);
    check("dying", &sweep_pairs(&simulator, &dying(), &deaths, dying_step), 30);
}
