//! Binary workbooks.

use super::{INFLATED, TOKEN, limit, named};
use crate::workbooks::broken::Broken;
use crate::workbooks::{XlsbParts, record};

/// Record numbers of a cell with a number, of a pointer to a shared string, and of one that nobody knows.
const REAL: u32 = 5;
const SHARED: u32 = 7;
const UNKNOWN: u32 = 3000;

pub(super) fn all() -> Vec<Broken> {
    let header = || XlsbParts::new().row(1).text(0, "id");
    let one = 1.0_f64.to_le_bytes();
    let passes = |what, parts: XlsbParts, name| limit("a.xlsb", what, parts.build(), name);
    let long = "lorem ipsum ".repeat(10_900);
    let references = (2..60_000).fold(header().shared(&long), |parts, row| parts.row(row).cell(SHARED, 0, 0, &[0; 4]));
    let in_one_row =
        (0..1000).fold(header().shared(&long).row(2), |parts, column| parts.cell(SHARED, column, 0, &[0; 4]));
    let claim = [&record(UNKNOWN, &[])[..2], &[0xFF, 0xFF, 0xFF, 0x7F]].concat();
    vec![
        named("a.xlsb", "far cell", header().row(1_048_576).cell(REAL, 16_383, 0, &one).build(), "HEADER_EMPTY"),
        passes("row beyond the sheet", header().row(1_048_577), "rows"),
        passes("row beyond all sheets", header().row(u32::MAX), "rows"),
        passes("column beyond the sheet", header().row(2).cell(REAL, 16_384, 0, &one), "columns"),
        passes("column beyond all sheets", header().row(2).cell(REAL, u32::MAX, 0, &one), "columns"),
        passes("one huge cell", header().row(2).text(0, &"x".repeat(400_000)), "cell_bytes"),
        passes("one huge shared string", header().shared(&"x".repeat(400_000)), "cell_bytes"),
        passes("bomb by one cell", header().row(2).text(0, &"x".repeat(TOKEN)), "record_part_bytes"),
        passes(
            "bomb by ratio",
            header().raw(&record(UNKNOWN, &[0; 4000]).repeat(INFLATED / 4000)),
            "compression_ratio",
        ),
        passes("a record longer than the file", header().raw(&claim), "record_part_bytes"),
        passes("references to one long string", references, "output_ratio"),
        passes("references to one long string in one row", in_one_row, "record_bytes"),
        named(
            "a.xlsb",
            "a reference to no string",
            header().row(2).cell(SHARED, 0, 0, &[9; 4]).build(),
            "FILE_CORRUPT",
        ),
        named(
            "a.xlsb",
            "a record that is cut off",
            header().raw(&record(UNKNOWN, &[0; 200])[..20]).build(),
            "FILE_CORRUPT",
        ),
        named(
            "a.xlsb",
            "a text longer than its record",
            header().row(2).cell(6, 0, 0, &[0xFF, 0xFF, 0, 0]).build(),
            "FILE_CORRUPT",
        ),
    ]
}
