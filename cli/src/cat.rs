//! `filas cat`: the rows of a file as the split would read them.

use std::fs;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::Path;

use filas_sheets::child::{ReaderProgram, read_path};
use filas_sheets::{ReadError, ReadOptions, RowSink, SheetChoice, SourceHint};
use serde_json::json;

use crate::arguments::CatArguments;
use crate::output;
use filas_cli::progress::stderr_line;

const UNREADABLE_ROWS: u8 = 3;
const REFUSED: u8 = 2;
const MACHINE: u8 = 1;

/// Prints the rows and returns the exit code. What goes wrong is one JSON object on standard error.
pub fn cat(arguments: &CatArguments) -> u8 {
    if let Err(error) = check_is_file(&arguments.file) {
        let message = format!("cannot open {}: {error}", arguments.file.display());
        stderr_line(&json!({"code": "MACHINE_TROUBLE", "message": message}).to_string());
        return MACHINE;
    }
    let filename = arguments.file.file_name().map(|name| name.to_string_lossy().into_owned());
    let hint = SourceHint { filename, media_type: None };
    let options = ReadOptions {
        sheet: arguments.sheet.as_deref().map(SheetChoice::from),
        header_row: arguments.header_row,
        ..ReadOptions::default()
    };
    let mut printer = Printer { out: output::buffered(), numbered: arguments.numbered, closed: false, bad_rows: 0 };
    let read = read_path(&arguments.file, &hint, &options, &ReaderProgram::this(), &mut printer);
    // The rows before the trouble come out before the trouble is told.
    let flushed = printer.out.flush();
    printer.exit_code(read.err(), flushed)
}

/// A folder or a pipe is none, and one that may not be read is as good as none.
fn check_is_file(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() {
        fs::File::open(path).map(drop)
    } else {
        Err(io::Error::other("it is not a file"))
    }
}

/// Prints what is read.
struct Printer {
    out: BufWriter<Stdout>,
    numbered: bool,
    closed: bool,
    bad_rows: u64,
}

impl Printer {
    fn print(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        if self.numbered {
            write!(self.out, "{{\"row\":{row},\"record\":")?;
            self.out.write_all(record)?;
            self.out.write_all(b"}\n")
        } else {
            self.out.write_all(record)?;
            self.out.write_all(b"\n")
        }
    }

    fn exit_code(&self, trouble: Option<ReadError>, flushed: io::Result<()>) -> u8 {
        let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        match (trouble, flushed) {
            (Some(error), _) if error.problem().is_some() => {
                stderr_line(&error.to_json());
                REFUSED
            }
            // Whoever read has seen enough.
            _ if self.closed => 0,
            (_, Err(error)) if closed(&error) => 0,
            (Some(error), _) => {
                stderr_line(&error.to_json());
                MACHINE
            }
            (None, Err(error)) => {
                let message = format!("cannot write to standard output: {error}");
                stderr_line(&json!({"code": "MACHINE_TROUBLE", "message": message}).to_string());
                MACHINE
            }
            (None, Ok(())) if self.bad_rows > 0 => UNREADABLE_ROWS,
            (None, Ok(())) => 0,
        }
    }
}

impl RowSink for Printer {
    fn columns(&mut self, _names: &[String]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        let printed = self.print(row, record);
        self.closed |= printed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        printed
    }

    fn bad_row(&mut self, row: u32, code: &str, message: &str) -> io::Result<()> {
        self.bad_rows += 1;
        stderr_line(&json!({"row": row, "error": {"code": code, "message": message}}).to_string());
        Ok(())
    }
}
