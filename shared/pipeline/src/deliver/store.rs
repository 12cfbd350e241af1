//! The `deliver.store` stage: one row into the records, once for each key.

use filas_domain::ids::{Owner, Receipt};
use filas_domain::outcome::Stage as StageName;
use filas_domain::record::{KEY_BYTES, RECORD_BYTES, Record, RecordId, Stored};
use tokio::time::{Instant, timeout_at};

use super::content::Content;
use crate::compute::{Placeholder, Scope};
use crate::error::PipelineError;
use crate::outbound::back_off;
use crate::rate::wait_until;
use crate::services::{Services, Setting, interrupted};
use crate::spec::StoreSpec;
use crate::stage::{Interrupted, RowContext, RowValues, Step};

/// Rows under way at once in one worker.
const CONCURRENCY: usize = 32;

/// A delivery into the records.
#[derive(Debug)]
pub(crate) struct StoreDelivery {
    pipeline: String,
    key: Placeholder,
    record: Content,
    services: Services,
}

impl StoreDelivery {
    /// Checks everything that does not depend on the row.
    pub(crate) fn compile(spec: &StoreSpec, scope: &Scope, setting: &Setting<'_>) -> Result<Self, PipelineError> {
        let no_key =
            || PipelineError::invalid("deliver.store", "name the column that tells records apart: `rows: { key: … }`");
        let key = setting.key.ok_or_else(no_key)?;
        Ok(Self {
            pipeline: setting.pipeline.to_owned(),
            key: Placeholder::compile(&format!("row.{key}"), scope, "rows.key")?,
            record: Content::compile(spec.record.as_deref(), scope, "deliver.store.record")?,
            services: setting.services.clone(),
        })
    }

    /// Rows under way at once in one worker.
    pub(crate) fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    /// Stores the row. The same row coming twice is a success; another row with its key fails.
    pub(crate) async fn run(&self, values: &mut RowValues, context: &RowContext) -> Result<Step, Interrupted> {
        let source = source(values, context)?;
        let record = match self.record(self.services.owner()?, source, values) {
            Ok(record) => record,
            Err(failed) => return Ok(failed),
        };
        Ok(match self.keep(&record, context.deadline).await? {
            Stored::Kept => Step::Continue,
            Stored::TakenBy(first) => duplicate(&record.id.key, source, first),
        })
    }

    fn record(&self, owner: &Owner, source: Receipt, values: &RowValues) -> Result<Record, Step> {
        let name = self.key.name();
        let fail = |code: &str, message: String| Step::fail(StageName::Deliver, code, message);
        let key = self
            .key
            .text(values)
            .map_err(|_| fail("INVALID_KEY", format!("{name}: the record's key is empty, or no text")))?;
        if key.len() > KEY_BYTES {
            return Err(fail(
                "INVALID_KEY",
                format!("{name}: a record's key may have {KEY_BYTES} bytes, this has {}", key.len()),
            ));
        }
        let json = String::from_utf8(self.record.json(values)?);
        let json = json.map_err(|_| fail("EXPRESSION_FAILED", "the record is no text".to_owned()))?;
        if json.len() > RECORD_BYTES {
            return Err(fail(
                "RECORD_TOO_LARGE",
                format!("a record may have {RECORD_BYTES} bytes, this has {}", json.len()),
            ));
        }
        let id = RecordId { owner: owner.clone(), pipeline: self.pipeline.clone(), key };
        Ok(Record { id, source, stored: self.services.now(), json })
    }

    /// Stores the record, again while the trouble may pass and there is time.
    async fn keep(&self, record: &Record, deadline: Instant) -> Result<Stored, Interrupted> {
        let mut failures = 0;
        loop {
            let error = match timeout_at(deadline, self.services.keep(record)).await {
                Err(_) => return Err(Interrupted::OutOfTime),
                Ok(Ok(stored)) => return Ok(stored),
                Ok(Err(error)) => error,
            };
            if !error.is_transient() {
                return Err(interrupted(&error));
            }
            failures += 1;
            let next = Instant::now().checked_add(back_off(failures, None));
            wait_until(next, deadline).await.map_err(|_| interrupted(&error))?;
        }
    }
}

/// The row that a record is made of.
fn source(values: &RowValues, context: &RowContext) -> Result<Receipt, Interrupted> {
    let task = context.task.parse();
    let task = task.map_err(|error| Interrupted::Fault(format!("a record needs its task: {error}")))?;
    Ok(Receipt { task, row: values.number })
}

fn duplicate(key: &str, source: Receipt, first: Receipt) -> Step {
    let shown = crate::text::shown_value(&key.into());
    let whose = match first.task == source.task {
        true => format!("row {} of this task", first.row),
        false => format!("row {} of task {}", first.row, first.task),
    };
    Step::fail(StageName::Deliver, "DUPLICATE_KEY", format!("the key {shown} was stored before, by {whose}"))
}
