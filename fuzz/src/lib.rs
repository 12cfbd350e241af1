//! What every fuzz target does: reads the bytes as a file of one name, and looks at what comes out.
//!
//! Rows have to come in order, each as one line that is a JSON object; an error has to be the file's. The reader runs in
//! this process, xls too, though Filas itself reads that format in a process of its own: README.md says what follows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use filas_sheets::{Limits, ReadAhead, ReadOptions, RowSink, SourceHint, read_rows};
use serde::de::IgnoredAny;

struct Judge {
    last: u32,
    columns: usize,
}

impl Judge {
    fn next(&mut self, row: u32) {
        assert!(row > self.last, "row {row} comes after row {}", self.last);
        self.last = row;
    }
}

impl RowSink for Judge {
    fn columns(&mut self, _names: &[String]) -> io::Result<()> {
        assert!(self.columns == 0, "the columns come twice");
        self.columns = 1;
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        self.next(row);
        assert!(!record.contains(&b'\n'), "row {row} holds a line break");
        if let Err(error) = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(record) {
            panic!("row {row} is no JSON object: {error}: {}", String::from_utf8_lossy(record));
        }
        Ok(())
    }

    fn bad_row(&mut self, row: u32, _code: &str, _message: &str) -> io::Result<()> {
        self.next(row);
        Ok(())
    }
}

/// Reads the bytes; panics at what no reader may do.
pub fn read(bytes: &[u8], filename: &str) {
    let Some(file) = file_of(bytes) else { return };
    // What honestly makes a million rows of one teaches nothing.
    let limits = Limits { cells: 100_000, output_bytes: 4 << 20, time: Duration::from_secs(8), ..Limits::default() };
    let options = ReadOptions { limits, read_ahead: ReadAhead::Never, ..ReadOptions::default() };
    let hint = SourceHint { filename: Some(filename.to_owned()), media_type: None };
    if let Err(error) = read_rows(file, &hint, &options, &mut Judge { last: 0, columns: 0 }) {
        assert!(!error.is_transient(), "a file is not the machine's fault: {}", error.to_json());
    }
}

/// In memory where the system has such a place.
fn file_of(bytes: &[u8]) -> Option<File> {
    let mut file = tempfile::tempfile_in("/dev/shm").or_else(|_| tempfile::tempfile()).ok()?;
    file.write_all(bytes).ok()?;
    Some(file)
}
