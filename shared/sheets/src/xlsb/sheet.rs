//! The cells of a binary sheet ([MS-XLSB] 2.5.10 and the records `BrtCell…`, `BrtFmla…`).

use super::records::{Body, Records};
use crate::archive::Archive;
use crate::error::ReadError;
use crate::limits::check;
use crate::moment::DateSystem;
use crate::number_format::NumberClass;
use crate::rows::{CellSink, SheetCells, write_bool, write_error, write_text};
use crate::workbook::write_number;
use crate::xlsx::shared_strings::SharedStrings;
use crate::xlsx::styles::Styles;

const ROW: u32 = 0;
const RK: u32 = 2;
const ERROR: u32 = 3;
const BOOL: u32 = 4;
const REAL: u32 = 5;
const STRING: u32 = 6;
const SHARED: u32 = 7;
const FORMULA_STRING: u32 = 8;
const FORMULA_NUMBER: u32 = 9;
const FORMULA_BOOL: u32 = 10;
const FORMULA_ERROR: u32 = 11;
const RICH_STRING: u32 = 62;
const BEGIN_DATA: u32 = 145;
const END_DATA: u32 = 146;
/// Where the value of a cell stands: after its column and its format.
const VALUE: usize = 8;

/// A sheet part, and what is known of its workbook.
pub(super) struct Sheet<'w, 'a> {
    pub(super) archive: &'w Archive<'a>,
    pub(super) part: &'w str,
    pub(super) strings: &'w SharedStrings,
    pub(super) styles: &'w Styles,
    pub(super) system: DateSystem,
}

impl SheetCells for Sheet<'_, '_> {
    fn read_into(&self, rows: &mut impl CellSink) -> Result<(), ReadError> {
        let mut records = Records::open(self.archive, self.part)?;
        let (mut in_data, mut row) = (false, 0);
        while let Some((kind, body)) = records.next()? {
            match kind {
                BEGIN_DATA => in_data = true,
                END_DATA => break,
                ROW if in_data => {
                    if row > 0 {
                        rows.end_row()?;
                    }
                    row = body.long(0)?.saturating_add(1);
                    rows.begin_row(row)?;
                }
                _ if in_data && row > 0 => {
                    let column = body.long(0).unwrap_or(0);
                    self.cell(kind, body, rows).map_err(|error| error.in_row(row).in_column(column))?;
                }
                _ => {}
            }
        }
        if row > 0 {
            rows.end_row()?;
        }
        // What follows the cells is not needed, but a part that is cut off or damaged is noticed.
        while records.next()?.is_some() {}
        Ok(())
    }
}

impl Sheet<'_, '_> {
    fn cell(&self, kind: u32, body: Body<'_>, rows: &mut impl CellSink) -> Result<(), ReadError> {
        if !matches!(kind, RK..=FORMULA_ERROR | RICH_STRING) {
            return Ok(());
        }
        let column = body.long(0)?;
        let class = self.styles.class(body.long(4)? & 0x00FF_FFFF);
        match kind {
            RK => number(rows, column, rk(body.long(VALUE)?), class, self.system),
            REAL | FORMULA_NUMBER => number(rows, column, body.double(VALUE)?, class, self.system),
            BOOL | FORMULA_BOOL => {
                let value = body.byte(VALUE)? != 0;
                rows.cell(column, |out| Ok(write_bool(out, value)))
            }
            ERROR | FORMULA_ERROR => {
                let code = error_code(body.byte(VALUE)?);
                rows.cell(column, |out| Ok(write_error(out, code)))
            }
            SHARED => {
                let index = body.long(VALUE)? as usize;
                rows.cell(column, |out| self.strings.append(index, out))
            }
            STRING | FORMULA_STRING | RICH_STRING => {
                let (text, _) = body.text(if kind == RICH_STRING { VALUE + 1 } else { VALUE })?;
                check("cell_bytes", self.archive.budget().limits.cell_bytes, text.len() as u64)?;
                rows.cell(column, |out| Ok(write_text(out, &text)))
            }
            _ => Ok(()),
        }
    }
}

fn number(
    rows: &mut impl CellSink,
    column: u32,
    value: f64,
    class: NumberClass,
    system: DateSystem,
) -> Result<(), ReadError> {
    rows.cell(column, |out| write_number(out, value, class, system))
}

/// A number packed into 30 bits: the upper part of a float or an integer, perhaps in hundredths (2.5.122).
fn rk(packed: u32) -> f64 {
    let value = if packed & 2 != 0 {
        f64::from(packed.cast_signed() >> 2)
    } else {
        f64::from_bits(u64::from(packed & !3) << 32)
    };
    if packed & 1 != 0 { value / 100.0 } else { value }
}

fn error_code(code: u8) -> &'static str {
    match code {
        0x00 => "#NULL!",
        0x07 => "#DIV/0!",
        0x0F => "#VALUE!",
        0x17 => "#REF!",
        0x1D => "#NAME?",
        0x24 => "#NUM!",
        0x2A => "#N/A",
        0x2B => "#GETTING_DATA",
        _ => "#UNKNOWN!",
    }
}

#[cfg(test)]
mod tests {
    use super::rk;

    #[test]
    fn packed_numbers_are_unpacked() {
        for (packed, value) in [
            ((5 << 2) | 2, 5.0),
            ((-5_i32 << 2).cast_unsigned() | 2, -5.0),
            ((1234 << 2) | 3, 12.34),
            (0x3FF0_0000, 1.0),
            (0x4059_0000 | 1, 1.0),
        ] {
            assert_eq!(rk(packed), value);
        }
    }
}
