//! A file to lines of rows, in a temporary file.

use std::io::{self, BufWriter, Seek as _, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use filas_cli::progress::stderr_line;
use filas_domain::report::{SourceColumn, SourceColumns};
use filas_domain::row_line;
use filas_pipeline::PipelineSpec;
use filas_pipeline::unique::{self, KeyIndex};
use filas_sheets::child::{ReaderProgram, read_path};
use filas_sheets::{ReadOptions, RowSink, SheetChoice, SourceHint, column_formats};
use tempfile::NamedTempFile;

use crate::arguments::RunArguments;

/// The rows of a file.
pub struct Rows {
    /// A line for each, as a rows object has them.
    pub file: NamedTempFile,
    /// How many.
    pub count: u64,
    /// The columns of the file, with their number formats where they are known.
    pub columns: SourceColumns,
    /// What the file turned out to be.
    pub format: String,
    /// The file's name.
    pub filename: Option<String>,
    /// The sheet that was asked for.
    pub sheet: Option<String>,
}

/// Reads the file, or says what it was refused for and gives `None`.
///
/// # Errors
/// When this machine is in trouble.
pub fn read(arguments: &RunArguments, spec: &PipelineSpec, key: Option<&str>) -> Result<Option<Rows>> {
    let filename = arguments.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let hint = SourceHint { filename: filename.clone(), media_type: None };
    let options = ReadOptions {
        sheet: arguments.sheet.as_deref().map(SheetChoice::from),
        header_row: spec.rows.header,
        ..ReadOptions::default()
    };
    let mut sink = Sink::new(key)?;
    let summary = match read_path(&arguments.file, &hint, &options, &ReaderProgram::this(), &mut sink) {
        Ok(summary) => summary,
        Err(error) if error.problem().is_some() => {
            stderr_line(&error.to_json());
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", arguments.file.display())),
    };
    let columns = with_formats(&arguments.file, &hint, &options, summary.columns);
    let (file, count) = sink.finish().context("cannot keep the rows")?;
    let format = summary.format.to_string();
    Ok(Some(Rows { file, count, columns, format, filename, sheet: arguments.sheet.clone() }))
}

/// The formats are for people: a file of which they cannot be told is read all the same.
fn with_formats(path: &PathBuf, hint: &SourceHint, options: &ReadOptions, names: Vec<String>) -> SourceColumns {
    let found = std::fs::File::open(path).ok().and_then(|file| column_formats(&file, hint, options).ok());
    let mut formats: std::collections::BTreeMap<u32, String> = found.unwrap_or_default().into_iter().collect();
    let named = (0..).zip(names).map(|(position, name)| SourceColumn { name, format: formats.remove(&position) });
    SourceColumns { columns: named.collect() }
}

/// Writes lines as they come.
struct Sink {
    out: BufWriter<NamedTempFile>,
    line: Vec<u8>,
    count: u64,
    key: Option<String>,
    keys: Option<KeyIndex>,
}

impl Sink {
    fn new(key: Option<&str>) -> Result<Self> {
        let file = NamedTempFile::new().context("cannot make a temporary file")?;
        let keys = key.map(KeyIndex::new);
        Ok(Self { out: BufWriter::new(file), line: Vec::new(), count: 0, key: key.map(str::to_owned), keys })
    }

    fn finish(self) -> io::Result<(NamedTempFile, u64)> {
        let count = self.count;
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((file, count))
    }

    fn write(&mut self) -> io::Result<()> {
        self.count += 1;
        self.out.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }
}

impl RowSink for Sink {
    fn columns(&mut self, _names: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        let duplicate = match &mut self.keys {
            Some(keys) => keys.check(row, record)?,
            None => None,
        };
        match duplicate {
            Some(duplicate) => {
                row_line::append_bad(&mut self.line, row, Some(record), unique::CODE, &duplicate.message)?;
            }
            None => row_line::append(&mut self.line, row, record),
        }
        self.write()
    }

    fn bad_row(&mut self, row: u32, code: &str, message: &str) -> io::Result<()> {
        row_line::append_bad(&mut self.line, row, None, code, message)?;
        self.write()
    }

    fn can_restart(&self) -> bool {
        true
    }

    fn restart(&mut self) -> io::Result<()> {
        self.count = 0;
        self.keys = self.key.as_deref().map(KeyIndex::new);
        self.out.flush()?;
        let file = self.out.get_mut().as_file_mut();
        file.set_len(0)?;
        file.rewind()
    }
}
