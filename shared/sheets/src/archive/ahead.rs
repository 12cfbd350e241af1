//! A part inflated on a thread of its own, while another thread reads what came out before.
//!
//! A fixed number of buffers goes round: full ones to the reader, empty ones back. Whoever is faster waits, so that
//! the memory is bounded; a reader that ends early drops its ends of the channels, which ends the thread.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::part::Inflater;
use crate::error::ReadError;
use crate::source::ByteSource;

/// A smaller part is inflated in less time than a thread takes to be worth it.
pub(super) const LEAST_BYTES: u64 = 1 << 20;
const BUFFERS: usize = 3;
/// One more than the buffers, for an error behind them.
const MESSAGES: usize = BUFFERS + 1;
const BUFFER_BYTES: usize = 256 << 10;

/// The reading end.
pub(crate) struct AheadReader {
    full: Option<Receiver<Result<Vec<u8>, ReadError>>>,
    empty: Option<Sender<Vec<u8>>>,
    current: Vec<u8>,
    position: usize,
    thread: Option<JoinHandle<()>>,
}

impl AheadReader {
    pub(super) fn start(part: Inflater<File>) -> Result<Self, ReadError> {
        let (full_sender, full) = sync_channel(MESSAGES);
        let (empty, empty_receiver) = channel();
        for _ in 0..BUFFERS {
            // Both ends are in this function.
            let _ = empty.send(vec![0; BUFFER_BYTES]);
        }
        let run = move || inflate_all(part, &empty_receiver, &full_sender);
        let thread = Builder::new().name("inflate".to_owned()).spawn(run);
        let thread = thread.map_err(|source| ReadError::machine("start a thread", source))?;
        Ok(Self { full: Some(full), empty: Some(empty), current: Vec::new(), position: 0, thread: Some(thread) })
    }

    /// Waits for the next full buffer and gives the used one back; false at the end of the part.
    fn advance(&mut self) -> Result<bool, ReadError> {
        let (Some(full), Some(empty)) = (&self.full, &self.empty) else { return Ok(false) };
        let used = std::mem::take(&mut self.current);
        self.position = 0;
        if used.capacity() > 0 {
            // The thread may have ended; what it sent before is still to come.
            let _ = empty.send(used);
        }
        match full.recv() {
            Ok(next) => {
                self.current = next?;
                Ok(!self.current.is_empty())
            }
            Err(_) => {
                let gone = io::Error::other("the thread that inflates ended early");
                Err(ReadError::machine("inflate the uploaded file", gone))
            }
        }
    }
}

impl ByteSource for AheadReader {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        if self.position == self.current.len() && !self.advance()? {
            self.full = None;
            return Ok(0);
        }
        let rest = &self.current[self.position..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }
}

impl Drop for AheadReader {
    fn drop(&mut self) {
        self.full = None;
        self.empty = None;
        if let Some(thread) = self.thread.take() {
            // It ends at its next send. Its panic would have been seen as an early end by whoever read.
            let _ = thread.join();
        }
    }
}

/// Fills buffers until the part ends, fails, or nobody wants more. The end is an empty buffer; what came out before an
/// error is handed over before it, so that a file has the same error with a thread as without.
fn inflate_all(mut part: Inflater<File>, empty: &Receiver<Vec<u8>>, full: &SyncSender<Result<Vec<u8>, ReadError>>) {
    while let Ok(mut buffer) = empty.recv() {
        buffer.resize(BUFFER_BYTES, 0);
        let (filled, error) = fill(&mut part, &mut buffer);
        buffer.truncate(filled);
        if (filled > 0 || error.is_none()) && full.send(Ok(buffer)).is_err() {
            return;
        }
        if let Some(error) = error {
            // Whoever read has gone, or takes this as the last message.
            let _ = full.send(Err(error));
            return;
        }
        if filled == 0 {
            return;
        }
    }
}

fn fill(part: &mut Inflater<File>, out: &mut [u8]) -> (usize, Option<ReadError>) {
    let mut filled = 0;
    while filled < out.len() {
        match part.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}
