//! `GET /v1/records/{pipeline}`: what `store` deliveries kept, each with its task and row.

use filas_domain::limits::{PAGE, PAGE_MAX};
use filas_domain::problem::Problem;
use filas_domain::record::{KEY_BYTES, Records};
use filas_domain::view::{Page, RecordView};
use filas_http::{Answer, Call, Refusal};

/// The longest name of a pipeline, in bytes.
const NAME_BYTES: usize = 64;

/// The caller's records of a pipeline by key. The cursor is the last key of the page, so that pages stay as they are while
/// records arrive. A pipeline that is gone, or never was, has those that it has.
///
/// # Errors
/// When the caller, or the store, is at fault.
pub async fn list(records: &impl Records, call: &Call, pipeline: &str) -> Result<Answer, Refusal> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if pipeline.is_empty() || pipeline.len() > NAME_BYTES || !pipeline.bytes().all(fits) {
        return Err(Problem::not_found("such pipeline").into());
    }
    let limit = call.number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE);
    let after = call.query("cursor");
    if after.as_ref().is_some_and(|after| !(1..=KEY_BYTES).contains(&after.len())) {
        return Err(Problem::unknown_cursor().into());
    }
    // One more than asked for tells whether there is another page.
    let mut found = records.list(&call.owner, pipeline, after.as_deref(), limit + 1).await?;
    let is_last = found.len() <= limit as usize;
    found.truncate(limit as usize);
    let next_cursor = found.last().filter(|_| !is_last).map(|record| record.id.key.clone());
    let items: Result<Vec<_>, _> = found.iter().map(RecordView::new).collect();
    Ok(Answer::json(200, &Page { items: items.map_err(Refusal::trouble)?, next_cursor }))
}
