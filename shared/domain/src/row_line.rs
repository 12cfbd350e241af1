//! The lines of a rows object: every row of a file once, as one JSON object.

use serde::Serialize;
use serde_json::value::RawValue;

/// The media type of such lines, where they are sent.
pub const MEDIA_TYPE: &str = "application/vnd.filas.rows+ndjson";

#[derive(Serialize)]
struct BadRow<'a> {
    row: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a RawValue>,
    error: BadRowError<'a>,
}

#[derive(Serialize)]
struct BadRowError<'a> {
    code: &'a str,
    message: &'a str,
}

/// Appends the line of a row that was read. `record` is its cells as one JSON object without a newline.
pub fn append(out: &mut Vec<u8>, row: u32, record: &[u8]) {
    out.extend_from_slice(b"{\"row\":");
    out.extend_from_slice(itoa::Buffer::new().format(row).as_bytes());
    out.extend_from_slice(b",\"record\":");
    out.extend_from_slice(record);
    out.extend_from_slice(b"}\n");
}

/// Appends the line of a row that is not to be processed: a code in SCREAMING_SNAKE, and a message for a person. `record`
/// is its cells, where they could be read.
///
/// # Errors
/// When `record` is no JSON.
pub fn append_bad(
    out: &mut Vec<u8>,
    row: u32,
    record: Option<&[u8]>,
    code: &str,
    message: &str,
) -> serde_json::Result<()> {
    let record = record.map(serde_json::from_slice).transpose()?;
    serde_json::to_writer(&mut *out, &BadRow { row, record, error: BadRowError { code, message } })?;
    out.push(b'\n');
    Ok(())
}
