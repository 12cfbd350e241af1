//! Where bytes come from: a trait for streams that speak this crate's errors, and the plain file.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::rc::Rc;

use crate::error::ReadError;
use crate::limits::Budget;

/// A stream of bytes that ends with a read of 0.
pub(crate) trait ByteSource {
    /// Fills some of `out` and says how much; 0 is the end.
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError>;
}

impl<S: ByteSource + ?Sized> ByteSource for Box<S> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        (**self).read(out)
    }
}

/// The uploaded file read from its start; counts against the time limit at every read.
pub(crate) struct FileSource<'a> {
    file: &'a File,
    budget: Rc<Budget>,
}

impl<'a> FileSource<'a> {
    pub(crate) fn from_start(file: &'a File, budget: Rc<Budget>) -> Result<Self, ReadError> {
        seek(file, 0)?;
        Ok(Self { file, budget })
    }
}

impl ByteSource for FileSource<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        self.budget.check_time()?;
        read_some(self.file, out)
    }
}

/// Moves to an absolute position of the file.
pub(crate) fn seek(mut file: &File, position: u64) -> Result<(), ReadError> {
    file.seek(SeekFrom::Start(position))
        .map(|_| ())
        .map_err(|source| ReadError::machine("move within the uploaded file", source))
}

/// Reads what is there, up to the length of `out`; an interrupted call is tried again.
pub(crate) fn read_some(mut file: &File, out: &mut [u8]) -> Result<usize, ReadError> {
    loop {
        match file.read(out) {
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(ReadError::machine("read the uploaded file", source)),
        }
    }
}

/// Fills `out` from an absolute position; fewer bytes only at the end of the file. Two threads may do so at once.
pub(crate) fn read_at(file: &File, position: u64, out: &mut [u8]) -> Result<usize, ReadError> {
    // Places beyond what a file can have are claims of a container.
    if i64::try_from(position).is_err() {
        return Ok(0);
    }
    let mut filled = 0;
    while filled < out.len() {
        match read_some_at(file, position + filled as u64, &mut out[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(ReadError::machine("read the uploaded file", source)),
        }
    }
    Ok(filled)
}

#[cfg(unix)]
fn read_some_at(file: &File, position: u64, out: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, position)
}

#[cfg(windows)]
fn read_some_at(file: &File, position: u64, out: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, position)
}

/// Length of the file in bytes.
pub(crate) fn length(file: &File) -> Result<u64, ReadError> {
    file.metadata()
        .map(|metadata| metadata.len())
        .map_err(|source| ReadError::machine("look at the uploaded file", source))
}
