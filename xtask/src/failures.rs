//! `docs/FAILURES.md`: each way in which a part can fail, and the test that shows what happens then. Held against the
//! sources, so that no row names a test that is not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::build::cargo;
use crate::workspace::Workspace;

mod tests_of_a_file;

use tests_of_a_file::tests_of_a_file;

/// Where the table is, from the root.
const TABLE: &str = "docs/FAILURES.md";
/// How many ways to fail the table has at least.
const FEWEST_ROWS: usize = 35;

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// What fails.
    what: String,
    /// The tests that show what happens then.
    tests: Vec<String>,
}

/// Fails when the table is short, or a row names no test or one that does not exist.
///
/// # Errors
/// With every row that is wrong, and how it is.
pub fn check(workspace: &Workspace) -> Result<()> {
    let path = workspace.root().join(TABLE);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let wrong = offences(&rows(&text), &all_tests(workspace)?);
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{} mistakes in {TABLE}:\n  {}", wrong.len(), wrong.join("\n  "))
}

fn offences(rows: &[Row], tests: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    if rows.len() < FEWEST_ROWS {
        wrong.push(format!("it has {} rows, and {FEWEST_ROWS} are the fewest", rows.len()));
    }
    for row in rows {
        if row.tests.is_empty() {
            wrong.push(format!("“{}” names no test", row.what));
        }
        for test in row.tests.iter().filter(|test| !tests.contains(*test)) {
            let own_name = test.rsplit("::").next().unwrap_or(test);
            let elsewhere = tests.iter().find(|known| known.rsplit("::").next() == Some(own_name));
            let hint = elsewhere.map(|known| format!("; there is {known}")).unwrap_or_default();
            wrong.push(format!("“{}” names {test}, which does not exist{hint}", row.what));
        }
    }
    wrong
}

/// The rows of every table in the text: the first cell is what fails, and what stands in back-quotes in the last are its
/// tests.
fn rows(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut is_below_header = false;
    for line in text.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split(" | ").map(str::trim).collect();
        if !line.starts_with('|') {
            is_below_header = false;
        } else if cells.iter().all(|cell| cell.chars().all(|sign| "-:| ".contains(sign))) {
            is_below_header = true;
        } else if let (true, [what, .., tests]) = (is_below_header, cells.as_slice()) {
            let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            rows.push(Row { what: (*what).to_owned(), tests });
        }
    }
    rows
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    src_path: String,
}

/// Fails when a test stands where `cargo xtask test` does not look: in a program's own file, or in a comment. To build
/// each program once more for no test at all takes minutes.
///
/// # Errors
/// With every such test.
pub fn check_that_all_run(workspace: &Workspace) -> Result<()> {
    let mut unseen = BTreeSet::new();
    for package in packages(workspace)? {
        for target in &package.targets {
            match target.kind.first().map(String::as_str) {
                Some("bin") => collect_of(target, &package.name, &mut unseen)?,
                Some("lib") => unseen.extend(examples_in_comments(Path::new(&target.src_path))?),
                _ => {}
            }
        }
    }
    if unseen.is_empty() {
        return Ok(());
    }
    let unseen = unseen.into_iter().collect::<Vec<_>>().join("\n  ");
    bail!(
        "these are not run; let them be tests of the library, and mark other text in comments as ```text:\n  {unseen}"
    )
}

/// The places in the sources beside `root` where cargo would take what stands in a comment for a test.
fn examples_in_comments(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![root.parent().context("a source without a folder")?.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                found.extend(examples(&text).map(|line| format!("{}:{line}", path.display())));
            }
        }
    }
    Ok(found)
}

/// The lines where an example begins, from 1.
fn examples(text: &str) -> impl Iterator<Item = usize> {
    let mut is_inside = false;
    text.lines().enumerate().filter_map(move |(line, code)| {
        let code = code.trim_start();
        let comment = code.strip_prefix("///").or_else(|| code.strip_prefix("//!"))?;
        let language = comment.trim_start().strip_prefix("```")?;
        is_inside = !is_inside;
        let is_example = is_inside && matches!(language.trim(), "" | "rust" | "no_run" | "should_panic");
        is_example.then_some(line + 1)
    })
}

