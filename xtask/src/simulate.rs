//! `cargo xtask simulate`: the simulator over many seeds, or one of them event by event.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::build::cargo;
use crate::workspace::Workspace;

/// Which seeds.
#[derive(Debug, Args)]
pub struct SimulateOptions {
    /// How many seeds to run; 100,000 unless a seed is given.
    #[arg(long)]
    seeds: Option<u64>,
    /// The seed to begin with. Without --seeds only that one runs, and every event of it is told.
    #[arg(long)]
    seed: Option<u64>,
}

/// Builds the simulator and runs it. It is a program of its own, because it holds every function, which no other task of
/// this one needs.
///
/// # Errors
/// When cargo cannot be run.
pub fn simulate(workspace: &Workspace, options: &SimulateOptions) -> Result<ExitCode> {
    let mut simulator = cargo(workspace);
    simulator.args(["run", "--release", "--quiet", "--package", "filas-simulator", "--"]);
    for (name, value) in [("--seeds", options.seeds), ("--seed", options.seed)] {
        if let Some(value) = value {
            simulator.args([name.to_owned(), value.to_string()]);
        }
    }
    let status = simulator.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
