//! Rows for the tests of the stages.

use std::time::Duration;

use filas_domain::ids::RowNumber;
use serde_json::Value;
use tokio::time::Instant;

use crate::stage::{RowContext, RowValues};

/// Row 7 with these cells.
pub(crate) fn values(row: Value) -> RowValues {
    RowValues { number: RowNumber::new(7), row, kept: None }
}

/// A worker of task `t` that has so long.
pub(crate) fn context(time_left: Duration) -> RowContext {
    RowContext { task: "t".to_owned(), deadline: Instant::now() + time_left }
}
