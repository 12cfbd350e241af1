//! Text formats: csv and tsv, JSON lines, JSON arrays. All in UTF-8 once `encoding` has seen to it.

mod array;
mod delimited;
mod delimiter;
pub(crate) mod encoding;
mod lines;
mod output;
mod record;

use std::fs::File;
use std::rc::Rc;

use crate::RowSink;
use crate::detect::Format;
use crate::error::ReadError;
use crate::limits::Budget;
use crate::rows::Assembled;
use output::Output;

/// Reads a text file of a known format into rows.
pub(crate) fn read(
    file: &File,
    format: Format,
    budget: &Rc<Budget>,
    header_row: u32,
    sink: &mut dyn RowSink,
) -> Result<Assembled, ReadError> {
    let source = encoding::text_source(file, budget)?;
    let output = Output::new(sink, Rc::clone(budget));
    match format {
        Format::Ndjson => lines::read(source, budget, output),
        Format::JsonArray => array::read(source, budget, output),
        _ => delimited::read(source, format, budget, header_row, output),
    }
}
