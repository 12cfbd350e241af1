//! The stages in order, run over one row.

use filas_domain::outcome::{Failure, RowResult, Stage as StageName};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::deliver::HttpDelivery;
use crate::error::PipelineError;
use crate::row::SourceRow;
use crate::simulate::Simulation;
use crate::spec::{DeliverSpec, PipelineSpec};
use crate::stage::{Interrupted, RowContext, RowValues, Stage, Step};
use crate::validate::Validation;
use crate::variables::Variables;

/// A pipeline that is ready to run: schema compiled, URLs taken apart, variables filled in. Made once per cold start.
#[derive(Debug)]
pub struct Pipeline {
    name: String,
    stages: Vec<Stage>,
}

impl Pipeline {
    /// Makes a pipeline of its file. What cannot work is an error here and not at row 70,000: a broken schema, a URL that
    /// is none, a variable that is not set (it is named).
    pub fn compile(spec: &PipelineSpec, variables: &Variables) -> Result<Self, PipelineError> {
        let mut stages = Vec::new();
        if let Some(schema) = &spec.validate {
            stages.push(Stage::Validate(Validation::compile(schema)?));
        }
        if let Some(simulate) = &spec.simulate {
            stages.push(Stage::Simulate(Simulation::compile(simulate, variables)));
        }
        match &spec.deliver {
            DeliverSpec::None => {}
            DeliverSpec::Http(http) => stages.push(Stage::Http(Box::new(HttpDelivery::compile(http, variables)?))),
        }
        Ok(Self { name: spec.name.clone(), stages })
    }

    /// The version of a pipeline file: the first 12 hexadecimal digits of its SHA-256. Any change of the text changes it.
    pub fn version(yaml: &str) -> String {
        Sha256::digest(yaml.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The pipeline's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs one row to its outcome. A bad row is [`RowResult::Failed`]; an `Err` means that the row has no outcome and must
    /// be run again with the same context's task, so that its idempotency key stays the same. Side effects may have
    /// happened by then.
    pub async fn run_row(&self, row: SourceRow, context: &RowContext) -> Result<RowResult, Interrupted> {
        if Instant::now() >= context.deadline {
            return Err(Interrupted::OutOfTime);
        }
        let record = match row.record {
            Ok(record) => record,
            Err(unreadable) => {
                let failure = Failure { stage: StageName::Read, code: unreadable.code, message: unreadable.message };
                return Ok(RowResult::Failed(failure));
            }
        };
        let mut values = RowValues { number: row.number, row: Value::Object(record), kept: None };
        for stage in &self.stages {
            match stage.run(&mut values, context).await? {
                Step::Continue => {}
                Step::Fail(failure) => return Ok(RowResult::Failed(failure)),
            }
        }
        Ok(RowResult::Succeeded { kept: values.kept })
    }

    /// How many rows one worker should run at once.
    pub fn concurrency(&self) -> usize {
        self.stages.iter().map(Stage::concurrency).max().unwrap_or(1)
    }

    /// Whether no stage ever waits, for a network or a clock. The rows of such a pipeline may be run in a plain loop.
    pub fn is_pure(&self) -> bool {
        self.stages.iter().all(Stage::is_pure)
    }
}
