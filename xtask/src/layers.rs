//! Which room may import which: the table of ARCHITECTURE.md, held against what the crates declare.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::build::cargo;
use crate::workspace::Workspace;

/// What one kind of room may import.
struct Rule {
    /// Folder of the crate, or the folder of the crates, from the root.
    room: &'static str,
    /// Our own crates that it may import.
    ours: &'static [&'static str],
    /// Our own crates that its tests may import on top.
    ours_in_tests: &'static [&'static str],
    /// Families of foreign crates that are not for every room and that it may import.
    families: &'static [Family],
}

/// Foreign crates that only some rooms may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// The AWS SDK.
    Sdk,
    /// What makes a program a Lambda function.
    Lambda,
    /// The asynchronous runtime: forbidden only where the code is pure.
    Runtime,
}

impl Family {
    /// The family of a crate; `None` for the crates that any room may import.
    fn of(name: &str) -> Option<Self> {
        let sdk =
            ["aws-sdk-", "aws-smithy-", "aws-config", "aws-types", "aws-runtime", "aws-credential-types", "aws-sigv4"];
        if sdk.iter().any(|prefix| name.starts_with(prefix)) {
            Some(Self::Sdk)
        } else if ["lambda_", "aws_lambda_"].iter().any(|prefix| name.starts_with(prefix)) {
            Some(Self::Lambda)
        } else if name == "tokio" || name.starts_with("tokio-") {
            Some(Self::Runtime)
        } else {
            None
        }
    }
}

const TESTKIT: &[&str] = &["filas-testkit"];

/// A crate of ours without code, which any room but the pure one may name: it makes cargo compile every foreign crate
/// with one set of features.
const WORKSPACE_HACK: &str = "filas-workspace-hack";

/// The table of ARCHITECTURE.md.
const RULES: [Rule; 14] = [
    Rule { room: "shared/domain", ours: &[], ours_in_tests: &[], families: &[] },
    Rule { room: "shared/workspace-hack", ours: &[], ours_in_tests: &[], families: &[Family::Runtime] },
    Rule { room: "shared/sheets", ours: &["filas-domain"], ours_in_tests: TESTKIT, families: &[Family::Runtime] },
    Rule { room: "shared/pipeline", ours: &["filas-domain"], ours_in_tests: TESTKIT, families: &[Family::Runtime] },
    Rule {
        room: "shared/results",
        ours: &["filas-domain", "filas-sheets", "filas-pipeline"],
        ours_in_tests: TESTKIT,
        families: &[],
    },
    Rule {
        room: "shared/aws",
        ours: &["filas-domain"],
        ours_in_tests: TESTKIT,
        families: &[Family::Sdk, Family::Runtime],
    },
    Rule {
        room: "shared/http",
        ours: &["filas-domain"],
        ours_in_tests: TESTKIT,
        families: &[Family::Lambda, Family::Runtime],
    },
    Rule { room: "shared/testkit", ours: &["filas-domain"], ours_in_tests: &[], families: &[Family::Runtime] },
    Rule {
        room: "functions",
        ours: &["filas-domain", "filas-sheets", "filas-pipeline", "filas-results", "filas-aws", "filas-http"],
        ours_in_tests: TESTKIT,
        families: &[Family::Lambda, Family::Runtime],
    },
    Rule {
        room: "cli",
        ours: &["filas-domain", "filas-sheets", "filas-pipeline", "filas-results"],
        ours_in_tests: TESTKIT,
        families: &[],
    },
    Rule {
        room: "xtask",
        ours: &["filas-domain", "filas-sheets", "filas-pipeline", "filas-testkit", "filas-cli"],
        ours_in_tests: &[],
        families: &[],
    },
    Rule { room: "model", ours: &["filas-domain"], ours_in_tests: &[], families: &[] },
    Rule {
        room: "simulator",
        // The functions' libraries: it runs the real handlers.
        ours: &[
            "filas-domain",
            "filas-sheets",
            "filas-pipeline",
            "filas-http",
            "filas-testkit",
            "dead-letter",
            "processor",
            "report",
            "split",
            "status",
            "sweeper",
            "upload",
        ],
        ours_in_tests: &[],
        families: &[Family::Lambda, Family::Runtime],
    },
    Rule {
        room: "tests",
        // The chaos of xtask, in its short version.
        ours: &["filas-domain", "filas-testkit", "filas-cli", "xtask"],
        ours_in_tests: &[],
        families: &[],
    },
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `None` for an ordinary one, else `dev` or `build`.
    kind: Option<String>,
    /// Where it is, for a crate of ours.
    path: Option<String>,
}

