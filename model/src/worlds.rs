//! The worlds that are searched. Each is small enough to be searched to its end, or nearly; together they have every fault
//! and every command, alone and in those pairs and threes that touch each other.

use crate::bounds::{Bounds, Budget, Start};

/// A world with a name.
#[derive(Debug, Clone, Copy)]
pub struct World {
    /// Its name.
    pub name: &'static str,
    /// How far it goes.
    pub bounds: Bounds,
    /// In which order.
    pub order: Order,
}

/// The order in which states are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Those that are few steps away first, which makes the shortest stories.
    Breadth,
    /// One run to its end, then the next: for a world that is too large to be searched to its end.
    Depth,
}

const NONE: Budget = Budget {
    crashes: 0,
    commands_dying: 0,
    late: 0,
    duplicates: 0,
    losses: 0,
    troubles: 0,
    failures: 0,
    handovers: 0,
    cancels: 0,
    pauses: 0,
    redrives: 0,
    sweeps: 0,
};

/// One death.
const ONE: Budget = Budget { crashes: 1, ..NONE };

/// Two workers, and every batch has its message.
fn calm() -> Bounds {
    Bounds::calm()
}

/// One worker, who may be followed by another: for what is about a worker and somebody else.
fn alone() -> Bounds {
    Bounds { workers: 1, ..calm() }
}

/// The first death of a worker makes a dead letter.
fn frail(bounds: Bounds) -> Bounds {
    Bounds { receives: 1, ..bounds }
}

/// It begins with the file.
fn uploaded(bounds: Bounds) -> Bounds {
    Bounds { start: Start::Uploaded, ..bounds }
}

/// Commands work on one batch at a time.
fn batch_by_batch(bounds: Bounds) -> Bounds {
    Bounds { batches_at_once: 1, ..bounds }
}

fn world(name: &'static str, bounds: Bounds, budget: Budget) -> World {
    World { name, bounds: bounds.with(budget), order: Order::Breadth }
}

/// The worlds of the ordinary tests.
pub fn by_day() -> Vec<World> {
    vec![
        world("deaths", calm(), Budget { crashes: 2, failures: 1, ..NONE }),
        world("handing on", calm(), Budget { handovers: 1, troubles: 1, ..ONE }),
        world("late workers", calm(), Budget { late: 2, ..NONE }),
        world("duplicates and losses", calm(), Budget { duplicates: 1, losses: 1, ..ONE }),
        world("splitting", uploaded(calm()), ONE),
        world("cancelling", calm(), Budget { cancels: 1, ..ONE }),
        world("cancelling what is handed on", alone(), Budget { cancels: 1, handovers: 1, ..ONE }),
        world("pausing", calm(), Budget { pauses: 1, ..NONE }),
        world("pausing and a death", alone(), Budget { pauses: 1, ..ONE }),
        world("redriving failed rows", alone(), Budget { redrives: 1, failures: 1, ..ONE }),
        world("redriving the dead", frail(calm()), Budget { redrives: 1, ..ONE }),
        world(
            "redriving the dead, one by one",
            batch_by_batch(frail(alone())),
            Budget { redrives: 1, crashes: 2, ..NONE },
        ),
        world("an impatient sweeper", alone(), Budget { sweeps: 1, ..ONE }),
    ]
}

/// The worlds of the night.
pub fn by_night() -> Vec<World> {
    let two_readers = Bounds { splitters: 2, ..uploaded(alone()) };
    let two_commands = Bounds { commands: 2, ..alone() };
    let mut worlds = by_day();
    worlds.extend([
        world("late workers and a death", calm(), Budget { late: 2, handovers: 1, ..ONE }),
        world("pausing two workers and a death", calm(), Budget { pauses: 1, ..ONE }),
        world("redriving among workers", calm(), Budget { redrives: 1, failures: 1, ..ONE }),
        world("redriving twice", frail(alone()), Budget { redrives: 2, failures: 1, ..ONE }),
        world("an impatient sweeper among workers", calm(), Budget { sweeps: 1, duplicates: 1, ..ONE }),
        world("two readers and a death", two_readers, Budget { duplicates: 1, ..ONE }),
        world("two late readers", two_readers, Budget { duplicates: 1, late: 1, ..NONE }),
        world("a reader in trouble", uploaded(alone()), Budget { troubles: 1, late: 1, crashes: 2, ..NONE }),
        world("cancelling what is paused", batch_by_batch(frail(alone())), Budget { cancels: 1, pauses: 1, ..ONE }),
        world("cancelling while splitting", uploaded(alone()), Budget { cancels: 1, ..ONE }),
        world("two commands at once", two_commands, Budget { cancels: 1, pauses: 1, ..NONE }),
        world("redriving what was cancelled", frail(alone()), Budget { cancels: 1, redrives: 1, failures: 1, ..ONE }),
    ]);
    let all = Bounds { commands: 2, splitters: 2, ..uploaded(batch_by_batch(calm())) };
    worlds.push(World { order: Order::Depth, ..world("everything", all, EVERYTHING) });
    worlds
}

/// Too much for any night: searched in depth for as long as there is time.
const EVERYTHING: Budget = Budget {
    crashes: 2,
    commands_dying: 0,
    late: 1,
    duplicates: 1,
    losses: 1,
    troubles: 1,
    failures: 1,
    handovers: 1,
    cancels: 1,
    pauses: 1,
    redrives: 1,
    sweeps: 1,
};
