//! Rows as lines, in chunks on their way to the bucket.

use std::io;

use filas_domain::RowNumber;
use filas_domain::plan::{BatchIndex, Planner};
use filas_sheets::RowSink;
use serde::Serialize;
use tokio::sync::mpsc::Sender;

/// Bytes in a chunk: few enough that some can wait, many enough that passing them on costs nothing.
const CHUNK_BYTES: usize = 1024 * 1024;

/// What goes to whoever uploads.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Lines, one behind the other.
    Lines(Vec<u8>),
    /// What came so far is wrong: the rows of the sheet are not in order, and come again.
    Anew,
}

/// The bounds by which rows are cut into batches.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Rows in a batch.
    pub rows: u32,
    /// Bytes in a batch.
    pub bytes: u64,
}

/// Takes rows on the thread that reads, and passes lines on to whoever uploads them. It waits when they are slower.
pub struct LineSink {
    cut: Cut,
    planner: Planner,
    chunk: Vec<u8>,
    chunks: Sender<Piece>,
}

#[derive(Serialize)]
struct BadRow<'a> {
    row: u32,
    error: BadRowError<'a>,
}

#[derive(Serialize)]
struct BadRowError<'a> {
    code: &'a str,
    message: &'a str,
}

impl LineSink {
    /// A sink that cuts batches as told.
    pub fn new(cut: Cut, chunks: Sender<Piece>) -> Self {
        let planner = Planner::new(cut.rows, cut.bytes);
        Self { cut, planner, chunk: Vec::with_capacity(CHUNK_BYTES + 4096), chunks }
    }

    /// The index of every row taken, once the last line is on its way.
    ///
    /// # Errors
    /// When the one who uploads has given up.
    pub fn finish(mut self) -> io::Result<BatchIndex> {
        self.pass_on()?;
        Ok(self.planner.finish())
    }

    fn end_line(&mut self, row: u32, start: usize) -> io::Result<()> {
        self.chunk.push(b'\n');
        self.planner.line(RowNumber::new(row), (self.chunk.len() - start) as u64);
        if self.chunk.len() >= CHUNK_BYTES { self.pass_on() } else { Ok(()) }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES + 4096));
        self.send(Piece::Lines(full))
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        self.chunks.blocking_send(piece).map_err(|_| io::Error::other("the rows object cannot be written"))
    }
}

impl RowSink for LineSink {
    fn columns(&mut self, _names: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        let start = self.chunk.len();
        self.chunk.extend_from_slice(b"{\"row\":");
        self.chunk.extend_from_slice(itoa::Buffer::new().format(row).as_bytes());
        self.chunk.extend_from_slice(b",\"record\":");
        self.chunk.extend_from_slice(record);
        self.chunk.push(b'}');
        self.end_line(row, start)
    }

    fn can_restart(&self) -> bool {
        true
    }

    fn restart(&mut self) -> io::Result<()> {
        self.planner = Planner::new(self.cut.rows, self.cut.bytes);
        self.chunk.clear();
        self.send(Piece::Anew)
    }

    fn bad_row(&mut self, row: u32, code: &str, message: &str) -> io::Result<()> {
        let start = self.chunk.len();
        serde_json::to_writer(&mut self.chunk, &BadRow { row, error: BadRowError { code, message } })?;
        self.end_line(row, start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_the_lines_that_the_index_promises() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
        let mut sink = LineSink::new(Cut { rows: 2, bytes: 1000 }, sender);
        sink.row(2, br#"{"a":1}"#).unwrap();
        sink.bad_row(3, "RAGGED_ROW", "3 fields \"where\" 2 are named").unwrap();
        sink.row(7, br#"{"a":2}"#).unwrap();
        let index = sink.finish().unwrap();
        let Piece::Lines(lines) = receiver.try_recv().unwrap() else { panic!("no lines") };
        let second = index.batches[1].bytes;
        assert_eq!(&lines[second.start as usize..second.end as usize], b"{\"row\":7,\"record\":{\"a\":2}}\n");
        let first: Vec<serde_json::Value> = lines[..second.start as usize]
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(first[0], serde_json::json!({"row": 2, "record": {"a": 1}}));
        assert_eq!(first[1]["error"]["code"], "RAGGED_ROW");
        assert_eq!(index.rows(), 3);
    }

    #[test]
    fn rows_that_come_again_are_planned_anew() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
        let mut sink = LineSink::new(Cut { rows: 2, bytes: 1000 }, sender);
        sink.row(9, b"{}").unwrap();
        sink.restart().unwrap();
        sink.row(2, b"{}").unwrap();
        let index = sink.finish().unwrap();
        assert_eq!((index.rows(), index.batches[0].first_row.get(), index.batches[0].bytes.start), (1, 2, 0));
        assert_eq!(receiver.try_recv().unwrap(), Piece::Anew);
        assert_eq!(receiver.try_recv().unwrap(), Piece::Lines(b"{\"row\":2,\"record\":{}}\n".to_vec()));
    }

    #[test]
    fn a_reader_stops_when_nobody_takes_its_lines() {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        drop(receiver);
        let mut sink = LineSink::new(Cut { rows: 2, bytes: 1000 }, sender);
        sink.row(2, b"{}").unwrap();
        assert!(sink.finish().is_err());
    }
}
