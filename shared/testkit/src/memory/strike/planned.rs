//! The fate that a test plans.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};

use filas_domain::ports::Clock as _;

use super::{Call, Fate, Strike, WorldClock};
use crate::memory::faults::lock;

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The call with this number, from 1, over all ports.
    Call(usize),
    /// The call with this number, from 1, of the operation with this name.
    Of(&'static str, usize),
}

/// Strikes where a test planned it, and nowhere else.
#[derive(Clone)]
pub struct PlannedFate {
    state: Arc<Mutex<State>>,
    clock: WorldClock,
}

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    planned: Vec<(At, Strike)>,
    hooks: Vec<(At, Hook)>,
    calls: Vec<&'static str>,
}

impl PlannedFate {
    /// Nothing strikes yet. `clock` is brought up to date before each call, so that the fakes see its time.
    pub fn new(clock: &WorldClock) -> Self {
        Self { state: Arc::default(), clock: clock.clone() }
    }

    /// Plans a strike.
    pub fn strike(&self, at: At, strike: Strike) {
        lock(&self.state).planned.push((at, strike));
    }

    /// Plans that something happens in the world right before a call.
    pub fn before(&self, at: At, hook: impl FnOnce() + Send + 'static) {
        lock(&self.state).hooks.push((at, Box::new(hook)));
    }

    /// Whether everything that was planned has struck.
    pub fn is_done(&self) -> bool {
        let state = lock(&self.state);
        state.planned.is_empty() && state.hooks.is_empty()
    }

    /// The operations so far, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        lock(&self.state).calls.clone()
    }
}

impl Fate for PlannedFate {
    async fn begin(&self, call: &Call<'_>) -> Option<Strike> {
        self.clock.now();
        let (hook, strike) = lock(&self.state).next(call.operation);
        if let Some(hook) = hook {
            hook();
        }
        strike
    }

    async fn end(&self, _call: &Call<'_>, _strike: Option<Strike>, _error: Option<&(dyn Error + Send + Sync)>) {}
}

impl State {
    fn next(&mut self, operation: &'static str) -> (Option<Hook>, Option<Strike>) {
        self.calls.push(operation);
        let (call, of) = (self.calls.len(), self.calls.iter().filter(|name| **name == operation).count());
        let is_now = |at: &At| *at == At::Call(call) || *at == At::Of(operation, of);
        let hook = self.hooks.iter().position(|(at, _)| is_now(at)).map(|index| self.hooks.remove(index).1);
        let strike = self.planned.iter().position(|(at, _)| is_now(at)).map(|index| self.planned.remove(index).1);
        (hook, strike)
    }
}

impl fmt::Debug for PlannedFate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        formatter.debug_struct("PlannedFate").field("planned", &state.planned).field("calls", &state.calls).finish()
    }
}
