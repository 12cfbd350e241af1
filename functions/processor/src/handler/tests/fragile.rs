//! Ports that fail, stall or take the whole worker with them at a call that the test chooses: the machinery of the testkit.

pub use filas_testkit::memory::{At, Fragile, PlannedFate as Fate, STALL, Strike, WorldClock};
