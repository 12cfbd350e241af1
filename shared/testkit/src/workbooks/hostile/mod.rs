//! What people upload on purpose: files that are small and cost much, that lie, or that mean two things at once.
//!
//! Each was chosen because some reader of such files takes all memory, hangs, or dies of it. `xlsx`, `xlsb`, `ods`,
//! `xls` and `text` are the formats, `containers` the zip file around most of them.

mod containers;
mod ods;
mod text;
mod xls;
mod xlsb;
mod xlsx;

use super::broken::Broken;

/// More than a reader can hold that is allowed 64 MB.
const LARGE: usize = 72 << 20;
/// More than one tag, text or record may take.
const TOKEN: usize = 4 << 20;
/// Enough to be told by its ratio.
const INFLATED: usize = 24 << 20;

/// All of them.
pub(super) fn all() -> Vec<Broken> {
    [xlsx::all(), containers::all(), xlsb::all(), ods::all(), xls::all(), text::all()].concat()
}

/// A file of one of the formats, by its name.
fn named(filename: &'static str, what: &'static str, bytes: Vec<u8>, code: &'static str) -> Broken {
    Broken { what, filename, bytes, code: Some(code), limit: None }
}

/// A file that passes a limit.
fn limit(filename: &'static str, what: &'static str, bytes: Vec<u8>, name: &'static str) -> Broken {
    Broken { limit: Some(name), ..named(filename, what, bytes, "LIMIT_EXCEEDED") }
}
