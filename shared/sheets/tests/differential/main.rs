//! Our reader, calamine, and the readers of another language, against sheets whose truth is known.
//!
//! * `cell`: what a reader says of a cell; `ours` and `calamine_reader` ask the two readers of this language
//! * `explained`: the table of differences, the same as in docs/SHEETS.md
//! * `random_workbooks`: seeded random workbooks of every format; a failure names its seed
//! * `other_languages`: workbooks by XlsxWriter and openpyxl, read by openpyxl, xlrd and pyxlsb too
//! * `libre_office`: small files that LibreOffice wrote, kept as fixtures

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test a failure is a panic; the lint knows only functions marked as tests"
)]

mod calamine_reader;
mod cell;
mod explained;
mod libre_office;
mod other_languages;
mod ours;
mod random_workbooks;
