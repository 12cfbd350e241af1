//! The protocol as it is: nothing is broken in the worlds of the day, everything ends, and the worlds are not empty.

use std::time::Instant;

use filas_domain::audit::compare;
use filas_domain::batch::BatchState;
use filas_domain::task::TaskState;
use filas_model::Protocol;
use filas_model::bug::Bug;
use filas_model::process::{Process, Step};
use filas_model::search::search;
use filas_model::state::State;
use filas_model::termination::{Termination, walk};
use filas_model::worlds::by_day;

/// What it is called, and how it is seen.
type Situation = (&'static str, fn(&State) -> bool);

/// What happens somewhere in the worlds of the day. A promise about what never happens is no promise.
const SITUATIONS: [Situation; 14] = [
    ("a task completes", |state| state.head.state == TaskState::Completed),
    ("a task completes with failures", |state| state.head.state == TaskState::CompletedWithFailures),
    ("a task is cancelled", |state| state.head.state == TaskState::Cancelled),
    ("a file is given up", |state| state.head.state == TaskState::Failed),
    ("a batch is dead", |state| any(state, BatchState::Dead)),
    ("a batch is dead, and another done", |state| any(state, BatchState::Dead) && any(state, BatchState::Done)),
    ("a batch is parked", |state| any(state, BatchState::Parked)),
    ("a batch is cancelled after a row was done", |state| {
        state.batches.iter().any(|row| row.state == BatchState::Cancelled && row.unprocessed == 1)
    }),
    ("a dead batch is open again", |state| state.batches.iter().any(|row| row.is_redriven && row.redo.is_none())),
    ("failed rows are open again", |state| state.batches.iter().any(|row| row.redo.is_some())),
    ("a batch is half done", |state| {
        state.batches.iter().any(|row| row.processed == 1 && row.state == BatchState::Queued)
    }),
    ("two workers have the same batch", |state| {
        let is_for_first = |process: &&Process| process.message().is_some_and(|message| message.batch == 0);
        state.processes.iter().filter(is_for_first).count() == 2
    }),
    ("two messages are for one batch", |state| state.messages.iter().filter(|message| message.batch == 1).count() == 2),
    ("a worker has lost its batch", |state| {
        state.processes.iter().any(|process| matches!(process.step, Step::Record(seen, _) if !seen.is_current))
    }),
];

fn any(state: &State, wanted: BatchState) -> bool {
    state.batches.iter().any(|row| row.state == wanted)
}

/// States of all worlds of the day together.
const STATES: usize = 340_000;

#[test]
fn nothing_is_broken_by_day() {
    let (mut states, start) = (0, Instant::now());
    for world in by_day() {
        let found = search(&world, usize::MAX, &mut |word| println!("{word}"));
        assert_eq!(found.broken, [], "{}", world.name);
        assert!(found.is_complete, "{}", world.name);
        states += found.states;
    }
    println!("{states} states in {} ms", start.elapsed().as_millis());
    assert!(states >= STATES, "the worlds have become small: {states} states");
}

#[test]
fn every_run_ends_and_everything_happens_in_one_and_the_audit_agrees_throughout() {
    let mut missing: Vec<Situation> = SITUATIONS.to_vec();
    for world in by_day() {
        let mut drifted = None;
        let ends = walk(&Protocol::new(world.bounds), |state| {
            missing.retain(|(_, is_so)| !is_so(state));
            if drifted.is_none() && !audit_agrees(state) {
                drifted = Some(state.clone());
            }
        });
        match ends {
            Termination::Ends { states, longest } => println!("{}: {states} states, {longest} steps", world.name),
            Termination::Circle(steps) => panic!("in '{}' this goes round for ever: {steps:?}", world.name),
        }
        assert_eq!(drifted, None, "{}", world.name);
    }
    let missing: Vec<_> = missing.iter().map(|(name, _)| name).collect();
    assert!(missing.is_empty(), "never: {missing:?}");
}

/// Whether the domain's own audit finds nothing.
fn audit_agrees(state: &State) -> bool {
    let claimed = state.batches.iter().enumerate().filter(|(_, row)| row.exists);
    let batches: Vec<_> = claimed.map(|(number, row)| row.to_batch(number)).collect();
    let mut task = state.task();
    // The model keeps only what is too much of them.
    task.tally.attempts = batches.iter().map(|batch| u64::from(batch.attempts_counted)).sum();
    compare(&task, &batches).agrees
}

#[test]
fn the_audit_sees_a_drift() {
    let bounds = by_day()[0].bounds;
    let sick = Protocol { bug: Some(Bug::CountOutsideTransaction), ..Protocol::new(bounds) };
    let mut disagreed = 0;
    walk(&sick, |state| disagreed += usize::from(!audit_agrees(state)));
    assert!(disagreed > 0);
}
