//! Every call of a scenario struck in every way: nothing is left to chance.

use filas_testkit::memory::Strike;

use crate::run::{Setting, Simulator};
use crate::scenario::Scenario;
use crate::sim::Counted;
use crate::weather::{PlannedStrike, Weather};

/// What a sweep came to.
#[derive(Debug, Clone, Default)]
pub struct Swept {
    /// Runs.
    pub runs: usize,
    /// Calls that were struck: one after the other, each in every way.
    pub calls: usize,
    /// What happened in all runs together.
    pub counted: Counted,
    /// The runs that failed: what struck, and what was wrong then.
    pub failures: Vec<(Vec<PlannedStrike>, String)>,
}

/// Strikes every call of the scenario once, in every one of these ways.
pub fn sweep_singles(simulator: &Simulator, scenario: &Scenario, strikes: &[Strike]) -> Swept {
    let mut swept = Swept::default();
    for strike in strikes {
        let mut call = 1;
        while swept.run(simulator, scenario, vec![(call, *strike)]) {
            call += 1;
        }
        swept.calls = swept.calls.max(call - 1);
    }
    swept
}

/// Strikes every pair of calls of the scenario, each in every one of these ways. `every` takes only every so-manieth call
/// as the second one, beginning with another one each time.
pub fn sweep_pairs(simulator: &Simulator, scenario: &Scenario, strikes: &[Strike], every: usize) -> Swept {
    let mut swept = Swept::default();
    for first in strikes {
        let mut call = 1;
        while swept.run(simulator, scenario, vec![(call, *first)]) {
            for second in strikes {
                let mut next = call + 1 + call % every.max(1);
                while swept.run(simulator, scenario, vec![(call, *first), (next, *second)]) {
                    next += every.max(1);
                }
            }
            call += 1;
        }
        swept.calls = swept.calls.max(call - 1);
    }
    swept
}

impl Swept {
    /// Runs the scenario under these strikes, and says whether every one of them struck.
    fn run(&mut self, simulator: &Simulator, scenario: &Scenario, strikes: Vec<PlannedStrike>) -> bool {
        let wanted = strikes.len();
        let weather = Weather::Planned(strikes.clone());
        let ran = simulator.run(&Setting { seed: 0, scenario: scenario.clone(), weather, bug: None }, false);
        self.runs += 1;
        self.counted.add(&ran.counted);
        self.failures.extend(ran.failure.map(|failure| (strikes, failure)));
        ran.counted.strikes == wanted
    }
}
