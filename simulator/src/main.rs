//! Runs seeds, many or one: `cargo xtask simulate` is its front.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Parser;
use filas_simulator::{Counted, Setting, Simulator};
use indicatif::{ProgressBar, ProgressStyle};

/// Runs the real handlers over fakes with everything that can go wrong.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The seed to begin with. With this and without --seeds, that one seed runs and every event of it is told.
    #[arg(long)]
    seed: Option<u64>,
    /// Threads; as many as the machine has cores unless given.
    #[arg(long)]
    threads: Option<usize>,
}

/// A run that failed.
struct Failed {
    seed: u64,
    failure: String,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let names_seeds = std::env::args().any(|argument| argument.starts_with("--seeds"));
    match arguments.seed {
        Some(seed) if !names_seeds => replay(seed),
        first => many(first.unwrap_or(1), &arguments),
    }
}

/// Runs one seed and tells every event.
fn replay(seed: u64) -> Result<ExitCode> {
    let setting = Setting::of_seed(seed);
    println!("{:#?}\n{:#?}", setting.scenario, setting.weather);
    let ran = Simulator::new(0).context("cannot make a runtime")?.run(&setting, true);
    ran.trace.iter().for_each(|event| println!("{event}"));
    match ran.failure {
        None => {
            println!("seed {seed}: all is well. {:?}", ran.counted);
            Ok(ExitCode::SUCCESS)
        }
        Some(failure) => {
            println!("seed {seed} FAILED: {failure}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Runs many seeds on every core, and tells those that failed.
fn many(first: u64, arguments: &Arguments) -> Result<ExitCode> {
    let threads = arguments.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let style = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} seeds, {per_sec}, {eta} left {msg}")?;
    let bar = ProgressBar::new(arguments.seeds).with_style(style);
    let (next, begun) = (AtomicU64::new(first), Instant::now());
    let end = first.saturating_add(arguments.seeds);
    let found = Mutex::new((Counted::default(), Vec::<Failed>::new()));
    let work = || -> Result<()> {
        let simulator = Simulator::new(0).context("cannot make a runtime")?;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return Ok(());
            }
            let ran = simulator.run(&Setting::of_seed(seed), false);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.0.add(&ran.counted);
            if let Some(failure) = ran.failure {
                bar.println(format!("seed {seed} FAILED: {failure}"));
                found.1.push(Failed { seed, failure });
                bar.set_message(format!("({} FAILED)", found.1.len()));
            }
            drop(found);
            bar.inc(1);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a run panicked"))?)
    })?;
    bar.finish_and_clear();
    let (counted, failed) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!(
        "{} seeds in {:.1} s: {} calls of ports, {} of them struck, {} deaths, {} faults of queues, {} dead letters, {} deliveries repeated under the same key; {} failed",
        arguments.seeds,
        begun.elapsed().as_secs_f64(),
        counted.calls,
        counted.strikes,
        counted.deaths,
        counted.queue_faults,
        counted.dead_letters,
        counted.repeated,
        failed.len(),
    );
    println!("{:?}", counted.reached);
    for Failed { seed, failure } in failed.iter().take(20) {
        println!("  {failure}\n    every event of it: cargo xtask simulate --seed {seed}");
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
