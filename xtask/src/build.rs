//! The functions and the command line, built in one cargo call.

mod processor;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::progress;
use crate::workspace::{Lock, Workspace};
pub use processor::Processor;

/// The Lambda functions: folder, crate and binary of each have this one name.
pub const FUNCTIONS: [&str; 13] = [
    "upload",
    "pipelines",
    "split",
    "processor",
    "dead-letter",
    "sweeper",
    "report",
    "notify",
    "live",
    "webhook",
    "web",
    "status",
    "keys",
];

/// The package of the command line and its binary.
const CLI: (&str, &str) = ("filas-cli", "filas");

/// What a build made.
#[derive(Debug, Clone)]
pub struct Built {
    /// The `filas` command line.
    pub cli: PathBuf,
}

/// Builds everything that runs and puts each function's binary where `template.yaml` looks for it:
/// `.filas/functions/<name>/bootstrap`.
///
/// # Errors
/// When cargo fails or a binary cannot be copied.
pub fn build(workspace: &Workspace) -> Result<Built> {
    let binaries = progress::step("building the functions and the command line", || {
        cargo_build(workspace, &["build".to_owned()])
    })?;
    place_all(workspace, &binaries)?;
    Ok(Built { cli: binary(&binaries, CLI.1)?.clone() })
}

/// Builds the functions for a processor of Lambda and puts them into the same place, to be deployed to AWS.
///
/// # Errors
/// When this machine cannot build for it, or what it builds would not start there; the message says what to do.
pub fn build_for(workspace: &Workspace, processor: Processor) -> Result<()> {
    let arguments = processor.cargo_arguments()?;
    let binaries = progress::step("building the functions", || cargo_build(workspace, &arguments))?;
    place_all(workspace, &binaries)?;
    processor::check_glibc(workspace)
}

fn place_all(workspace: &Workspace, binaries: &BTreeMap<String, PathBuf>) -> Result<()> {
    let _lock = workspace.lock(Lock::Made)?;
    for name in FUNCTIONS {
        place(workspace, name, binary(binaries, name)?)?;
    }
    Ok(())
}

fn binary<'a>(binaries: &'a BTreeMap<String, PathBuf>, name: &str) -> Result<&'a PathBuf> {
    binaries.get(name).with_context(|| format!("cargo built no binary {name}"))
}

/// The one line of cargo's JSON messages that matters here.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// One cargo call for all, so that shared crates are compiled once with one set of features. The command line is always
/// among them, for the same reason.
fn cargo_build(workspace: &Workspace, how: &[String]) -> Result<BTreeMap<String, PathBuf>> {
    let mut cargo = cargo(workspace);
    cargo.args(how).args(["--release", "--message-format=json-render-diagnostics"]);
    for package in FUNCTIONS.iter().chain([&CLI.0]) {
        cargo.args(["--package", package]);
    }
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("cargo build failed ({}); its messages are above", output.status);
    }
    // Other kinds of messages lack these fields and are passed over.
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter_map(|artifact| Some((artifact.target.name, artifact.executable?)))
        .collect())
}

/// The cargo that runs us, in the root of the workspace.
///
/// `cargo run` tells us about the package `xtask` in the environment. What it tells must not go on to the next cargo: the
/// build script of ring asks to run again when those variables change, and everything above TLS would be compiled anew
/// by each change between `cargo xtask` and a cargo call by hand.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace.root());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_about_the_running_package) {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether cargo sets this variable for the program that it runs (the list is in the cargo book, "Environment variables").
fn is_about_the_running_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_BIN_EXE_")
        || matches!(
            name,
            "CARGO_MANIFEST_DIR"
                | "CARGO_MANIFEST_PATH"
                | "CARGO_MANIFEST_LINKS"
                | "CARGO_CRATE_NAME"
                | "CARGO_BIN_NAME"
                | "CARGO_PRIMARY_PACKAGE"
                | "OUT_DIR"
        )
}

/// Copies a binary to where the template looks for it, without its symbols. Does nothing when it is there already, so
/// that the zip keeps its hash and the deployment finds nothing changed.
fn place(workspace: &Workspace, name: &str, binary: &Path) -> Result<()> {
    let folder = workspace.functions().join(name);
    let bootstrap = folder.join("bootstrap");
    // Beside the folder and not in it: `sam deploy` zips the whole folder.
    let stamp = workspace.functions().join(format!("{name}.source"));
    let source = fs::metadata(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let identity = format!("{} {} {}.{}", binary.display(), source.len(), source.mtime(), source.mtime_nsec());
    if bootstrap.is_file() && fs::read_to_string(&stamp).is_ok_and(|known| known == identity) {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // A new file renamed over the old one: a bootstrap that runs cannot be written to.
    let fresh = workspace.functions().join(format!("{name}.new"));
    fs::copy(binary, &fresh).with_context(|| format!("cannot copy {}", binary.display()))?;
    strip(&fresh);
    fs::rename(&fresh, &bootstrap).with_context(|| format!("cannot put {}", bootstrap.display()))?;
    fs::write(&stamp, identity).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Takes the symbols out with the linker's `strip`. Without it the function is larger and works the same.
fn strip(file: &Path) {
    let done = Command::new("strip").arg(file).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !done {
        progress::say(&format!("`strip` did not work on {}; it stays larger than it need be", file.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_running_package_is_kept_from_the_next_cargo() {
        let check = |name: &str, expected: bool| assert_eq!(is_about_the_running_package(name), expected, "{name}");
        check("CARGO_PKG_NAME", true);
        check("CARGO_MANIFEST_DIR", true);
        check("CARGO_HOME", false);
        check("CARGO_TARGET_DIR", false);
        check("CARGO_TERM_COLOR", false);
        check("CARGO", false);
    }
}
