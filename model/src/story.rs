//! A run, told step by step.

use stateright::Path;

use crate::action::Action;
use crate::process::{Process, Step};
use crate::state::State;

/// What happened, a line for each step, and where it ended.
pub fn story(path: &Path<State, Action>) -> Vec<String> {
    let steps: Vec<(State, Option<Action>)> = path.clone().into_vec();
    let mut lines = Vec::new();
    for (number, (state, action)) in steps.iter().enumerate() {
        match action {
            Some(action) => lines.push(format!("{:>3}. {}", number + 1, told(state, *action))),
            None => lines.extend(end(state)),
        }
    }
    lines
}

fn told(state: &State, action: Action) -> String {
    match action {
        Action::Step(index, choice) => format!("{} {choice:?}", who(&state.processes[index])),
        Action::Crash(index) => format!("dies: {}", who(&state.processes[index])),
        Action::VisibilityEnds(index) => format!("the visibility timeout ends of: {}", who(&state.processes[index])),
        Action::Deliver(index) => format!("delivered: {:?}", state.messages[index]),
        Action::DeliverDeadMessage(index) => format!("delivered as a dead letter: {:?}", state.dead_messages[index]),
        other => format!("{other:?}"),
    }
}

fn who(process: &Process) -> String {
    format!("{:?} {}", process.origin, name(&process.step))
}

/// The name of a step, without what the process remembers.
fn name(step: &Step) -> String {
    let all = format!("{step:?}");
    let end = ["Seen", "["].iter().filter_map(|memory| all.find(memory)).min().unwrap_or(all.len());
    all[..end].trim_end_matches([' ', ',', '(']).to_owned()
}

fn end(state: &State) -> Vec<String> {
    let mut lines = vec![format!("     {:?}", state.head), format!("     {:?}", state.tally)];
    lines.extend(state.batches.iter().map(|row| format!("     {row:?}")));
    lines.push(format!("     messages {:?}, dead letters {:?}", state.messages, state.dead_messages));
    lines.push(format!("     broken by a step: {:?}", state.broken));
    lines
}