/// Every test of the workspace by its full name: package, then for an integration test its program, modules, function.
pub(crate) fn all_tests(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let mut tests = BTreeSet::new();
    for package in packages(workspace)? {
        for target in &package.targets {
            match target.kind.first().map(String::as_str) {
                Some("test") => collect_of(target, &format!("{}::{}", package.name, target.name), &mut tests)?,
                Some("lib") => collect_of(target, &package.name, &mut tests)?,
                _ => {}
            }
        }
    }
    Ok(tests)
}

/// The packages of the workspace.
fn packages(workspace: &Workspace) -> Result<Vec<Package>> {
    let mut command = cargo(workspace);
    command.args(["metadata", "--format-version", "1", "--no-deps"]).stderr(Stdio::inherit());
    let output = command.output().context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed ({})", output.status);
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cannot read cargo's metadata")?;
    Ok(metadata.packages)
}

/// The tests of a target.
fn collect_of(target: &Target, prefix: &str, tests: &mut BTreeSet<String>) -> Result<()> {
    let root = Path::new(&target.src_path);
    collect(root, root.parent().context("a source without a folder")?, prefix, tests)
}

/// The tests of a file and of its modules, which lie in `folder`.
fn collect(file: &Path, folder: &Path, prefix: &str, tests: &mut BTreeSet<String>) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let found = tests_of_a_file(&text);
    tests.extend(found.tests.iter().map(|test| format!("{prefix}::{test}")));
    for module in found.modules {
        let path = module.replace("::", "/");
        let own_folder = folder.join(&path);
        let own_file = folder.join(format!("{path}.rs"));
        let own_file = if own_file.is_file() { own_file } else { own_folder.join("mod.rs") };
        // A module without a file is one of another system, or a line of a longer text.
        if own_file.is_file() {
            collect(&own_file, &own_folder, &format!("{prefix}::{module}"), tests)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_example_in_a_comment_is_found_and_other_text_is_not() {
        // Line by line, so that the lines are none of this file itself.
        let text =
            ["/// Adds.", "/// ```", "/// assert!(true);", "/// ```", "//! ```text", "//! a", "//! ```"].join("\n");
        assert_eq!(examples(&text).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn the_table_names_tests_that_exist() {
        check(&Workspace::find().unwrap()).unwrap();
    }

    #[test]
    fn the_tests_of_this_very_file_are_found() {
        let tests = all_tests(&Workspace::find().unwrap()).unwrap();
        for test in ["the_tests_of_this_very_file_are_found", "tables_become_rows"] {
            assert!(tests.contains(&format!("xtask::failures::tests::{test}")), "{test}");
        }
        assert!(tests.contains("filas-pipeline::running::delivery::a_hang_is_a_timeout"));
        assert!(!tests.iter().any(|test| test.ends_with("::known")), "what is no test is none");
    }

    #[test]
    fn tables_become_rows() {
        let text = "# Title\n\n| what | then | shown by |\n| --- | --- | --- |\n| a `b` | c | `d::e`, `f::g` |\n| h | i | |\n\ntext";
        let row = |what: &str, tests: &[&str]| Row {
            what: what.into(),
            tests: tests.iter().map(|test| (*test).to_owned()).collect(),
        };
        assert_eq!(rows(text), [row("a `b`", &["d::e", "f::g"]), row("h", &[])]);
    }

    #[test]
    fn mistakes_are_found() {
        let row = |tests: &[&str]| Row {
            what: "a kill".into(),
            tests: tests.iter().map(|test| (*test).to_owned()).collect(),
        };
        let tests = known(&["split::handler::tests::is_there"]);
        let whole = vec![row(&["split::handler::tests::is_there"]); FEWEST_ROWS];
        assert_eq!(offences(&whole, &tests), [""; 0]);
        assert_eq!(offences(&whole[1..], &tests), ["it has 34 rows, and 35 are the fewest"]);
        for (broken, expected) in [
            (row(&[]), "“a kill” names no test"),
            (row(&["split::gone"]), "“a kill” names split::gone, which does not exist"),
            (
                row(&["split::is_there"]),
                "“a kill” names split::is_there, which does not exist; there is split::handler::tests::is_there",
            ),
        ] {
            let mut rows = whole.clone();
            rows[3] = broken;
            assert_eq!(offences(&rows, &tests), [expected]);
        }
    }
}
