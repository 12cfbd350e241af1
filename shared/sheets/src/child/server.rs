//! The child: bounds itself, reads the file it was given, and answers in frames.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write, stdin, stdout};
use std::os::fd::AsFd;
use std::path::Path;

use super::wire::{self, BadRow, Done, Failure, Request};
use crate::error::ReadError;
use crate::{RowSink, read_rows};

/// Most bytes of a request: names of a file and a sheet, and numbers.
const REQUEST_BYTES: u64 = 1 << 20;

/// Reads a file for the parent process if this process was started for that, and says whether it was: then `main` has
/// nothing more to do. It has to be the first thing that `main` does, before threads are started or arguments are read.
#[must_use = "a process that was asked has nothing else to do"]
pub fn serve_if_asked() -> bool {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != wire::ASKED) {
        return false;
    }
    let served = match arguments.next() {
        Some(path) => serve(Path::new(&path)),
        None => Err(io::Error::other("there is no file to read")),
    };
    if let Err(error) = served {
        // Read by the parent, or by nobody when it is gone.
        let _ = writeln!(io::stderr(), "cannot serve: {error}");
    }
    true
}

fn serve(path: &Path) -> io::Result<()> {
    let request: Request = serde_json::from_reader(stdin().take(REQUEST_BYTES))?;
    let memory = confine(request.limits.memory_bytes)?;
    let mut sink = FrameSink::new()?;
    wire::write(&mut sink.out, wire::READY, &[&memory.to_le_bytes()])?;
    sink.out.flush()?;
    let (hint, options) = request.into_parts();
    let opened = File::open(path).map_err(|source| ReadError::machine("open the uploaded file", source));
    match opened.and_then(|file| read_rows(file, &hint, &options, &mut sink)) {
        Ok(summary) => sink.json(wire::DONE, &Done::new(summary))?,
        Err(error) => sink.json(wire::FAILED, &Failure::new(error))?,
    }
    sink.out.flush()
}

/// Bounds the memory of this process, and answers the bound: an inherited one may be lower. It dies with its parent and
/// leaves no core dump, which would be the size of its memory.
#[cfg(target_os = "linux")]
fn confine(memory: u64) -> io::Result<u64> {
    use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};

    set_parent_process_death_signal(Some(Signal::KILL))?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let inherited = [getrlimit(Resource::As), getrlimit(Resource::Data)].map(|limit| limit.current);
    let most = inherited.into_iter().flatten().fold(memory, u64::min);
    setrlimit(Resource::As, Rlimit { current: Some(most), maximum: Some(most) })?;
    Ok(most)
}

/// Other systems do not hold a process to such a bound.
#[cfg(not(target_os = "linux"))]
fn confine(memory: u64) -> io::Result<u64> {
    Ok(memory)
}

/// Sends what is read to the parent. Once that is gone every write fails, which ends the reading.
struct FrameSink {
    out: BufWriter<File>,
}

impl FrameSink {
    /// Not by `io::Stdout`, which would look for line ends in every record.
    fn new() -> io::Result<Self> {
        const BUFFER_BYTES: usize = 64 << 10;
        let output = File::from(stdout().as_fd().try_clone_to_owned()?);
        Ok(Self { out: BufWriter::with_capacity(BUFFER_BYTES, output) })
    }

    fn json(&mut self, kind: u8, content: &impl serde::Serialize) -> io::Result<()> {
        let json = serde_json::to_vec(content)?;
        wire::write(&mut self.out, kind, &[&json])
    }
}

impl RowSink for FrameSink {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        self.json(wire::COLUMNS, &names)
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        wire::write(&mut self.out, wire::ROW, &[&row.to_le_bytes(), record])
    }

    fn bad_row(&mut self, row: u32, code: &str, message: &str) -> io::Result<()> {
        self.json(wire::BAD_ROW, &BadRow { row, code: code.to_owned(), message: message.to_owned() })
    }
}
