//! Bounds on what a person may send to the API. The reader's own bounds are in `filas-sheets`.

use std::time::Duration;

/// The largest body of `POST /v1/tasks`, in bytes: API Gateway hands a function 6 MB, which is 4.5 MB before base64.
pub const DIRECT_UPLOAD_BYTES: u64 = 4_500_000;

/// The most records of a JSON array that is answered with a receipt for each; a file may have more.
pub const RECORDS: usize = 10_000;

/// The largest file, in bytes.
pub const UPLOAD_BYTES: u64 = 512 * 1024 * 1024;

/// How long a presigned request is good for.
pub const PRESIGNED_FOR: Duration = Duration::from_secs(15 * 60);

/// Rows in a batch, unless asked otherwise.
pub const BATCH_ROWS: u32 = 1000;

/// The most rows that may be asked for in a batch.
pub const BATCH_ROWS_MAX: u32 = 10_000;

/// The most batches of a task.
pub const BATCHES: usize = 100_000;

/// The most bytes of row lines in a batch, unless a single line is longer.
pub const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// The longest pipeline file, in bytes.
pub const PIPELINE_BYTES: usize = 64 * 1024;

/// Rows that a dry run takes, unless asked otherwise.
pub const CHECK_ROWS: u32 = 100;

/// The most rows that a dry run takes.
pub const CHECK_ROWS_MAX: u32 = 1000;

/// How long an idempotency key is remembered.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a task is kept.
pub const TASK_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The longest file name, in bytes.
pub const FILENAME_BYTES: usize = 255;

/// The longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES: usize = 255;

/// Things on a page, unless asked otherwise.
pub const PAGE: u32 = 50;

/// The most things on a page.
pub const PAGE_MAX: u32 = 500;

/// Requests of an owner in a minute, unless the installation says otherwise.
pub const REQUESTS_PER_MINUTE: u32 = 6000;

/// Tasks of an owner that have not ended, unless the installation says otherwise.
pub const OPEN_TASKS: u32 = 1000;
