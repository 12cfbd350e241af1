//! The `deliver.queue` stage: one row as a message to a queue of the user's.

mod batcher;

use filas_domain::outcome::Stage as StageName;
use filas_domain::row_queue::{CALL_BYTES, RowMessage};
use reqwest::Url;

use super::content::Content;
use crate::compute::Scope;
use crate::error::PipelineError;
use crate::services::Setting;
use crate::spec::QueueSpec;
use crate::stage::{Interrupted, RowContext, RowValues, Step};
use batcher::Batcher;

const PLACE: &str = "deliver.queue.url";

/// Rows under way at once in one worker: a few calls of ten messages.
const CONCURRENCY: usize = 40;

/// What a message has beside its body, in bytes: attribute names, types and the key.
const ATTRIBUTES_BYTES: usize = 512;

/// A delivery to a queue.
#[derive(Debug)]
pub(crate) struct QueueDelivery {
    body: Content,
    batcher: Batcher,
}

impl QueueDelivery {
    /// Checks everything that does not depend on the row.
    pub(crate) fn compile(spec: &QueueSpec, scope: &Scope, setting: &Setting<'_>) -> Result<Self, PipelineError> {
        let url = setting.variables.fill_in(&spec.url, PLACE)?;
        let has_host = Url::parse(&url).is_ok_and(|url| url.has_host() && matches!(url.scheme(), "http" | "https"));
        if !has_host || url.contains('{') {
            return Err(PipelineError::invalid(PLACE, "expected the URL of a queue, the same for every row"));
        }
        let body = Content::compile(spec.body.as_deref(), scope, "deliver.queue.body")?;
        Ok(Self { body, batcher: Batcher::new(url, setting.services.clone()) })
    }

    /// Rows under way at once in one worker.
    pub(crate) fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    /// Sends the row, together with others that are under way.
    pub(crate) async fn run(&self, values: &mut RowValues, context: &RowContext) -> Result<Step, Interrupted> {
        let body = match self.body.json(values) {
            Ok(body) => body,
            Err(failed) => return Ok(failed),
        };
        let Ok(body) = String::from_utf8(body) else {
            return Ok(Step::fail(StageName::Deliver, "EXPRESSION_FAILED", "the message is no text"));
        };
        if body.len() + ATTRIBUTES_BYTES > CALL_BYTES {
            let most = CALL_BYTES - ATTRIBUTES_BYTES;
            let message = format!("a message may have {most} bytes, this has {}", body.len());
            return Ok(Step::fail(StageName::Deliver, "MESSAGE_TOO_LARGE", message));
        }
        let idempotency_key = context.idempotency_key(values.number);
        let message = RowMessage { idempotency_key, trace: context.trace, body };
        match self.batcher.send(message, context.deadline).await? {
            Ok(()) => Ok(Step::Continue),
            Err(rejected) => {
                let message = format!("the queue refused it: {}: {}", rejected.code, rejected.message);
                Ok(Step::fail(StageName::Deliver, "QUEUE_REFUSED", message))
            }
        }
    }
}
