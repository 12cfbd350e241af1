//! That cargo compiles a crate the same for every selection of ours. A crate is compiled once for each set of features that
//! is asked of it, and the crates above it too; which set that is depends on what is built in the same call.
//! `shared/workspace-hack` asks for the sets of the whole workspace. When it forgets one, a fresh machine compiles the SDK
//! twice, and nobody is told; here somebody is.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::build::{FUNCTIONS, cargo};
use crate::workspace::Workspace;

/// Crates that are built by themselves, without their tests.
const PROGRAMS: [&str; 3] = ["xtask", "filas-model", "filas-simulator"];

/// Crates that are tested by themselves by those who work on one, beside the functions. `filas-domain` is not among them: it
/// depends on nothing of ours, so also not on `workspace-hack`.
const TESTED: [&str; 11] = [
    "xtask",
    "filas-cli",
    "filas-sheets",
    "filas-pipeline",
    "filas-results",
    "filas-aws",
    "filas-http",
    "filas-testkit",
    "filas-model",
    "filas-simulator",
    "filas-e2e",
];

/// The features that each foreign crate is compiled with, by its name and version.
type Features = BTreeMap<String, BTreeSet<String>>;

/// Holds every selection against the whole workspace with its tests.
///
/// # Errors
/// Names the crates that would be compiled twice, and the features that `workspace-hack` would have to ask for.
pub fn check(workspace: &Workspace) -> Result<()> {
    let whole = features(workspace, &["--workspace", "--edges", "normal,build,dev"])?;
    let mut wrong = BTreeSet::new();
    let functions = FUNCTIONS.iter().chain([&"filas-cli"]).flat_map(|name| ["--package", name]);
    let mut selections = vec![functions.chain(["--edges", "normal,build"]).collect::<Vec<_>>()];
    selections.extend(PROGRAMS.map(|name| vec!["--package", name, "--edges", "normal,build"]));
    let tested = TESTED.iter().chain(&FUNCTIONS);
    selections.extend(tested.map(|name| vec!["--package", *name, "--edges", "normal,build,dev"]));
    for selection in selections {
        wrong.extend(differences(&features(workspace, &selection)?, &whole));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let wrong = wrong.into_iter().collect::<Vec<_>>().join("\n  ");
    bail!("some selections of crates compile these differently; let shared/workspace-hack ask for:\n  {wrong}")
}

/// What `selection` lacks of the features of the same crates in `whole`.
fn differences(selection: &Features, whole: &Features) -> Vec<String> {
    let lacking = selection.iter().filter_map(|(name, features)| {
        let lacking: Vec<&str> = whole.get(name)?.difference(features).map(String::as_str).collect();
        (!lacking.is_empty()).then(|| format!("{name} with {}", lacking.join(", ")))
    });
    lacking.collect()
}

/// The features of all that cargo would compile. A crate that is compiled for the machine and for build scripts with
/// different features counts with both.
fn features(workspace: &Workspace, selection: &[&str]) -> Result<Features> {
    let mut command = cargo(workspace);
    command.args(["tree", "--prefix", "none", "--format", "{p}|{f}"]).args(selection);
    let output = command.stderr(Stdio::inherit()).output().context("cannot run cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree failed ({})", output.status);
    }
    Ok(read(&String::from_utf8_lossy(&output.stdout)))
}

fn read(tree: &str) -> Features {
    let mut all = Features::new();
    for (package, features) in tree.lines().filter_map(|line| line.split_once('|')) {
        // What was there already is marked.
        let features = features.trim_end_matches(" (*)");
        // "name v1.2.3 (proc-macro)"; a crate of ours has its folder there.
        let package = package.trim_end_matches(" (proc-macro)");
        if !package.contains('(') {
            let features = features.split(',').filter(|feature| !feature.is_empty()).map(str::to_owned);
            all.entry(package.to_owned()).or_default().extend(features);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str =
        "serde v1.0.229|derive,rc,std\nserde_derive v1.0.229 (proc-macro)|default\nuuid v1.29.1|v4,v7\n";

    #[test]
    fn a_selection_that_compiles_a_crate_differently_is_told_with_what_it_lacks() {
        let part = read(
            "xtask v0.1.0 (/work/xtask)|\nserde v1.0.229|derive,std\nserde v1.0.229|derive,std (*)\nserde_derive v1.0.229 (proc-macro)|default",
        );
        assert_eq!(differences(&part, &read(WHOLE)), ["serde v1.0.229 with rc"]);
    }

    #[test]
    fn a_selection_with_the_same_features_of_fewer_crates_is_fine() {
        let part = read("uuid v1.29.1|v4,v7\nanother v1.0.0|default");
        assert_eq!(differences(&part, &read(WHOLE)), Vec::<String>::new());
    }
}
