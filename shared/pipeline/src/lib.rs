//! A pipeline file to a compiled pipeline, and a row to its outcome.
//!
//! | room | holds |
//! | --- | --- |
//! | [`spec`] | the YAML text as types; what is wrong with it, with line and column |
//! | [`variables`](Variables) | what stands for `${NAME}`; URLs with `{row.column}` |
//! | [`row`](SourceRow) | one line of a rows object as a row |
//! | [`pipeline`](Pipeline) | the stages in order, run over one row |
//! | `stage` | what all stages have in common |
//! | `validate`, `enrich`, `compute`, `simulate`, `deliver` | the stages |
//! | `outbound`, `rate` | requests to others: where they may go, how often, and what their answers mean |
//! | [`services`](Services) | what a pipeline needs from the outside, as its owner may use it |
//! | [`local`] | running a pipeline without a worker around it |
//! | [`webhook`] | who is told of the changes of a pipeline's tasks |
//! | [`check`] | a dry run: every stage but the delivery, with times |
//! | [`schema`] | the JSON Schema of the format |
//! | [`unique`] | whether a file has a key twice |
//! | [`shipped`] | the pipelines that come with Filas |
//! | [`catalogue`] | pipelines by name and by the version that a task pinned |
//!
//! Row trouble is data here: [`Pipeline::run_row`] answers [`RowResult::Failed`](filas_domain::outcome::RowResult) for it
//! and keeps its `Err` for the worker's trouble: no time left, or a broken machine.

pub mod catalogue;
pub mod check;
mod compute;
mod deliver;
mod enrich;
mod error;
pub mod local;
mod outbound;
mod pipeline;
mod rate;
mod row;
pub mod schema;
mod services;
pub mod shipped;
mod simulate;
pub mod spec;
mod stage;
#[cfg(test)]
mod testing;
mod text;
pub mod unique;
mod url_template;
mod validate;
mod variables;
pub mod webhook;

pub use error::PipelineError;
pub use pipeline::Pipeline;
pub use row::SourceRow;
pub use services::{Ports, Services};
pub use spec::{PipelineSpec, parse};
pub use stage::{Interrupted, RowContext};
pub use validate::{Expectation, expectations};
pub use variables::Variables;
