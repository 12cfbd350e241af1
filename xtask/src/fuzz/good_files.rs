//! The good files that mutants are made of: those of our generators, and those that other programs wrote.

use std::fs;

use anyhow::{Context, Result};
use filas_testkit::workbooks::mutation::{Kind, Seeds};

use crate::workspace::Workspace;

/// The most that a file of another program may hold: larger ones make few mutants a second.
const MOST_BYTES: usize = 48 * 1024;

/// The good files of a format: the same ones in every process of a run, in the same order.
pub(super) fn seeds(workspace: &Workspace, kind: Kind) -> Result<Seeds> {
    let mut seeds = Seeds::new(kind).with_context(|| format!("cannot make good {} files", kind.name()))?;
    let folder = workspace.root().join("shared/sheets/tests/fixtures");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == kind.name())) {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        if bytes.len() <= MOST_BYTES {
            seeds.add(&bytes).with_context(|| format!("{} is no good file", path.display()))?;
        }
    }
    Ok(seeds)
}
