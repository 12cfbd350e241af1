//! A sink that keeps what it gets, and the way to read bytes with it.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use filas_sheets::{ReadError, ReadOptions, ReadSummary, RowSink, SheetChoice, SourceHint, read_rows};

#[derive(Debug, Default, PartialEq)]
pub struct Collected {
    pub columns: Vec<String>,
    pub columns_calls: u32,
    pub rows: Vec<(u32, String)>,
    pub bad: Vec<(u32, String)>,
    /// Whether it may be told to start again, and how often it was.
    pub can_restart: bool,
    pub restarts: u32,
}

impl RowSink for Collected {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        self.columns = names.to_vec();
        self.columns_calls += 1;
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        let text = String::from_utf8(record.to_vec()).expect("a record is UTF-8");
        assert!(!text.contains('\n'), "a record holds a newline: {text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(value.is_object(), "{text}");
        self.rows.push((row, text));
        Ok(())
    }

    fn bad_row(&mut self, row: u32, code: &str, message: &str) -> io::Result<()> {
        assert!(!message.is_empty());
        self.bad.push((row, code.to_owned()));
        Ok(())
    }

    fn can_restart(&self) -> bool {
        self.can_restart
    }

    fn restart(&mut self) -> io::Result<()> {
        *self = Self { can_restart: true, restarts: self.restarts + 1, ..Self::default() };
        Ok(())
    }
}

pub type Outcome = Result<(ReadSummary, Collected), ReadError>;

pub fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("write it");
    // The reader begins at the start whatever the position is.
    file.seek(SeekFrom::End(0)).expect("move in it");
    file
}

pub fn read_with(bytes: &[u8], filename: &str, options: &ReadOptions) -> Outcome {
    read_into(Collected::default(), bytes, filename, options)
}

pub fn read_into(mut sink: Collected, bytes: &[u8], filename: &str, options: &ReadOptions) -> Outcome {
    let hint = SourceHint { filename: (!filename.is_empty()).then(|| filename.to_owned()), media_type: None };
    let summary = read_rows(file_of(bytes), &hint, options, &mut sink)?;
    assert_eq!(summary.rows, sink.rows.len() as u64);
    assert_eq!(summary.bad_rows, sink.bad.len() as u64);
    assert_eq!(summary.columns, sink.columns);
    assert_eq!(sink.columns_calls, 1);
    Ok((summary, sink))
}

pub fn read(bytes: &[u8], filename: &str) -> Outcome {
    read_with(bytes, filename, &ReadOptions::default())
}

pub fn read_sheet(bytes: &[u8], filename: &str, sheet: &str) -> Outcome {
    let options = ReadOptions { sheet: Some(SheetChoice::from(sheet)), ..ReadOptions::default() };
    read_with(bytes, filename, &options)
}

/// The records as text, or the code of the error.
pub fn records(outcome: &Outcome) -> Result<Vec<(u32, &str)>, &'static str> {
    match outcome {
        Ok((_, sink)) => Ok(sink.rows.iter().map(|(row, text)| (*row, text.as_str())).collect()),
        Err(error) => Err(error.code()),
    }
}
