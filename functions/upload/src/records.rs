//! A JSON array of records as the body of `POST /v1/tasks`: each gets its receipt at once, and one that breaks the
//! pipeline's schema is told so in its place. It goes the way of the others all the same, and fails there for that reason.

use filas_domain::TaskId;
use filas_domain::ids::{Receipt, RowNumber};
use filas_domain::limits::{FILENAME_BYTES, RECORDS};
use filas_domain::problem::Problem;
use filas_domain::view::ReceiptView;
use filas_http::Call;
use filas_pipeline::{Pipeline, SourceRow};
use serde_json::value::RawValue;

/// The media type of an array.
pub const MEDIA_TYPE: &str = "application/json";

/// Media types that say nothing: what clients send when they are told nothing.
const SAYS_NOTHING: [&str; 2] = ["application/octet-stream", "application/x-www-form-urlencoded"];

/// How much may be said of the bad records of one array, in bytes: an answer has at most 6 MB.
const REASONS_BYTES: usize = 2_500_000;

/// Whether the body is an array of records: JSON without a filename. With one it is a file, which gets no receipts.
pub fn are_in(call: &Call) -> bool {
    call.query("filename").is_none()
        && (is_declared(call) || (SAYS_NOTHING.contains(&declared(call).as_str()) && begins(call) == Some(&b'[')))
}

/// Whether the body is declared as JSON and is anything but an array: no file of JSON is another thing.
pub fn are_missing(call: &Call) -> bool {
    is_declared(call) && begins(call) != Some(&b'[')
}

fn is_declared(call: &Call) -> bool {
    declared(call) == MEDIA_TYPE
}

fn declared(call: &Call) -> String {
    let declared = call.header("content-type").unwrap_or(SAYS_NOTHING[0]);
    declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn begins(call: &Call) -> Option<&u8> {
    call.body().iter().find(|byte| !byte.is_ascii_whitespace())
}

/// The elements of the array.
///
/// # Errors
/// When it is no array, or has more records than are answered with receipts.
pub fn read(body: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    let elements: Vec<&RawValue> = serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request(format!("The body is to be a JSON array of records: {error}.")))?;
    if elements.len() > RECORDS {
        return Err(Problem::too_large(format!(
            "An array has at most {RECORDS} records, and this one has {}. Send more as a file: with ?filename=NAME.json \
             (at most {FILENAME_BYTES} bytes) there are no receipts and no such limit.",
            elements.len()
        )));
    }
    Ok(elements)
}

/// A receipt for each record, in order.
pub fn receipts(task: TaskId, records: &[&RawValue], pipeline: &Pipeline) -> Vec<ReceiptView> {
    let mut reasons_left = REASONS_BYTES;
    let rows = (1..).map(RowNumber::new);
    let receipt = |(row, record): (RowNumber, &&RawValue)| {
        let failure = pipeline.validate(SourceRow::of_element(row, record.get()));
        let failure = failure.map(|mut failure| {
            match reasons_left.checked_sub(failure.message.len()) {
                Some(left) => reasons_left = left,
                None => failure.message = "Ask for the receipt to see what is wrong.".to_owned(),
            }
            failure
        });
        ReceiptView::new(Receipt { task, row }, failure)
    };
    rows.zip(records).map(receipt).collect()
}
