//! One run: a scenario in a weather, from a seed to an end.

use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::actors;
use crate::bugs::Bug;
use crate::dice::Dice;
use crate::executor::{self, End};
use crate::scenario::Scenario;
use crate::sim::Counted;
use crate::verdict;
use crate::weather::{Odds, Weather};
use crate::world::World;

/// Polls of actors in a run before it is held to go round for ever.
const MOST_POLLS: usize = 5_000_000;

/// Runs worlds, one after the other.
#[derive(Debug)]
pub struct Simulator {
    runtime: Runtime,
    salt: u32,
}

/// What is run.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// What happens when nothing goes wrong.
    pub scenario: Scenario,
    /// What goes wrong.
    pub weather: Weather,
    /// A fault that is put in on purpose.
    pub bug: Option<Bug>,
}

/// What became of a run.
#[derive(Debug, Clone)]
pub struct Ran {
    /// What happened, in numbers.
    pub counted: Counted,
    /// What is wrong, if anything is.
    pub failure: Option<String>,
    /// Every event, where that was asked for.
    pub trace: Vec<String>,
}

impl Setting {
    /// The run of a seed: scenario and weather by chance.
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let scenario = Scenario::roll(&mut dice);
        let weather = Weather::Random(Odds::roll(&mut dice));
        Self { seed: dice.roll(), scenario, weather, bug: None }
    }
}

impl Simulator {
    /// A simulator. `salt` tells its files from those of other simulators of this process that run the same seeds at the
    /// same time; it changes nothing else.
    ///
    /// # Errors
    /// When there is no runtime.
    pub fn new(salt: u32) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            // Files are read by one thread at a time.
            .max_blocking_threads(4)
            .thread_keep_alive(Duration::from_secs(3600))
            .build()?;
        Ok(Self { runtime, salt })
    }

    /// Runs it to its end. The same setting always comes to the same.
    pub fn run(&self, setting: &Setting, is_traced: bool) -> Ran {
        self.runtime.block_on(run(setting, self.salt, is_traced))
    }
}

async fn run(setting: &Setting, salt: u32, is_traced: bool) -> Ran {
    let scenario = &setting.scenario;
    let world = Rc::new(World::new(setting, salt, is_traced));
    let actors = actors::cast(&world, scenario);
    let dice = Dice::new(setting.seed ^ 0xd1ce);
    let is_over = || world.sim.has_failed() || world.is_quiet();
    let end = executor::run(actors, dice, MOST_POLLS, |actor| world.wait_of(actor), is_over).await;
    if end == End::TooLong {
        world.sim.fail("it does not settle: actors go round for ever");
    }
    if !world.sim.has_failed() {
        world.sim.calm();
        if let Err(wrong) = verdict::check(&world, scenario).await {
            world.sim.fail(wrong);
        }
    }
    let (repeated, reached) = (world.journal.repeated(), world.books.reached());
    let counted = Counted { repeated, reached, ..world.sim.counted() };
    Ran { counted, failure: world.sim.failure(), trace: world.sim.trace() }
}
