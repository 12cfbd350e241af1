//! The stages in order, run over one row.

use filas_domain::outcome::{Failure, RowResult};
use filas_domain::stop::StopRule;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::compute::{Computation, Scope};
use crate::deliver::{HttpDelivery, QueueDelivery, StoreDelivery};
use crate::enrich::Lookup;
use crate::error::PipelineError;
use crate::row::SourceRow;
use crate::services::{Services, Setting};
use crate::simulate::Simulation;
use crate::spec::{DeliverSpec, FailedLimit, PipelineSpec};
use crate::stage::{Interrupted, RowContext, RowValues, Stage, Step};
use crate::validate::Validation;
use crate::variables::Variables;
use crate::webhook::Webhook;

/// A pipeline that is ready to run: schema compiled, URLs taken apart, variables filled in. Made once per cold start.
#[derive(Debug)]
pub struct Pipeline {
    name: String,
    stages: Vec<Stage>,
    /// The names that a delivery knows.
    scope: Scope,
    key: Option<String>,
    stop: Option<StopRule>,
}

impl Pipeline {
    /// Makes a pipeline of its file. What cannot work is an error here and not at row 70,000: a broken schema, an
    /// expression with an unknown name or types that do not go together, a URL that is none, a variable that is not set
    /// (it is named). The error says line and column.
    pub fn compile(spec: &PipelineSpec, variables: &Variables) -> Result<Self, PipelineError> {
        Self::compile_with(spec, variables, &Services::none())
    }

    /// As [`compile`](Self::compile), for the owner of `services`: with `rate`, secrets, `store` and `queue`.
    pub fn compile_with(
        spec: &PipelineSpec,
        variables: &Variables,
        services: &Services,
    ) -> Result<Self, PipelineError> {
        let setting = Setting { pipeline: &spec.name, key: spec.rows.key.as_deref(), variables, services };
        // The webhook is another function's, but what it is refused for is to be known before there is a task.
        Webhook::compile(spec, variables)?;
        Self::compile_stages(spec, &setting).map_err(|error| error.located(&spec.places))
    }

    fn compile_stages(spec: &PipelineSpec, setting: &Setting<'_>) -> Result<Self, PipelineError> {
        let mut stages = Vec::new();
        let validation = Validation::compile(spec.validate.as_ref(), &spec.rules)?;
        let mut scope = Scope::of_row(validation.columns());
        if !validation.is_empty() {
            stages.push(Stage::Validate(validation));
        }
        lookups(spec, setting, &mut scope, &mut stages)?;
        if !spec.compute.is_empty() {
            stages.push(Stage::Compute(Computation::compile(&spec.compute, &mut scope)?));
        }
        if let Some(simulate) = &spec.simulate {
            stages.push(Stage::Simulate(Simulation::compile(simulate, setting.variables)));
        }
        stages.extend(delivery(spec, setting, &scope)?);
        let stop = spec.stop.map(|stop| match stop.failed {
            FailedLimit::Rows(rows) => StopRule::Rows(rows),
            FailedLimit::Share(hundredths) => StopRule::Share(hundredths),
        });
        Ok(Self { name: spec.name.clone(), stages, scope, key: spec.rows.key.clone(), stop })
    }

    /// The version of a pipeline file: the first 12 hexadecimal digits of its SHA-256. Any change of the text changes it.
    pub fn version(yaml: &str) -> String {
        Sha256::digest(yaml.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The pipeline's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The column that tells the records apart: no two rows of a file have the same.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// When a task of this pipeline gives up early; [`should_stop`](filas_domain::stop::should_stop) decides.
    pub fn stop_rule(&self) -> Option<StopRule> {
        self.stop
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
            Err(unreadable) => return Ok(RowResult::Failed(unreadable.into())),
        };
        let mut values = RowValues::new(row.number, Value::Object(record));
        for stage in &self.stages {
            match stage.run(&mut values, context).await? {
                Step::Continue => {}
                Step::Fail(failure) => return Ok(RowResult::Failed(failure)),
            }
        }
        Ok(RowResult::Succeeded { kept: values.kept })
    }

    /// What is wrong with a row by the schema and the rules alone, before anything is looked up or delivered: the failure
    /// that [`run_row`](Self::run_row) will come to. `None` says that nothing is wrong so far.
    pub fn validate(&self, row: SourceRow) -> Option<Failure> {
        let record = match row.record {
            Ok(record) => record,
            Err(unreadable) => return Some(unreadable.into()),
        };
        let Some(Stage::Validate(validation)) = self.stages.first() else { return None };
        match validation.run(&mut RowValues::new(row.number, Value::Object(record))) {
            Step::Continue => None,
            Step::Fail(failure) => Some(failure),
        }
    }

    /// The stages in order.
    pub(crate) fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The names that a delivery knows.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
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

/// The look-ups, in order; each may use the answers of those before it.
fn lookups(
    spec: &PipelineSpec,
    setting: &Setting<'_>,
    scope: &mut Scope,
    stages: &mut Vec<Stage>,
) -> Result<(), PipelineError> {
    for (name, lookup) in spec.enrich.iter() {
        stages.push(Stage::Enrich(Box::new(Lookup::compile(name, lookup, scope, setting)?)));
        scope.add_lookup(name, &format!("enrich.{name}"))?;
    }
    Ok(())
}

/// What becomes of a row that passed everything else.
fn delivery(spec: &PipelineSpec, setting: &Setting<'_>, scope: &Scope) -> Result<Option<Stage>, PipelineError> {
    Ok(match &spec.deliver {
        DeliverSpec::None => None,
        DeliverSpec::Http(http) => Some(Stage::Http(Box::new(HttpDelivery::compile(http, scope, setting)?))),
        DeliverSpec::Store(store) => Some(Stage::Store(Box::new(StoreDelivery::compile(store, scope, setting)?))),
        DeliverSpec::Queue(queue) => Some(Stage::Queue(Box::new(QueueDelivery::compile(queue, scope, setting)?))),
    })
}
