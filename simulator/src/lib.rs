//! The real handlers over fakes, on one thread, with everything that can go wrong: seeded or exhaustive.
//!
//! A [`Simulator`] runs a [`Setting`]: a [`Scenario`] (files, workers, commands) in a [`Weather`] (what goes wrong). The
//! same setting always comes to the same, so a seed that fails can be run again and read event by event.
//!
//! * `run`: one run, from a seed to an end
//! * `scenario`, `weather`: what happens when nothing goes wrong, and what goes wrong
//! * `world`: everything around the handlers, and the handlers as processes of it
//! * `actors`, `person`: those who go on by themselves, and those who call
//! * `queue`, `bucket`, `journal`: the services, and the partner
//! * `executor`: polls the actors in an order that the seed decides
//! * `sim`: what all share; every call of a port meets its fate there
//! * `books`, `verdict`: what must hold after every call, and at the end
//! * `bugs`: faults put in on purpose, which must be found
//! * `sweep`: every call struck in every way

// The futures of the ports nest deeply in one another.
#![recursion_limit = "512"]

mod actors;
mod books;
mod bucket;
mod bugs;
mod dice;
mod executor;
mod journal;
mod person;
mod queue;
mod run;
mod scenario;
mod sim;
mod sweep;
mod verdict;
mod weather;
mod world;

pub use books::Reached;
pub use bugs::Bug;
pub use dice::Dice;
pub use run::{Ran, Setting, Simulator};
pub use scenario::{Command, Row, Scenario, Upload, Way, Work};
pub use sim::Counted;
pub use sweep::{Swept, sweep_pairs, sweep_singles};
pub use weather::{Odds, PlannedStrike, Weather};
