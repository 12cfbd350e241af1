//! One world searched, with a word now and then on how far it got.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

use crate::Protocol;
use crate::story::story;
use crate::worlds::{Order, World};

/// How often it is looked how far the search got.
const LOOK: Duration = Duration::from_millis(200);
/// How often a word is said.
const WORD: Duration = Duration::from_secs(10);

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// States that differ.
    pub states: usize,
    /// Whether these are all that can be reached.
    pub is_complete: bool,
    /// Each promise that was broken, with the steps that lead there.
    pub broken: Vec<(&'static str, Vec<String>)>,
}

/// Searches a world until so many states were seen, on every core.
pub fn search(world: &World, most_states: usize, say: &mut impl FnMut(&str)) -> Found {
    let is_over = Arc::new(AtomicBool::new(false));
    let protocol = Protocol { is_over: Arc::clone(&is_over), ..Protocol::new(world.bounds) };
    let threads = available_parallelism().map_or(1, usize::from);
    let checker = protocol.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures);
    match world.order {
        Order::Breadth => watch(checker.spawn_bfs(), world, &is_over, most_states, say),
        Order::Depth => watch(checker.spawn_dfs(), world, &is_over, most_states, say),
    }
}

fn watch(
    checker: impl Checker<Protocol>,
    world: &World,
    is_over: &AtomicBool,
    most_states: usize,
    say: &mut impl FnMut(&str),
) -> Found {
    let start = Instant::now();
    let mut next_word = WORD;
    let mut is_complete = true;
    while !checker.is_done() {
        sleep(LOOK);
        let states = checker.unique_state_count();
        if states >= most_states && !checker.is_done() {
            is_complete = false;
            is_over.store(true, Ordering::Relaxed);
            break;
        }
        if start.elapsed() >= next_word {
            next_word += WORD;
            say(&format!("{}: {states} states, {} steps deep", world.name, checker.max_depth()));
        }
    }
    let checker = checker.join();
    // The runs that broke something are made again from the actions that they chose.
    is_over.store(false, Ordering::Relaxed);
    let broken: Vec<_> = checker.discoveries().iter().map(|(promise, path)| (*promise, story(path))).collect();
    let states = checker.unique_state_count();
    let seconds = start.elapsed().as_secs_f64();
    let how = if is_complete && broken.is_empty() { "all" } else { "some" };
    say(&format!("{}: {how} states, {states}, {} steps deep, {seconds:.1} s", world.name, checker.max_depth()));
    Found { states, is_complete, broken }
}
