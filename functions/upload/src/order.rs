//! What a person asks for, checked before anything is stored.

use filas_domain::limits::{BATCH_ROWS, BATCH_ROWS_MAX, IDEMPOTENCY_KEY_BYTES, UPLOAD_BYTES};
use filas_domain::problem::Problem;
use filas_domain::task::Order;
use filas_domain::view::UploadRequest;
use filas_domain::{Owner, PipelineRef};
use filas_http::{Call, plain};
use filas_pipeline::shipped;

/// The body of `POST /v1/uploads`, and the query of `POST /v1/tasks`.
#[derive(Debug)]
pub struct Wish {
    /// The pipeline's name.
    pub pipeline: String,
    /// The file's name.
    pub filename: Option<String>,
    /// The file's media type.
    pub media_type: Option<String>,
    /// The file's size in bytes.
    pub size: u64,
    /// A sheet's name or number.
    pub sheet: Option<String>,
    /// Rows in a batch.
    pub batch_size: Option<u32>,
}

impl From<UploadRequest> for Wish {
    fn from(request: UploadRequest) -> Self {
        let UploadRequest { pipeline, filename, media_type, size, sheet, batch_size } = request;
        Self { pipeline, filename, media_type, size, sheet, batch_size }
    }
}

impl Wish {
    /// The wish in the query of `POST /v1/tasks`, for a body of its size.
    ///
    /// # Errors
    /// When something is missing or out of range.
    pub fn in_query(call: &Call) -> Result<Self, Problem> {
        Ok(Self {
            pipeline: call.query("pipeline").filter(|name| !name.is_empty()).ok_or_else(|| {
                let names: Vec<&str> = shipped::all().iter().map(|shipped| shipped.name).collect();
                Problem::bad_request(format!(
                    "Say what to do with the rows: ?pipeline=NAME, one of your own or of {}.",
                    names.join(", ")
                ))
            })?,
            filename: call.query("filename"),
            media_type: call.header("content-type").map(str::to_owned),
            size: call.body().len() as u64,
            sheet: call.query("sheet"),
            batch_size: call.number("batch_size", 1..=BATCH_ROWS_MAX)?,
        })
    }

    /// The order under this version of the pipeline, if it can be carried out.
    ///
    /// # Errors
    /// When something is out of range.
    pub fn order(self, owner: Owner, pipeline: PipelineRef) -> Result<Order, Problem> {
        let batch_size = self.batch_size.unwrap_or(BATCH_ROWS);
        if !(1..=BATCH_ROWS_MAX).contains(&batch_size) {
            return Err(Problem::bad_request(format!("batch_size is a whole number from 1 to {BATCH_ROWS_MAX}.")));
        }
        if self.size > UPLOAD_BYTES {
            return Err(Problem::too_large(format!("A file has at most {UPLOAD_BYTES} bytes.")));
        }
        for (name, text) in [("filename", &self.filename), ("media_type", &self.media_type), ("sheet", &self.sheet)] {
            plain(name, text.as_deref())?;
        }
        Ok(Order {
            owner,
            pipeline,
            filename: self.filename,
            media_type: self.media_type,
            size: self.size,
            sheet: self.sheet,
            batch_size,
        })
    }
}

/// The caller's `Idempotency-Key`, if there is one.
///
/// # Errors
/// When it is empty or too long, or not printable.
pub fn idempotency_key(call: &Call) -> Result<Option<String>, Problem> {
    let Some(key) = call.header("idempotency-key") else { return Ok(None) };
    let is_plain = key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES || !is_plain {
        let detail = format!("Idempotency-Key has 1 to {IDEMPOTENCY_KEY_BYTES} printable ASCII characters.");
        return Err(Problem::bad_request(detail));
    }
    Ok(Some(key.to_owned()))
}
