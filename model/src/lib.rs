//! The protocol of the ledger as a model that is searched for states in which a promise is broken.
//!
//! Two batches of two rows, two workers, and everything that may happen to them: messages that come twice, late, or
//! never, processes that die between any two calls, leases that end too early, people who cancel, pause, resume and
//! redrive. What decides is the code of `filas-domain` itself; what the functions do between its decisions is written
//! here once more, a step for each call of a port.
//!
//! Not in the model: several messages in one invocation (they are claimed and counted in one transaction, which the model
//! has for commands only), answers that are lost on the way (a process that dies after its write is the same to everybody
//! else), uploads that never come, and what is in the rows.
//!
//! * [`bounds`]: how far the model goes
//! * [`stored`]: the table, small, and as the domain has it
//! * [`process`]: what runs, and what it does next
//! * [`state`]: the world at one moment: transactions, queues
//! * [`action`]: what can happen next
//! * [`step`]: one step of one process; the processes are in `worker`, `undertaker`, `splitter`, `command`, `sweeper`,
//!   and what several of them do in `sending` and `ending`
//! * [`rule`], [`properties`]: what must never break
//! * [`termination`]: that everything ends
//! * [`story`]: a run, told step by step
//! * [`bug`]: mistakes that the model must find
//! * [`worlds`]: the bounds that are searched by the tests and by night; [`search`]: one of them searched

pub mod action;
pub mod bounds;
pub mod bug;
mod command;
mod ending;
pub mod process;
pub mod properties;
pub mod rule;
pub mod search;
mod sending;
mod splitter;
pub mod state;
pub mod step;
pub mod stored;
pub mod story;
mod sweeper;
pub mod termination;
mod undertaker;
mod worker;
pub mod worlds;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stateright::{Model, Property};

use action::Action;
use bounds::Bounds;
use bug::Bug;
use state::State;

/// The protocol within bounds, and with a mistake if one is seeded.
#[derive(Debug, Clone)]
pub struct Protocol {
    /// How far it goes.
    pub bounds: Bounds,
    /// The mistake.
    pub bug: Option<Bug>,
    /// Whether nothing more is to happen: the search has lasted long enough.
    pub is_over: Arc<AtomicBool>,
}

impl Protocol {
    /// The protocol as it is.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, bug: None, is_over: Arc::default() }
    }

    /// Whether this mistake is seeded.
    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.bounds)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        // What comes after a broken promise says nothing.
        if state.broken.is_some() || self.is_over.load(Ordering::Relaxed) {
            return;
        }
        self.steps(state, actions);
        match actions.is_empty() {
            true => actions.extend(self.rescue(state)),
            false => actions.extend(self.impatient_sweep(state)),
        }
        self.intrusions(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(self.after(state.clone(), action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