/// Holds every crate of the workspace against the table.
///
/// # Errors
/// When a crate imports what it may not, with every such edge; when cargo cannot say what there is.
pub fn check(workspace: &Workspace) -> Result<()> {
    let output = cargo(workspace)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cannot read cargo's metadata")?;
    let wrong = offences(workspace.root(), &metadata)?;
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{} forbidden imports (ARCHITECTURE.md has the table):\n  {}", wrong.len(), wrong.join("\n  "))
}

fn offences(root: &Path, metadata: &Metadata) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let folder = Path::new(&package.manifest_path).parent().context("a manifest without a folder")?;
        let folder = folder.strip_prefix(root).with_context(|| format!("{} is not ours", folder.display()))?;
        match RULES.iter().find(|rule| folder.starts_with(rule.room)) {
            Some(rule) => {
                wrong.extend(package.dependencies.iter().filter_map(|dependency| offence(package, rule, dependency)));
            }
            None => wrong.push(format!("{} is in {}, which the table does not know", package.name, folder.display())),
        }
    }
    Ok(wrong)
}

/// What is wrong with one edge, if anything.
fn offence(package: &Package, rule: &Rule, dependency: &Dependency) -> Option<String> {
    let in_tests = dependency.kind.as_deref() == Some("dev");
    let name = dependency.name.as_str();
    let allowed = if dependency.path.is_some() {
        let hack = name == WORKSPACE_HACK && rule.room != "shared/domain";
        hack || rule.ours.contains(&name) || (in_tests && rule.ours_in_tests.contains(&name))
    } else {
        Family::of(name).is_none_or(|family| rule.families.contains(&family))
    };
    let how = if in_tests { "imports in its tests" } else { "imports" };
    (!allowed).then(|| format!("{} {how} {name}, which nothing in {} may", package.name, rule.room))
}

#[cfg(test)]
mod tests {
    use super::check as check_workspace;
    use super::{Dependency, Metadata, Package, Path, WORKSPACE_HACK, Workspace, offences};

    /// One crate in `folder` with one dependency, and whether that is allowed.
    fn check(folder: &str, dependency: &str, kind: Option<&str>, allowed: bool) {
        let ours = dependency.starts_with("filas-") || ["split", "xtask"].contains(&dependency);
        let dependency = Dependency {
            name: dependency.to_owned(),
            kind: kind.map(str::to_owned),
            path: ours.then(|| "somewhere".to_owned()),
        };
        let edge = format!("{folder} -> {} ({kind:?})", dependency.name);
        let package = Package {
            name: "it".to_owned(),
            manifest_path: format!("/house/{folder}/Cargo.toml"),
            dependencies: vec![dependency],
        };
        let wrong = offences(Path::new("/house"), &Metadata { packages: vec![package] }).unwrap();
        assert_eq!(wrong.is_empty(), allowed, "{edge}: {wrong:?}");
    }

    #[test]
    fn edges_follow_the_table() {
        check("shared/domain", "serde", None, true);
        check("shared/domain", "tokio", None, false);
        check("shared/domain", "tokio", Some("dev"), false);
        check("shared/domain", "aws-sdk-s3", None, false);
        check("shared/domain", "filas-sheets", None, false);
        check("shared/sheets", "filas-domain", None, true);
        check("shared/sheets", "filas-pipeline", None, false);
        check("shared/sheets", "filas-testkit", None, false);
        check("shared/sheets", "filas-testkit", Some("dev"), true);
        check("shared/pipeline", "aws-config", None, false);
        check("shared/pipeline", "filas-aws", Some("dev"), false);
        check("shared/aws", "aws-sdk-dynamodb", None, true);
        check("shared/aws", "aws-smithy-http-client", None, true);
        check("shared/aws", "lambda_runtime", None, false);
        check("functions/split", "filas-aws", None, true);
        check("functions/split", "aws_lambda_events", None, true);
        check("functions/split", "aws-sdk-s3", None, false);
        check("functions/split", "filas-testkit", None, false);
        check("functions/status", "split", None, false);
        check("functions/status", "split", Some("dev"), false);
        check("cli", "filas-aws", None, false);
        check("cli", "filas-sheets", None, true);
        check("xtask", "filas-testkit", None, true);
        check("cli", "tokio", None, false);
        check("model", "filas-testkit", None, false);
        check("simulator", "split", None, true);
        check("simulator", "filas-aws", None, false);
        check("tests", "filas-aws", None, false);
        check("shared/domain", WORKSPACE_HACK, None, false);
        check("shared/http", "lambda_http", None, true);
        check("shared/http", WORKSPACE_HACK, None, true);
        check("elsewhere", "serde", None, false);
    }

    #[test]
    fn the_workspace_follows_the_table() {
        check_workspace(&Workspace::find().unwrap()).unwrap();
    }
}
