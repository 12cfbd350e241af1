//! `cargo xtask model`: the model of the protocol, searched by night.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::build::cargo;
use crate::workspace::Workspace;

/// How far.
#[derive(Debug, Args)]
pub struct ModelOptions {
    /// How many states to see at least, as long as there are so many.
    #[arg(long, default_value_t = 20_000_000)]
    states: u64,
    /// Only the worlds whose names have this text.
    #[arg(long)]
    world: Option<String>,
}

/// Builds the model and searches its worlds. It is a program of its own: nothing else needs a model checker.
///
/// # Errors
/// When cargo cannot be run.
pub fn model(workspace: &Workspace, options: &ModelOptions) -> Result<ExitCode> {
    let mut model = cargo(workspace);
    model.args(["run", "--release", "--quiet", "--package", "filas-model", "--"]);
    model.arg(options.states.to_string()).args(&options.world);
    let status = model.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
