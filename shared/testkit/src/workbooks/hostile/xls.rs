//! Workbooks of Excel 97 to 2003, which a library reads whole.

use super::{limit, named};
use crate::workbooks::broken::Broken;
use crate::workbooks::{OleBuilder, XlsParts};

pub(super) fn all() -> Vec<Broken> {
    let header = || XlsParts::new().text(0, 0, "id");
    let passes = |what, parts: XlsParts, name| limit("a.xls", what, parts.build(), name);
    let damaged = |what, bytes| named("a.xls", what, bytes, "FILE_CORRUPT");
    vec![
        passes("far cell", header().number(65_535, 255, 1.0), "xls_cells"),
        passes("false dimensions", header().dimensions(u32::MAX, u16::MAX), "xls_cells"),
        passes("references to one long string", references(), "memory_bytes"),
        passes("many sheets on the same cells", header().sheets_on_the_same_cells(2000), "sheets"),
        damaged("two sheets on the same cells", header().sheets_on_the_same_cells(1).build()),
        damaged("cells outside of the file", header().cells_elsewhere(1 << 30).build()),
        damaged("cells in the middle of a record", header().cells_elsewhere(7).build()),
        damaged("sectors in a circle", in_a_circle()),
        damaged("cut off", header().build()[..2000].to_vec()),
        damaged("records that are none", OleBuilder::new().stream("Workbook", &[0xFF; 5000]).build()),
    ]
}

/// The library copies the text for every cell: 640 MB, from a file of 300 kB.
fn references() -> XlsParts {
    let long = "x".repeat(32_000);
    let parts = XlsParts::new().strings(&["id", &long]).shared(0, 0, 0);
    (1..20_000).fold(parts, |parts, row| parts.shared(row, 0, 1))
}

/// The second sector of the table of sectors says of itself that it comes next.
fn in_a_circle() -> Vec<u8> {
    /// The table begins behind the header; entry 2 is the first sector of the workbook's stream.
    const ENTRY: usize = 512 + 2 * 4;
    let mut bytes = XlsParts::new().text(0, 0, "id").build();
    bytes[ENTRY..ENTRY + 4].copy_from_slice(&2_u32.to_le_bytes());
    bytes
}
