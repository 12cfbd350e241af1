//! One line for each step, with its seconds.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Steps at least this long are told with their seconds, shorter ones say nothing.
const WORTH_TELLING: Duration = Duration::from_millis(300);

/// Says what is being done, does it, and says how long it took. Everything goes to standard error, so that standard
/// output holds results only.
///
/// # Errors
/// What the step returns.
pub fn step<T>(doing: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("{doing} …"));
    let start = Instant::now();
    let result = work();
    let took = start.elapsed();
    if result.is_ok() && took >= WORTH_TELLING {
        say(&format!("{doing}: {:.1} s", took.as_secs_f64()));
    }
    result
}

/// One line to the person.
pub fn say(text: &str) {
    eprintln!("filas: {text}");
}
