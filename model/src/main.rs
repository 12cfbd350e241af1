//! Searches the worlds of the night. `filas-model [STATES] [NAME]`: until so many states were seen, in the worlds whose
//! names have the text.

use std::process::ExitCode;
use std::time::Instant;

use filas_model::search::search;
use filas_model::worlds;

/// Unless asked otherwise.
const STATES: usize = 10_000_000;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let wanted = match arguments.next().map(|number| number.parse()) {
        None => STATES,
        Some(Ok(number)) => number,
        Some(Err(_)) => {
            eprintln!("usage: filas-model [STATES] [PART OF A WORLD'S NAME]");
            return ExitCode::FAILURE;
        }
    };
    let part = arguments.next().unwrap_or_default();
    let start = Instant::now();
    let (mut states, mut searched, mut broken) = (0_usize, 0, 0);
    for world in worlds::by_night().iter().filter(|world| world.name.contains(&part)) {
        if states >= wanted {
            break;
        }
        let found = search(world, wanted - states, &mut |word| println!("{word}"));
        states += found.states;
        searched += usize::from(found.is_complete);
        for (promise, run) in &found.broken {
            println!("BROKEN: {promise}\n{}", run.join("\n"));
        }
        broken += found.broken.len();
    }
    let seconds = start.elapsed().as_secs();
    println!("{states} states in {seconds} s, {searched} worlds to their end, {broken} promises broken");
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
