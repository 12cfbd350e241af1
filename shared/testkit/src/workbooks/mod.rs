//! Workbooks for tests and demos: good ones whose truth is known, and broken ones of every kind.
//!
//! * [`orders`], [`orders_csv`]: the shop's orders, deterministic by seed, with a known number of bad rows.
//! * [`prices`], [`jobs`]: for the pipelines `prices` and `simulate`, with known bad rows.
//! * [`XlsxParts`]: a workbook from hand-written parts; [`ZipBuilder`]: a container that may lie.
//! * [`broken`]: one file for each way in which a file can be bad, by mistake or on purpose.
//! * [`XlsbParts`], [`OdsParts`], [`OleBuilder`], [`XlsParts`]: small files of the other formats.
//! * [`random`]: sheets by seed with a known truth, in files of every format; [`mutation`]: good files, damaged by seed.

pub mod broken;
mod hostile;
pub mod mutation;
mod ods;
mod ole;
mod orders;
mod orders_row;
pub mod random;
mod simple;
mod xls_parts;
mod xlsb;
mod xlsx_parts;
mod zip_builder;

pub use ods::OdsParts;
pub use ole::OleBuilder;
pub use orders::{OrdersTruth, orders, orders_csv, orders_inline};
pub use simple::{SimpleTruth, jobs, prices};
pub use xls_parts::XlsParts;
pub use xlsb::{XlsbParts, record};
pub use xlsx_parts::XlsxParts;
pub use zip_builder::{Lie, ZipBuilder};
