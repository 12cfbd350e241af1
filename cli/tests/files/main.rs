//! `filas cat` on every file that a reader may be given by mistake or on purpose: the built program, measured.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod bad;
mod good;
mod measured;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time, from before its files are made: a child begins in the memory of this process, so that what another
/// test has just built would count as the child's.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
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
