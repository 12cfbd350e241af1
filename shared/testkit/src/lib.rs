//! The `testkit` room.
pub mod contract;
pub mod memory;
pub mod partner;
pub mod workbooks;
