//! What is not read by our own code is read in a process of its own, which may crash, hang or run out of memory: that is
//! then an outcome of the file.
//!
//! * [`read_path`] is the way in for a file on disk, whatever its format; [`needs_child`] says which formats it concerns.
//! * [`serve_if_asked`] belongs at the very top of the `main` of every program that calls [`read_path`]: the process is
//!   the same program, started again.
//! * `parent` starts that process, hands its rows on and judges its end; `server` is the process; `wire` is what the two
//!   say to each other.
//!
//! The process gets the path of the file as an argument, how to read it as JSON on standard input, and nothing of the
//! environment. It answers in frames on standard output, so that neither side ever holds more than a few rows. On Linux
//! its address space is bounded by [`crate::Limits::memory_bytes`]; elsewhere only the checks before reading bound it.

mod parent;
mod server;
mod wire;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub use server::serve_if_asked;

use crate::error::ReadError;
use crate::limits::Budget;
use crate::{Format, ReadOptions, ReadSummary, RowSink, SourceHint};

/// True for the formats that a library reads whole: xls, by calamine. It aborts on some files, which nothing catches.
///
/// xlsx, xlsb and ods are read by our own readers, which stream and are bounded; text formats too.
pub fn needs_child(format: Format) -> bool {
    match format {
        Format::Xls => true,
        Format::Xlsx | Format::Xlsb | Format::Ods | Format::Csv | Format::Tsv | Format::Ndjson | Format::JsonArray => {
            false
        }
    }
}

/// The program that is started to read a file.
#[derive(Debug, Clone, Default)]
pub struct ReaderProgram {
    /// This program itself unless said.
    other: Option<(PathBuf, Vec<OsString>)>,
}

impl ReaderProgram {
    /// This program itself. Its `main` has to begin with [`serve_if_asked`].
    pub fn this() -> Self {
        Self::default()
    }

    /// Another program whose `main` does, with arguments that come before ours.
    pub fn other(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { other: Some((program.into(), arguments.into_iter().map(Into::into).collect())) }
    }

    fn command(&self) -> io::Result<std::process::Command> {
        let (program, arguments) = match &self.other {
            Some((program, arguments)) => (program.clone(), arguments.as_slice()),
            None => (this_program()?, &[][..]),
        };
        let mut command = std::process::Command::new(program);
        command.args(arguments);
        Ok(command)
    }
}

/// On Linux by a name that still holds when the file was replaced while it runs, as a rebuild does.
fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Reads the rows of a file on disk, as [`crate::read_rows`] does, but in a process of its own when the format needs it.
///
/// # Errors
///
/// Those of [`crate::read_rows`]. A process that crashes is [`ReadError::File`] with the code `FILE_CRASHES_READER`, one
/// that passes its memory or its time is `LIMIT_EXCEEDED`; one that cannot be started, or is ended from outside, is
/// [`ReadError::Machine`].
pub fn read_path(
    path: &Path,
    hint: &SourceHint,
    options: &ReadOptions,
    program: &ReaderProgram,
    sink: &mut dyn RowSink,
) -> Result<ReadSummary, ReadError> {
    let budget = Rc::new(Budget::new(options.limits.clone(), options.deadline));
    let file = File::open(path).map_err(|source| ReadError::machine("open the uploaded file", source))?;
    let detected = crate::recognised(&file, hint, &budget)?;
    let format = detected.format();
    if needs_child(format) {
        parent::read(path, hint, options, program, format, sink)
    } else {
        crate::read_detected(&file, detected, &budget, options, sink)
    }
}
