//! Workbooks for tests and demos: good ones whose truth is known, and broken ones of every kind.
//!
//! * [`orders`], [`orders_csv`]: the shop's orders, deterministic by seed, with a known number of bad rows.
//! * [`XlsxParts`]: a workbook from hand-written parts; [`ZipBuilder`]: a container that may lie.
//! * [`broken`]: one file for each way in which a file can be bad.
//! * [`XlsbParts`], [`OdsParts`], [`OleBuilder`]: small files of the other formats.

pub mod broken;
mod ods;
mod ole;
mod orders;
mod orders_row;
mod xlsb;
mod xlsx_parts;
mod zip_builder;

pub use ods::OdsParts;
pub use ole::OleBuilder;
pub use orders::{OrdersTruth, orders, orders_csv};
pub use xlsb::{XlsbParts, record};
pub use xlsx_parts::XlsxParts;
pub use zip_builder::{Lie, ZipBuilder};
