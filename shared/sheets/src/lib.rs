//! The `sheets` room: any uploaded file to rows, streaming and bounded.
//!
//! * [`read_rows`] is the way in: it finds out what the file is ([`Format`]), reads it and hands rows to a [`RowSink`].
//! * `detect` tells formats by content, and notices files that are not what their name says; `ole` looks into the
//!   containers of old and of encrypted files.
//! * `archive` reads zip containers with suspicion, `xml` reads their parts without allocating per token.
//! * `xlsx`, `xlsb`, `ods`, `xls` turn one sheet into cells; `text` holds csv, tsv, ndjson and JSON arrays.
//! * `rows` makes records of cells, with `header`, `json`, `number_format` and `moment` for names, values and dates.
//! * [`child`] reads what is not read by our own code in a process of its own, which may crash: [`child::read_path`] is
//!   the way in for files on disk.
//! * `spill` keeps on disk what is too much for memory; `limits` bounds all of it while streaming; `error` says what is
//!   wrong, where, and what to do.
//!
//! Nothing is allocated by a count that the file claims. A bad row is data and goes to the sink; a [`ReadError`] means
//! that the file, or the machine, is at fault, and [`ReadError::is_transient`] tells which.
//!
//! Decisions where the rules were silent: a cell with an empty text counts as blank when blank rows are skipped and
//! columns without header are looked for; columns left of the first name or right of the last may be blank. Rows are
//! handed out in ascending order, because batches are ranges of them: a sheet that has them in another order is sorted
//! ([`RowSink::can_restart`] says at what price). Rows with the same number are one row, and of a cell that is given
//! twice the later one counts, as it does for openpyxl and calamine; a cell whose reference names another row than the
//! one it stands in is `FILE_CORRUPT`. Of merged cells the first one has the value and the others are empty. Hidden
//! rows and columns are read, a hidden sheet only when it is asked for. A formula is what its last result was.

mod archive;
pub mod child;
mod detect;
mod error;
mod first_rows;
mod header;
mod json;
mod limits;
mod moment;
mod number_format;
mod ods;
mod ole;
mod options;
mod rows;
mod source;
mod spill;
mod text;
mod workbook;
mod xls;
mod xlsb;
mod xlsx;
mod xml;

use std::fs::File;
use std::rc::Rc;

pub use detect::Format;
pub use error::{FileProblem, LimitBreach, ReadError, column_letters};
pub use first_rows::{FirstRows, first_rows};
pub use limits::Limits;
pub use options::{ReadAhead, ReadOptions, ReadSummary, RowSink, SheetChoice, SourceHint};

use detect::Detected;
use limits::{Budget, check};
use rows::RowAssembler;

/// Reads the rows of a file and hands them to the sink in source order.
///
/// The file is read from its start whatever its position is, and is never loaded whole (but for `.xls`, whose size is
/// bounded first). The columns are handed out once, before the first row.
///
/// # Errors
///
/// [`ReadError::File`] when the file cannot be read as what it is or passes a limit; rows may have been handed out
/// before. [`ReadError::Machine`] when reading the file or the sink fails.
pub fn read_rows(
    file: File,
    hint: &SourceHint,
    options: &ReadOptions,
    sink: &mut dyn RowSink,
) -> Result<ReadSummary, ReadError> {
    let budget = Rc::new(Budget::new(options.limits.clone(), options.deadline));
    let detected = recognised(&file, hint, &budget)?;
    read_detected(&file, detected, &budget, options, sink)
}

/// Whether a number under this format code is read as a date, a time or a duration.
pub fn is_moment_format(code: &str) -> bool {
    number_format::classify_code(code) != number_format::NumberClass::Number
}

/// The text as which a number is read that a workbook of the 1900 date system has under this format code; `None` when it
/// stays a number.
pub fn moment_text(serial: f64, code: &str) -> Option<String> {
    let mut out = Vec::new();
    let class = number_format::classify_code(code);
    moment::append_iso(&mut out, serial, class, moment::DateSystem::From1900).then_some(())?;
    String::from_utf8(out).ok()
}

/// The number formats of the columns of a workbook, by the position of the column among the named ones: of each the one
/// that most of its first cells have, where that is not the general one. For xlsx; nothing for other formats, which is no
/// error.
///
/// # Errors
///
/// As [`read_rows`]. The file is not read further than its first thousand rows.
pub fn column_formats(file: &File, hint: &SourceHint, options: &ReadOptions) -> Result<Vec<(u32, String)>, ReadError> {
    let budget = Rc::new(Budget::new(options.limits.clone(), options.deadline));
    match recognised(file, hint, &budget)? {
        Detected::Spreadsheet(detect::Spreadsheet::Xlsx(archive)) => {
            xlsx::column_formats(&archive, options.sheet.as_ref(), options.header_row)
        }
        _ => Ok(Vec::new()),
    }
}

/// What the file is, once it is known not to be too large.
fn recognised<'a>(file: &'a File, hint: &SourceHint, budget: &Rc<Budget>) -> Result<Detected<'a>, ReadError> {
    check("file_bytes", budget.limits.file_bytes, source::length(file)?)?;
    detect::detect(file, hint, budget)
}

/// Reads a file of a known format, in this process.
fn read_detected(
    file: &File,
    detected: Detected<'_>,
    budget: &Rc<Budget>,
    options: &ReadOptions,
    sink: &mut dyn RowSink,
) -> Result<ReadSummary, ReadError> {
    let format = detected.format();
    let choice = options.sheet.as_ref();
    let (sheet, done) = match detected {
        Detected::Text(format) => {
            if choice.is_some() {
                return Err(workbook::no_sheets(format));
            }
            (None, text::read(file, format, budget, options.header_row, sink)?)
        }
        Detected::Spreadsheet(archive_format) => {
            let mut rows = RowAssembler::new(sink, Rc::clone(budget), options.header_row);
            let sheet = match archive_format {
                detect::Spreadsheet::Xlsx(mut archive) => {
                    archive.read_ahead(options.read_ahead.is_wanted());
                    xlsx::read(&archive, choice, &mut rows)
                }
                detect::Spreadsheet::Xlsb(archive) => xlsb::read(&archive, choice, &mut rows),
                detect::Spreadsheet::Ods(archive) => ods::read(&archive, choice, &mut rows),
                detect::Spreadsheet::Xls => xls::read(file, budget, choice, &mut rows),
            }?;
            let done = rows.finish().map_err(|error| error.in_sheet(&sheet))?;
            (Some(sheet), done)
        }
    };
    Ok(ReadSummary {
        format,
        sheet,
        columns: done.columns,
        rows: done.rows,
        bad_rows: done.bad_rows,
        cells: done.cells,
        output_bytes: done.output_bytes,
    })
}
