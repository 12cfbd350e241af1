//! calamine: its cell reader for xlsx and xlsb, whole sheets for ods and xls, whose files here are small and our own.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use calamine::{Data, DataRef, Ods, Reader, Xls, Xlsb, Xlsx};

use crate::cell::{Cell, Cells};

/// All cells of the first sheet; the reason when the file is refused.
pub fn read(path: &Path) -> Result<Cells, String> {
    let file = BufReader::new(File::open(path).unwrap());
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension {
        "xlsx" => xlsx(file).map_err(|error| error.to_string()),
        "xlsb" => xlsb(file).map_err(|error| error.to_string()),
        "ods" => whole(Ods::new(file).map_err(|error| error.to_string())?),
        "xls" => whole(Xls::new(file).map_err(|error| error.to_string())?),
        other => panic!("calamine does not read {other}"),
    }
}

fn xlsx(file: BufReader<File>) -> Result<Cells, calamine::XlsxError> {
    let mut workbook = Xlsx::new(file)?;
    let name = workbook.sheet_names()[0].clone();
    let mut reader = workbook.worksheet_cells_reader(&name)?;
    let mut cells = Cells::new();
    while let Some(found) = reader.next_cell()? {
        let (row, column) = found.get_position();
        cells.extend(cell(Data::from(found.get_value().clone())).map(|cell| ((row + 1, column), cell)));
    }
    Ok(cells)
}

fn xlsb(file: BufReader<File>) -> Result<Cells, calamine::XlsbError> {
    let mut workbook = Xlsb::new(file)?;
    let name = workbook.sheet_names()[0].clone();
    let mut reader = workbook.worksheet_cells_reader(&name)?;
    let mut cells = Cells::new();
    while let Some(found) = reader.next_cell()? {
        let (row, column) = found.get_position();
        let value: DataRef<'_> = found.get_value().clone();
        cells.extend(cell(Data::from(value)).map(|cell| ((row + 1, column), cell)));
    }
    Ok(cells)
}

fn whole<R: Reader<BufReader<File>>>(mut workbook: R) -> Result<Cells, String>
where
    R::Error: std::fmt::Display,
{
    let name = workbook.sheet_names()[0].clone();
    #[expect(clippy::disallowed_methods, reason = "the files are small and our own")]
    let range = workbook.worksheet_range(&name).map_err(|error| error.to_string())?;
    let (first_row, first_column) = range.start().unwrap_or_default();
    let cells = range.used_cells().filter_map(|(row, column, value)| {
        cell(value.clone()).map(|cell| ((row as u32 + first_row + 1, column as u32 + first_column), cell))
    });
    Ok(cells.collect())
}

fn cell(value: Data) -> Option<Cell> {
    Some(match value {
        Data::Empty => return None,
        Data::Int(number) => Cell::Number(number as f64),
        Data::Float(number) => Cell::Number(number),
        Data::String(text) => Cell::Text(text),
        Data::Bool(value) => Cell::Bool(value),
        Data::Error(error) => Cell::Error(error.to_string()),
        // Days come as their date, because the number says nothing without the workbook's first day.
        Data::DateTime(moment) if moment.is_datetime() && moment.as_f64() >= 1.0 => {
            let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
            assert_eq!(milli, 0, "the random moments are whole seconds");
            Cell::Clock(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
        }
        Data::DateTime(moment) => Cell::Serial(moment.as_f64()),
        Data::DateTimeIso(text) => Cell::Clock(text),
        Data::DurationIso(text) => Cell::Seconds(seconds(&text)),
    })
}

/// The seconds of `PT26H30M00S`.
fn seconds(duration: &str) -> f64 {
    let mut sum = 0.0;
    let mut amount = String::new();
    for letter in duration.strip_prefix("PT").unwrap().chars() {
        match letter {
            'H' => sum += 3600.0 * amount.parse::<f64>().unwrap(),
            'M' => sum += 60.0 * amount.parse::<f64>().unwrap(),
            'S' => sum += amount.parse::<f64>().unwrap(),
            digit => {
                amount.push(digit);
                continue;
            }
        }
        amount.clear();
    }
    sum
}
