//! What all parts of a run share: its dice, its weather, its clock, and what happened so far.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::error_chain;
use filas_domain::ports::Clock;
use filas_testkit::memory::{Call, Fate, ManualClock, Strike, WorldClock};

use crate::books::{Books, Reached};
use crate::dice::Dice;
use crate::executor;
use crate::weather::{Latency, Odds, Weather};

/// Calls of ports in a run before it is held to go round for ever.
const MOST_CALLS: usize = 200_000;

/// What all parts of a run share.
#[derive(Debug)]
pub struct Sim {
    clock: WorldClock,
    start: Timestamp,
    books: Arc<Books>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    weather: Weather,
    /// How much may still go wrong by chance.
    budget: u32,
    counted: Counted,
    failure: Option<String>,
    trace: Option<Vec<String>>,
}

/// What happened in a run, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Calls of ports.
    pub calls: usize,
    /// Calls that something struck.
    pub strikes: usize,
    /// Processes that died.
    pub deaths: usize,
    /// Messages that came twice, late, or not at all, or were dealt with and came again.
    pub queue_faults: usize,
    /// Messages that became dead letters.
    pub dead_letters: usize,
    /// Deliveries of rows to the partner that were made before, under the same key.
    pub repeated: usize,
    /// Where batches came to.
    pub reached: Reached,
}

impl Counted {
    /// Adds `more`.
    pub const fn add(&mut self, more: &Self) {
        self.calls += more.calls;
        self.strikes += more.strikes;
        self.deaths += more.deaths;
        self.queue_faults += more.queue_faults;
        self.dead_letters += more.dead_letters;
        self.repeated += more.repeated;
        self.reached.add(&more.reached);
    }
}

/// Something that can go wrong in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueFault {
    /// A message is delivered to two at once.
    Duplicate,
    /// A message comes later.
    Delay,
    /// A message that was dealt with is not deleted.
    LostAcknowledgement,
    /// A message is gone before anybody received it.
    LostMessage,
    /// A queue says that it is empty, and is not.
    WrongDepth,
}

