//! What is true at every moment.
//!
//! That everything ends is not written as stateright's `eventually`: that one does not see a run that goes round in a
//! circle, and it forgets, where two runs meet, which of them still waits. Instead a state in which nothing can happen any
//! more without a fault must be the end of its task, and [`termination`](crate::termination) shows that there is no circle:
//! so every run in which faults end does end, and well.

use stateright::Property;

use filas_domain::batch::BatchState;
use filas_domain::task::TaskState;

use crate::Protocol;
use crate::rule::Rule;
use crate::state::State;
use crate::stored::{BatchRow, ROWS, RowOutcome};

/// Everything that is held against every state.
pub fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always("the counters of the task are the sums over its batches", |_, state| counters_agree(state)),
        Property::always("every row has exactly one outcome, and is counted as such", |_, state| rows_agree(state)),
        Property::always("a task that ended has no open batch", |_, state| is_closed_at_the_end(state)),
        Property::always("a task that ended says how", |_, state| says_how_it_ended(state)),
        Property::always("nothing is stuck", |protocol, state| !is_stuck(protocol, state)),
        Property::always("a batch is taken from nobody who holds it", |_, state: &State| {
            state.broken != Some(Rule::TakenFromItsHolder)
        }),
        Property::always("what a finished task counts changes by a redrive only", |_, state: &State| {
            state.broken != Some(Rule::ChangedAfterTheEnd)
        }),
        Property::always("a row that is counted is run by a redrive only", |_, state: &State| {
            state.broken != Some(Rule::RanACountedRow)
        }),
        Property::always("no row is run before the file is read to its end", |_, state: &State| {
            state.broken != Some(Rule::RanBeforeTheSplit)
        }),
        Property::always("a task goes from state to state as the design says", |_, state: &State| {
            state.broken != Some(Rule::IllegalTransition)
        }),
        Property::always("a redriven batch is buried by no letter of before", |_, state: &State| {
            state.broken != Some(Rule::BuriedByAnOldLetter)
        }),
    ]
}

/// Added up here and not by the domain's own means, which are what is being checked.
fn counters_agree(state: &State) -> bool {
    let sum = |count: fn(&BatchRow) -> u8| state.batches.iter().map(count).sum::<u8>();
    let tally = &state.tally;
    [
        (tally.succeeded, sum(|row| row.succeeded)),
        (tally.failed, sum(|row| row.failed)),
        (tally.unprocessed, sum(|row| row.unprocessed)),
        (tally.done, sum(|row| u8::from(row.state == BatchState::Done))),
        (tally.dead, sum(|row| u8::from(row.state == BatchState::Dead))),
        (tally.cancelled, sum(|row| u8::from(row.state == BatchState::Cancelled))),
        (tally.attempts_too_many, 0),
    ]
    .iter()
    .all(|(counted, sum)| u8::try_from(*counted) == Ok(*sum))
}

fn rows_agree(state: &State) -> bool {
    state.batches.iter().all(|row| {
        let with = |outcome| row.outcomes.iter().filter(|of_row| **of_row == outcome).count();
        let without = with(RowOutcome::None);
        let unprocessed = if row.state.is_closed() { without } else { 0 };
        with(RowOutcome::Two) == 0
            && with(RowOutcome::Missing) == 0
            && usize::from(row.succeeded) == with(RowOutcome::Succeeded)
            && usize::from(row.failed) == with(RowOutcome::Failed)
            && usize::from(row.unprocessed) == unprocessed
            && adds_up(row, without)
    })
}

/// `succeeded + failed + unprocessed`, and while the batch is open those still to be run, are the rows of the batch.
fn adds_up(row: &BatchRow, without: usize) -> bool {
    let counted = usize::from(row.succeeded) + usize::from(row.failed) + usize::from(row.unprocessed);
    match row.state.is_closed() {
        true => counted == ROWS,
        false => counted + without == ROWS && row.rows_to_run().len() == without,
    }
}

fn is_closed_at_the_end(state: &State) -> bool {
    !state.head.is_split || !state.head.state.is_final() || state.batches.iter().all(|row| row.state.is_closed())
}

fn says_how_it_ended(state: &State) -> bool {
    let not_succeeded = state.batches.iter().map(|row| row.failed + row.unprocessed).sum::<u8>();
    match state.head.state {
        TaskState::Completed => not_succeeded == 0,
        TaskState::CompletedWithFailures => not_succeeded > 0,
        _ => true,
    }
}

/// Whether nothing happens any more, nobody comes to help, and the task has not ended.
fn is_stuck(protocol: &Protocol, state: &State) -> bool {
    let is_over = state.broken.is_some() || state.head.state.is_final();
    !is_over && protocol.rescue(state).is_none() && protocol.is_quiet(state)
}
