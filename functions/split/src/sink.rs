//! Rows as lines, in chunks on their way to the bucket.

use std::io;

use filas_domain::RowNumber;
use filas_domain::plan::{BatchIndex, Planner};
use filas_domain::row_line;
use filas_pipeline::unique::{self, KeyIndex};
use filas_sheets::RowSink;
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

/// A file's keys so far, and the column that they are in.
struct Keys {
    column: String,
    index: KeyIndex,
}

impl Keys {
    fn of(column: String) -> Self {
        Self { index: KeyIndex::new(column.clone()), column }
    }
}

/// Takes rows on the thread that reads, and passes lines on to whoever uploads them. It waits when they are slower.
pub struct LineSink {
    cut: Cut,
    planner: Planner,
    keys: Option<Keys>,
    chunk: Vec<u8>,
    chunks: Sender<Piece>,
}

impl LineSink {
    /// A sink that cuts batches as told. A row whose cell in the column `key` an earlier row has as well is a bad one that
    /// names both.
    pub fn new(cut: Cut, key: Option<String>, chunks: Sender<Piece>) -> Self {
        let planner = Planner::new(cut.rows, cut.bytes);
        Self { cut, planner, keys: key.map(Keys::of), chunk: Vec::with_capacity(CHUNK_BYTES + 4096), chunks }
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
        self.planner.line(RowNumber::new(row), (self.chunk.len() - start) as u64);
        if self.chunk.len() >= CHUNK_BYTES { self.pass_on() } else { Ok(()) }
    }

    fn end_bad_row(&mut self, row: u32, record: Option<&[u8]>, code: &str, message: &str) -> io::Result<()> {
        let start = self.chunk.len();
        row_line::append_bad(&mut self.chunk, row, record, code, message)?;
        self.end_line(row, start)
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
        let duplicate = match &mut self.keys {
            Some(keys) => keys.index.check(row, record)?,
            None => None,
        };
        if let Some(duplicate) = duplicate {
            return self.end_bad_row(row, Some(record), unique::CODE, &duplicate.message);
        }
        let start = self.chunk.len();
        row_line::append(&mut self.chunk, row, record);
        self.end_line(row, start)
    }

    fn can_restart(&self) -> bool {
        true
    }

    fn restart(&mut self) -> io::Result<()> {
        self.planner = Planner::new(self.cut.rows, self.cut.bytes);
        self.keys = self.keys.take().map(|keys| Keys::of(keys.column));
        self.chunk.clear();
        self.send(Piece::Anew)
    }

    fn bad_row(&mut self, row: u32, code: &str, message: &str) -> io::Result<()> {
        self.end_bad_row(row, None, code, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_the_lines_that_the_index_promises() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
        let mut sink = LineSink::new(Cut { rows: 2, bytes: 1000 }, None, sender);
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
        let mut sink = LineSink::new(Cut { rows: 2, bytes: 1000 }, None, sender);
        sink.row(9, b"{}").unwrap();
        sink.restart().unwrap();
        sink.row(2, b"{}").unwrap();
        let index = sink.finish().unwrap();
        assert_eq!((index.rows(), index.batches[0].first_row.get(), index.batches[0].bytes.start), (1, 2, 0));
        assert_eq!(receiver.try_recv().unwrap(), Piece::Anew);
        assert_eq!(receiver.try_recv().unwrap(), Piece::Lines(b"{\"row\":2,\"record\":{}}\n".to_vec()));
    }

    #[test]
    fn a_key_that_comes_again_is_a_bad_row_that_names_the_first() {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
        let mut sink = LineSink::new(Cut { rows: 9, bytes: 1000 }, Some("id".into()), sender);
        sink.row(2, br#"{"id":"A"}"#).unwrap();
        // The sheet turns out not to be in order: what came so far is no earlier row.
        sink.restart().unwrap();
        assert_eq!(receiver.try_recv().unwrap(), Piece::Anew);
        for (row, id) in [(2, "A"), (3, "B"), (4, "A")] {
            sink.row(row, format!(r#"{{"id":"{id}"}}"#).as_bytes()).unwrap();
        }
        assert_eq!(sink.finish().unwrap().rows(), 3);
        let Piece::Lines(lines) = receiver.try_recv().unwrap() else { panic!("no lines") };
        let lines: Vec<&str> = std::str::from_utf8(&lines).unwrap().lines().collect();
        assert_eq!(lines[..2], [r#"{"row":2,"record":{"id":"A"}}"#, r#"{"row":3,"record":{"id":"B"}}"#]);
        let told = r#"{"row":4,"record":{"id":"A"},"error":{"code":"DUPLICATE_KEY","message":"id: \"A\" is the key of row 2 already"}}"#;
        assert_eq!(lines[2], told);
    }

    #[test]
    fn a_reader_stops_when_nobody_takes_its_lines() {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        drop(receiver);
        let mut sink = LineSink::new(Cut { rows: 2, bytes: 1000 }, None, sender);
        sink.row(2, b"{}").unwrap();
        assert!(sink.finish().is_err());
    }
}
