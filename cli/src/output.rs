//! Standard output, which may be closed before everything is said.

use std::fmt::Display;
use std::io::{self, BufWriter, Stdout, Write, stdout};

use serde::Serialize;
use thiserror::Error;

/// Standard output took no more.
#[derive(Debug, Error)]
pub enum OutputError {
    /// Whoever read has seen enough, as `head` does. Not worth a word.
    #[error("standard output is closed")]
    Closed,
    /// It cannot be written: a full disk, say.
    #[error("cannot write to standard output")]
    Machine(#[source] io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Machine(error) }
    }
}

/// One line of text.
pub fn line(text: impl Display) -> Result<(), OutputError> {
    let mut out = stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(OutputError::from)
}

/// One line of JSON for each thing.
pub fn json<T: Serialize>(things: impl IntoIterator<Item = T>) -> Result<(), OutputError> {
    let mut out = buffered();
    for thing in things {
        serde_json::to_writer(&mut out, &thing).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Standard output for much at once.
pub fn buffered() -> BufWriter<Stdout> {
    BufWriter::with_capacity(64 * 1024, stdout())
}
