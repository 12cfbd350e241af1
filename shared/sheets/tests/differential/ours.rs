//! Our own reader.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use filas_sheets::{ReadOptions, RowSink, SourceHint, read_rows};
use serde_json::value::RawValue;

use crate::cell::{Cell, Cells};

#[derive(Default)]
struct Kept {
    columns: Vec<String>,
    cells: Cells,
}

impl RowSink for Kept {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        self.columns = names.to_vec();
        self.cells.extend((0..).zip(names).map(|(column, name)| ((1, column), Cell::Text(name.clone()))));
        Ok(())
    }

    fn row(&mut self, row: u32, record: &[u8]) -> io::Result<()> {
        // Raw, because serde_json reads some numbers one unit in the last place off.
        let record: BTreeMap<String, &RawValue> = serde_json::from_slice(record)?;
        assert_eq!(record.len(), self.columns.len(), "row {row} has other keys than the header");
        for (column, name) in (0..).zip(&self.columns) {
            if let Some(cell) = cell(record[name].get()) {
                self.cells.insert((row, column), cell);
            }
        }
        Ok(())
    }

    fn bad_row(&mut self, row: u32, code: &str, message: &str) -> io::Result<()> {
        Err(io::Error::other(format!("row {row}: {code}: {message}")))
    }
}

fn cell(json: &str) -> Option<Cell> {
    Some(match json.as_bytes()[0] {
        b'n' => return None,
        b't' | b'f' => Cell::Bool(json == "true"),
        b'"' => Cell::Text(serde_json::from_str(json).unwrap()),
        b'{' => {
            let error: BTreeMap<String, String> = serde_json::from_str(json).unwrap();
            Cell::Error(error["error"].clone())
        }
        _ => Cell::Number(json.parse().unwrap()),
    })
}

/// All cells of the first visible sheet; the reason when the file is refused.
pub fn read(path: &Path) -> Result<Cells, String> {
    let mut kept = Kept::default();
    let hint = SourceHint { filename: path.file_name().map(|name| name.to_string_lossy().into()), media_type: None };
    read_rows(File::open(path).unwrap(), &hint, &ReadOptions::default(), &mut kept)
        .map_err(|error| error.to_string())?;
    Ok(kept.cells)
}
