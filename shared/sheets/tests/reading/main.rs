//! The reader as its callers see it: files in, rows and errors out.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test a failure is a panic; the lint knows only functions marked as tests"
)]

mod broken_files;
mod collect;
mod column_formats;
mod first_rows;
mod orders;
mod other_formats;
mod row_order;
mod text_files;
mod two_threads;
mod xlsx_cells;
mod xlsx_writers;
