//! Workbooks of Excel 97 to 2003, by calamine. That library reads them whole, so their extent is measured first.

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use calamine::{Data, Reader, SheetType, SheetVisible, Xls, XlsError};

use crate::error::{FileProblem, ReadError};
use crate::limits::{Budget, check};
use crate::moment::DateSystem;
use crate::number_format::NumberClass;
use crate::options::SheetChoice;
use crate::rows::{CellSink, RowAssembler, write_bool, write_error, write_text};
use crate::source::{length, seek};
use crate::workbook::{SheetEntry, choose, write_number};

mod extent;

/// Reads the chosen sheet into rows; answers its name.
pub(crate) fn read(
    file: &File,
    budget: &Rc<Budget>,
    choice: Option<&SheetChoice>,
    rows: &mut RowAssembler<'_>,
) -> Result<String, ReadError> {
    let bytes = length(file)?;
    check("xls_bytes", budget.limits.xls_bytes, bytes)?;
    budget.spend_inflated(bytes)?;
    extent::check_extent(file, budget)?;
    let mut workbook = open(file)?;
    let sheets: Vec<SheetEntry> = workbook
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| SheetEntry {
            name: sheet.name.clone(),
            part: String::new(),
            is_hidden: sheet.visible != SheetVisible::Visible,
        })
        .collect();
    let sheet = choose(&sheets, choice, &budget.limits)?;
    let system = if workbook.has_1904_epoch() { DateSystem::From1904 } else { DateSystem::From1900 };
    let range = guarded(|| whole_sheet(&mut workbook, &sheet.name))?;
    hand_over(&range, rows, system, budget).map_err(|error| error.in_sheet(&sheet.name))?;
    Ok(sheet.name.clone())
}

type Workbook<'f> = Xls<BufReader<&'f File>>;

fn open(file: &File) -> Result<Workbook<'_>, ReadError> {
    seek(file, 0)?;
    guarded(|| Xls::new(BufReader::new(file)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "calamine has no other interface for xls; the bounding boxes of all sheets were bounded before"
)]
fn whole_sheet(workbook: &mut Workbook<'_>, name: &str) -> Result<calamine::Range<Data>, XlsError> {
    workbook.worksheet_range(name)
}

/// Runs calamine so that a panic of it is a fault of the file, which it is: nothing else varies.
fn guarded<T>(run: impl FnOnce() -> Result<T, XlsError>) -> Result<T, ReadError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(XlsError::Password)) => Err(FileProblem::encrypted().into()),
        Ok(Err(XlsError::Io(source))) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            Err(ReadError::machine("read the uploaded file", source))
        }
        Ok(Err(error)) => Err(FileProblem::corrupt(error).into()),
        Err(_) => Err(FileProblem::corrupt("its records contradict each other").into()),
    }
}

fn hand_over(
    range: &calamine::Range<Data>,
    rows: &mut RowAssembler<'_>,
    system: DateSystem,
    budget: &Budget,
) -> Result<(), ReadError> {
    let Some((first_row, first_column)) = range.start() else {
        return Ok(());
    };
    for (row, cells) in (first_row + 1..).zip(range.rows()) {
        rows.begin_row(row)?;
        for (column, cell) in (first_column..).zip(cells) {
            if !matches!(cell, Data::Empty) {
                rows.cell(column, |out| write_cell(out, cell, system, budget))?;
            }
        }
        rows.end_row()?;
    }
    Ok(())
}

fn write_cell(out: &mut Vec<u8>, cell: &Data, system: DateSystem, budget: &Budget) -> Result<bool, ReadError> {
    match cell {
        Data::Empty => Ok(true),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            check("cell_bytes", budget.limits.cell_bytes, text.len() as u64)?;
            Ok(write_text(out, text))
        }
        Data::Int(number) => {
            out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
            Ok(false)
        }
        Data::Float(number) => write_number(out, *number, NumberClass::Number, DateSystem::From1900),
        Data::Bool(value) => Ok(write_bool(out, *value)),
        Data::Error(error) => Ok(write_error(out, &error.to_string())),
        Data::DateTime(moment) => {
            // calamine tells date from duration, not date from time: a number below one day is a time of day.
            let number = moment.as_f64();
            let class = match (moment.is_duration(), number < 1.0) {
                (true, _) => NumberClass::Elapsed { has_fraction: false },
                (false, true) => NumberClass::Time { has_fraction: false },
                (false, false) => NumberClass::Moment { has_time: false, has_fraction: false },
            };
            write_number(out, number, class, system)
        }
    }
}
