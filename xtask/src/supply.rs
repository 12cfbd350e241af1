//! Where what comes in comes from: that each direct dependency has its reason, licences, sources, double versions, known
//! weaknesses, and the bill of materials.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::build::cargo;
use crate::progress::{say, step};
use crate::workspace::{Lock, Workspace};

/// The version of cargo-deny, which is compiled once, into `.filas/tools`.
const CARGO_DENY: &str = "0.20.2";

/// The page with the reasons.
const PAGE: &str = "docs/DEPENDENCIES.md";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// `None` for a crate of ours.
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    path: Option<String>,
}

/// Holds every crate that a manifest of ours names against the page with the reasons.
///
/// # Errors
/// When one is missing there.
pub fn check(workspace: &Workspace) -> Result<()> {
    let metadata = metadata(workspace, &["--no-deps"])?;
    let page = fs::read_to_string(workspace.root().join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let missing = without_reason(&metadata, &page);
    if missing.is_empty() {
        return Ok(());
    }
    bail!("{PAGE} has no reason for {}", missing.into_iter().collect::<Vec<_>>().join(", "))
}

/// The foreign crates that the page does not name. `workspace-hack` names crates only for their features.
fn without_reason<'a>(metadata: &'a Metadata, page: &str) -> BTreeSet<&'a str> {
    let ours = metadata.packages.iter().filter(|package| package.name != "filas-workspace-hack");
    ours.flat_map(|package| &package.dependencies)
        .filter(|dependency| dependency.path.is_none() && !page.contains(&format!("`{}`", dependency.name)))
        .map(|dependency| dependency.name.as_str())
        .collect()
}

/// Licences, sources and double versions of the whole tree, known weaknesses where their list can be fetched, and the bill
/// of materials in `.filas/sbom.json`.
///
/// # Errors
/// When something is not as deny.toml wants it.
pub fn supply(workspace: &Workspace) -> Result<()> {
    step("checking that each dependency has its reason", || check(workspace))?;
    let deny = cargo_deny(workspace)?;
    let run = |checks: &[&str]| -> Result<bool> {
        let mut command = Command::new(&deny);
        command.current_dir(workspace.root()).args(["--log-level", "error", "check"]).args(checks);
        Ok(command.status().context("cannot run cargo-deny")?.success())
    };
    step("checking licences, sources and double versions", || match run(&["licenses", "bans", "sources"])? {
        true => Ok(()),
        false => bail!("cargo-deny does not agree; deny.toml says with what"),
    })?;
    step("looking for known weaknesses", || {
        let mut fetch = Command::new(&deny);
        let fetched = fetch.current_dir(workspace.root()).args(["--log-level", "error", "fetch", "db"]).output()?;
        if !fetched.status.success() {
            say("NOT CHECKED: the list of known weaknesses cannot be fetched from this machine; run this where it can");
            return Ok(());
        }
        match run(&["--disable-fetch", "advisories"])? {
            true => Ok(()),
            false => bail!("a dependency has a known weakness"),
        }
    })?;
    let path = workspace.made().join("sbom.json");
    step(&format!("writing the bill of materials to {}", path.display()), || {
        let lock = fs::read_to_string(workspace.root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
        let bill = bill_of_materials(&metadata(workspace, &[])?, &lock);
        fs::write(&path, serde_json::to_vec_pretty(&bill)?).with_context(|| format!("cannot write {}", path.display()))
    })
}

/// The program, compiled when it is not there.
fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    let _lock = workspace.lock(Lock::Made)?;
    let root = workspace.made().join("tools").join(format!("cargo-deny-{CARGO_DENY}"));
    let program = root.join("bin").join("cargo-deny");
    if !program.exists() {
        step(&format!("compiling cargo-deny {CARGO_DENY}, once; this takes some minutes"), || {
            let mut install = cargo(workspace);
            // Its own profile for releases takes minutes to make it quicker by a second.
            install.env("CARGO_PROFILE_DEV_DEBUG", "0");
            install.args(["install", "--quiet", "--locked", "--debug", "--version", CARGO_DENY, "--root"]).arg(&root);
            match install.arg("cargo-deny").status().context("cannot run cargo install")?.success() {
                true => Ok(()),
                false => bail!("cargo-deny cannot be compiled; the reason is above"),
            }
        })?;
    }
    Ok(program)
}

fn metadata(workspace: &Workspace, more: &[&str]) -> Result<Metadata> {
    let output = cargo(workspace)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(more)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("cannot read cargo's metadata")
}

/// Every crate of the tree in the form of CycloneDX 1.5 (ECMA-424), as JSON.
fn bill_of_materials(metadata: &Metadata, lock: &str) -> Value {
    let digests = digests(lock);
    let mut components: Vec<Value> = Vec::new();
    for package in metadata.packages.iter().filter(|package| package.source.is_some()) {
        let (name, version) = (package.name.as_str(), package.version.as_str());
        let url = format!("pkg:cargo/{name}@{version}");
        let mut component = json!({
            "type": "library", "bom-ref": url, "name": name, "version": version, "purl": url,
        });
        if let Some(license) = &package.license {
            // Old manifests write "MIT/Apache-2.0" for what SPDX writes with OR.
            component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
        }
        if let Some(digest) = digests.get(&(name, version)) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": digest }]);
        }
        components.push(component);
    }
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "application", "name": "filas", "bom-ref": "filas" } },
        "components": components,
    })
}

/// The SHA-256 of each package by name and version, from the text of Cargo.lock: cargo writes one key on a line.
fn digests(lock: &str) -> BTreeMap<(&str, &str), &str> {
    let mut digests = BTreeMap::new();
    for package in lock.split("[[package]]") {
        let value = |key: &str| {
            package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))
        };
        if let (Some(name), Some(version), Some(digest)) = (value("name"), value("version"), value("checksum")) {
            digests.insert((name, version), digest);
        }
    }
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        serde_json::from_value(json!({
            "packages": [
                {
                    "name": "split", "version": "0.1.0", "license": null, "source": null,
                    "dependencies": [
                        { "name": "serde", "path": null },
                        { "name": "left-pad", "path": null },
                        { "name": "filas-domain", "path": "../domain" },
                    ],
                },
                {
                    "name": "serde", "version": "1.0.1", "license": "MIT/Apache-2.0",
                    "source": "registry", "dependencies": [],
                },
            ],
        }))
        .unwrap()
    }

    #[test]
    fn a_crate_without_a_reason_is_named() {
        let metadata = metadata();
        assert_eq!(without_reason(&metadata, "| `serde` | JSON |"), BTreeSet::from(["left-pad"]));
        assert!(without_reason(&metadata, "`serde`, `left-pad`").is_empty());
    }

    #[test]
    fn the_bill_has_what_is_not_ours() {
        let lock = "[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\nsource = \"registry\"\nchecksum = \"ab\"\n";
        let bill = bill_of_materials(&metadata(), lock);
        assert_eq!(
            bill["components"],
            json!([{
                "type": "library", "bom-ref": "pkg:cargo/serde@1.0.1", "name": "serde", "version": "1.0.1",
                "purl": "pkg:cargo/serde@1.0.1", "licenses": [{ "expression": "MIT OR Apache-2.0" }],
                "hashes": [{ "alg": "SHA-256", "content": "ab" }],
            }])
        );
    }
}
