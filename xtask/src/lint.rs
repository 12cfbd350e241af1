//! Everything that is checked without running Filas.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::build::cargo;
use crate::failures;
use crate::layers;
use crate::progress::step;
use crate::python::{self, Requirements};
use crate::selections;
use crate::supply;
use crate::workspace::Workspace;

/// What takes seconds: the layers, the tables that name tests and dependencies, and what cargo compiles.
///
/// # Errors
/// At the first check that fails, which has told why.
pub fn check(workspace: &Workspace) -> Result<()> {
    step("checking which room imports which", || layers::check(workspace))?;
    step("checking the table of failures", || failures::check(workspace))?;
    step("checking that every test is run", || failures::check_that_all_run(workspace))?;
    step("checking that each dependency has its reason", || supply::check(workspace))?;
    step("checking that no crate is compiled twice", || selections::check(workspace))
}

/// That, formatting, clippy, and the template before and after the SAM transform. The quick ones come first.
///
/// # Errors
/// At the first check that fails, which has told why.
pub fn lint(workspace: &Workspace) -> Result<()> {
    check(workspace)?;
    step("checking the formatting", || run(cargo(workspace).args(["fmt", "--all", "--check"])))?;
    let python = python::environment(workspace, Requirements::Checks)?;
    step("checking template.yaml", || {
        run(Command::new(&python).current_dir(workspace.root()).arg("localstack/lint.py"))
    })?;
    let checkov = python::environment(workspace, Requirements::Checkov)?;
    step("checking template.yaml with checkov", || {
        let made = workspace.made().join("checkov");
        run(Command::new(&checkov)
            .current_dir(workspace.root())
            .args(["-m", "checkov.main", "--framework", "cloudformation", "--compact", "--quiet", "--skip-download"])
            .arg("--config-file")
            .arg(made.join("config.yaml"))
            .arg("--file")
            .arg(made.join("template.json")))
    })?;
    step("checking the code with clippy", || {
        run(cargo(workspace).args(["clippy", "--release", "--workspace", "--all-targets"]).args([
            "--test",
            "*",
            "--features",
            "filas-e2e/cloud",
            "--",
            "-D",
            "warnings",
        ]))
    })
}

/// Runs to the end with the output shown.
fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("the check failed ({status})");
    }
    Ok(())
}