impl Sim {
    /// The beginning of a run. Its books are kept over `books`.
    pub fn new(dice: Dice, weather: Weather, books: Arc<Books>, is_traced: bool) -> Self {
        let budget = match &weather {
            Weather::Random(odds) => odds.budget,
            Weather::Planned(_) => 0,
        };
        let clock = WorldClock::new(&ManualClock::default());
        let trace = is_traced.then(Vec::new);
        let state = State { dice, weather, budget, counted: Counted::default(), failure: None, trace };
        Self { start: clock.now(), clock, books, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock that everybody agrees on.
    pub const fn clock(&self) -> &WorldClock {
        &self.clock
    }

    /// Rolls the dice of the run.
    pub fn roll<T>(&self, roll: impl FnOnce(&mut Dice) -> T) -> T {
        roll(&mut self.state().dice)
    }

    /// From now on nothing goes wrong any more.
    pub fn calm(&self) {
        self.state().weather = Weather::Planned(Vec::new());
    }

    /// Notes an event, if anybody wants to read it. The first argument is who it happens to.
    pub fn note(&self, actor: &str, event: impl FnOnce() -> String) {
        let mut state = self.state();
        if let Some(trace) = &mut state.trace {
            let since = self.clock.now().since(self.start);
            trace.push(format!("{:>11.3} s  {actor:<14} {}", since.as_secs_f64(), event()));
        }
    }

    /// The run has failed; the first reason counts.
    pub fn fail(&self, reason: impl Into<String>) {
        let reason = reason.into();
        self.note("FAILURE", || reason.clone());
        self.state().failure.get_or_insert(reason);
    }

    /// Why the run has failed, if it has.
    pub fn failure(&self) -> Option<String> {
        self.state().failure.clone()
    }

    /// Whether the run has failed.
    pub fn has_failed(&self) -> bool {
        self.state().failure.is_some()
    }

    /// Every event so far.
    pub fn trace(&self) -> Vec<String> {
        self.state().trace.clone().unwrap_or_default()
    }

    /// What happened so far, in numbers.
    pub fn counted(&self) -> Counted {
        self.state().counted
    }

    /// Counts a dead letter.
    pub fn count_dead_letter(&self) {
        self.state().counted.dead_letters += 1;
    }

    /// Whether this goes wrong in a queue now.
    pub fn queue_fault(&self, fault: QueueFault) -> bool {
        let mut state = self.state();
        let State { dice, weather: Weather::Random(odds), budget: 1.., .. } = &mut *state else { return false };
        let per_mille = match fault {
            QueueFault::Duplicate => odds.duplicate,
            QueueFault::Delay => odds.delay,
            QueueFault::LostAcknowledgement => odds.lost_acknowledgement,
            QueueFault::LostMessage => odds.lost_message,
            QueueFault::WrongDepth => odds.wrong_depth,
        };
        let happens = dice.chance(per_mille);
        if happens {
            state.budget -= 1;
            state.counted.queue_faults += 1;
        }
        happens
    }

    fn latency(&self) -> Latency {
        let mut state = self.state();
        match &mut *state {
            State { weather: Weather::Planned(_), .. } => Latency::Turns(1),
            State { dice, weather: Weather::Random(Odds { slow, .. }), .. } => {
                if dice.chance(*slow) {
                    Latency::Time(Duration::from_millis(dice.between(1, 400)))
                } else {
                    Latency::Turns(dice.below(4))
                }
            }
        }
    }

    /// What strikes the call that is about to be made.
    fn strike(&self) -> Option<Strike> {
        let mut state = self.state();
        state.counted.calls += 1;
        let call = state.counted.calls;
        let strike = match &mut *state {
            State { weather: Weather::Planned(planned), .. } => {
                planned.iter().find(|(at, _)| *at == call).map(|(_, strike)| *strike)
            }
            State { dice, weather: Weather::Random(odds), budget: 1.., .. } => odds.strike(dice),
            State { .. } => None,
        };
        if let Some(strike) = strike {
            state.budget = state.budget.saturating_sub(1);
            state.counted.strikes += 1;
            state.counted.deaths += usize::from(matches!(strike, Strike::DieBefore | Strike::DieAfter));
        }
        if call == MOST_CALLS {
            drop(state);
            self.fail(format!("it does not settle: {MOST_CALLS} calls"));
        }
        strike
    }
}

/// Whether a process lives. Its clones are the same process.
#[derive(Debug, Clone, Default)]
pub struct Life(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    is_dead: AtomicBool,
    stands_still: AtomicBool,
}

impl Life {
    /// Ends it.
    pub fn end(&self) {
        self.0.is_dead.store(true, Ordering::Relaxed);
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.0.is_dead.load(Ordering::Relaxed)
    }

    /// Whether it is waiting for time to pass.
    pub fn stands_still(&self) -> bool {
        self.0.stands_still.load(Ordering::Relaxed)
    }

    fn stand_still(&self, stands_still: bool) {
        self.0.stands_still.store(stands_still, Ordering::Relaxed);
    }

    /// Never comes back in a process that is dead.
    async fn go_on(&self) {
        if self.is_over() {
            std::future::pending::<()>().await;
        }
    }
}

/// The fate of one process of a run: every call of a port of its gives the others a turn, before and after its effect.
#[derive(Clone)]
pub struct SimFate {
    sim: Arc<Sim>,
    life: Life,
    actor: Arc<str>,
}

impl SimFate {
    /// The fate of a process.
    pub fn new(sim: &Arc<Sim>, life: &Life, actor: &str) -> Self {
        Self { sim: sim.clone(), life: life.clone(), actor: actor.into() }
    }

    async fn travel(&self) {
        match self.sim.latency() {
            Latency::Turns(turns) => {
                for _ in 0..turns {
                    executor::turn().await;
                }
            }
            Latency::Time(time) => {
                self.life.stand_still(true);
                tokio::time::sleep(time).await;
                self.life.stand_still(false);
            }
        }
        self.life.go_on().await;
    }
}

impl Fate for SimFate {
    async fn begin(&self, call: &Call<'_>) -> Option<Strike> {
        self.travel().await;
        let strike = self.sim.strike();
        match strike {
            Some(Strike::DieBefore) => {
                self.sim.note(&self.actor, || format!("{call}: DIES BEFORE IT"));
                self.life.end();
            }
            Some(Strike::FailBefore) => self.sim.note(&self.actor, || format!("{call}: REFUSED")),
            Some(Strike::Stall) => {
                self.sim.note(&self.actor, || format!("{call}: STALLS"));
                self.life.stand_still(true);
            }
            Some(Strike::FailAfter | Strike::DieAfter) | None => {}
        }
        strike
    }

    async fn end(&self, call: &Call<'_>, strike: Option<Strike>, error: Option<&(dyn Error + Send + Sync)>) {
        self.life.stand_still(false);
        self.sim.note(&self.actor, || match error {
            None => call.to_string(),
            Some(error) => format!("{call}: {}", error_chain(error)),
        });
        if let Err(wrong) = self.sim.books.check_after(call, error.is_none()) {
            self.sim.fail(format!("after '{call}' of {}: {wrong}", self.actor));
        }
        match strike {
            Some(Strike::DieAfter) => {
                self.sim.note(&self.actor, || "DIES AFTER IT".to_owned());
                self.life.end();
            }
            Some(Strike::FailAfter) => self.sim.note(&self.actor, || "ITS ANSWER IS LOST".to_owned()),
            _ => {}
        }
        self.travel().await;
    }
}

impl fmt::Debug for SimFate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimFate").field("actor", &self.actor).finish_non_exhaustive()
    }
}

/// The clock of one machine, which is not quite right.
#[derive(Debug, Clone)]
pub struct SkewedClock {
    clock: WorldClock,
    ahead: Duration,
}

impl SkewedClock {
    /// A clock that is ahead of the common one.
    pub fn new(clock: &WorldClock, ahead: Duration) -> Self {
        Self { clock: clock.clone(), ahead }
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        self.clock.now().plus(self.ahead)
    }
}
