//! Rows for the tests of the stages.

use filas_domain::ids::RowNumber;
use serde_json::Value;

use crate::stage::RowValues;

/// Row 7 with these cells.
pub(crate) fn values(row: Value) -> RowValues {
    RowValues::new(RowNumber::new(7), row)
}
