//! The number formats of a workbook's columns.

use crate::collect::file_of;
use filas_sheets::{ReadOptions, SourceHint, column_formats, is_moment_format};
use rust_xlsxwriter::{Format, Workbook};

fn formats(bytes: &[u8], header_row: u32) -> Vec<(u32, String)> {
    let options = ReadOptions { header_row, ..ReadOptions::default() };
    column_formats(&file_of(bytes), &SourceHint::default(), &options).expect("it can be read")
}

/// Names in row 3 from column B on; below them a date, an amount, a text, a number as it comes, and a code.
fn workbook() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (column, name) in (1..).zip(["day", "amount", "text", "number", "code"]) {
        sheet.write_string(2, column, name).unwrap();
    }
    let day = Format::new().set_num_format("dd.mm.yyyy");
    let (amount, code) = (Format::new().set_num_format("#,##0.00"), Format::new().set_num_format("@"));
    for row in 3..20 {
        sheet.write_number_with_format(row, 1, 45_000, &day).unwrap();
        sheet.write_number_with_format(row, 2, 1.5, &amount).unwrap();
        sheet.write_string(row, 3, "x").unwrap();
        sheet.write_number(row, 4, 1).unwrap();
        sheet.write_string_with_format(row, 5, "007", &code).unwrap();
    }
    sheet.write_string(20, 1, "soon").unwrap();
    workbook.save_to_buffer().unwrap()
}

#[test]
fn a_column_has_the_format_of_most_of_its_cells() {
    let expected = [(0, "dd.mm.yyyy"), (1, "#,##0.00"), (4, "@")].map(|(column, format)| (column, format.to_owned()));
    assert_eq!(formats(&workbook(), 3), expected);
    assert!(is_moment_format("dd.mm.yyyy") && is_moment_format("[h]:mm") && !is_moment_format("#,##0.00"));
}

#[test]
fn a_file_without_number_formats_has_none() {
    assert_eq!(formats(b"a,b\n1,2\n", 1), []);
}
