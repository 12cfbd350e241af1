//! A pipeline file to a compiled pipeline, and a row to its outcome.
//!
//! | room | holds |
//! | --- | --- |
//! | [`spec`] | the YAML text as types; what is wrong with it, with line and column |
//! | [`variables`](Variables) | what stands for `${NAME}`; URLs with `{row.column}` |
//! | [`row`](SourceRow) | one line of a rows object as a row |
//! | [`pipeline`](Pipeline) | the stages in order, run over one row |
//! | `stage` | what all stages have in common: the seam for enrich, compute, store and queue |
//! | `validate`, `simulate`, `deliver` | the stages |
//! | [`shipped`] | the pipelines that come with Filas |
//! | [`catalogue`] | pipelines by name and by the version that a task pinned |
//!
//! Row trouble is data here: [`Pipeline::run_row`] answers [`RowResult::Failed`](filas_domain::outcome::RowResult) for it
//! and keeps its `Err` for the worker's trouble: no time left, or a broken machine.

pub mod catalogue;
mod deliver;
mod error;
mod pipeline;
mod row;
pub mod shipped;
mod simulate;
pub mod spec;
mod stage;
#[cfg(test)]
mod testing;
mod text;
mod url_template;
mod validate;
mod variables;

pub use error::PipelineError;
pub use pipeline::Pipeline;
pub use row::SourceRow;
pub use spec::{PipelineSpec, parse};
pub use stage::{Interrupted, RowContext};
pub use variables::Variables;
