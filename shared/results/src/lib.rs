//! What the files of results have in them, wherever the rows were processed: the function `report` writes them into the
//! bucket, `filas run` onto the disk.
//!
//! * `lines`: outcomes and rows, line by line
//! * `columns`: the columns of the failed rows
//! * [`table`]: what is known of each column, and which cell of a row is to blame
//! * [`text`]: failed rows as csv and as records
//! * [`workbook`]: failed rows as a workbook, with `cells` for what a value becomes there

mod cells;
mod columns;
mod lines;
pub mod table;
pub mod text;
pub mod workbook;

pub use columns::Columns;
pub use lines::{Kind, SourceLine, lines_of, source_of, with_record};
pub use table::{FailedRow, Source, Table};
