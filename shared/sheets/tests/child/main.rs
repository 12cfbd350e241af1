//! Reading in a process of its own: this program is parent and child, so its `main` is its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test a failure is a panic; the lint knows only functions marked as tests"
)]

mod ends;
mod rows;

use std::io;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use filas_sheets::child::{ReaderProgram, read_path, serve_if_asked};
use filas_sheets::{ReadError, ReadOptions, ReadSummary, RowSink, SourceHint};

type Test = (&'static str, fn());

/// Runs the tests that are asked for by parts of their names, or all, as other test programs do.
fn main() -> ExitCode {
    if serve_if_asked() {
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let tests: Vec<Test> = rows::TESTS.iter().chain(ends::TESTS).copied().collect();
    let mut failed = 0;
    for (name, test) in tests {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            let passed = catch_unwind(test).is_ok();
            println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
            failed += u32::from(!passed);
        }
    }
    ExitCode::from(u8::from(failed > 0))
}

/// A file on disk, gone when it is dropped.
struct OnDisk {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl OnDisk {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Self { path, _folder: folder }
    }
}

/// Keeps the rows as text.
#[derive(Debug, Default, PartialEq)]
struct Lines {
    columns: Vec<String>,
    rows: Vec<(u32, String)>,
    /// Rows after which it takes no more.
    full_after: Option<usize>,
}

impl RowSink for Lines {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        self.columns = names.to_vec();
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        if self.full_after == Some(self.rows.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.rows.push((row, String::from_utf8(record.to_vec()).unwrap()));
        Ok(())
    }

    fn bad_row(&mut self, row: u32, code: &str, _message: &str) -> io::Result<()> {
        self.rows.push((row, code.to_owned()));
        Ok(())
    }
}

/// Reads by a program.
fn read_by(program: &ReaderProgram, path: &Path, options: &ReadOptions) -> Result<(ReadSummary, Lines), ReadError> {
    let hint = SourceHint { filename: Some("a.xls".to_owned()), media_type: None };
    let mut lines = Lines::default();
    read_path(path, &hint, options, program, &mut lines).map(|summary| (summary, lines))
}
