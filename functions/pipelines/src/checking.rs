//! `POST /v1/pipelines/{name}/check`: the first rows of a file through everything but the delivery.

use std::time::{Duration, Instant};

use filas_domain::limits::{CHECK_ROWS, CHECK_ROWS_MAX, DIRECT_UPLOAD_BYTES};
use filas_domain::own_pipeline::PipelineRegister;
use filas_domain::ports::{Clock, ObjectReader, ObjectWriter};
use filas_domain::problem::Problem;
use filas_domain::row_line;
use filas_http::{Answer, Call, Refusal};
use filas_pipeline::check::{Report, check};
use filas_pipeline::{Pipeline, PipelineSpec, RowContext, SourceRow, parse};
use filas_sheets::child::ReaderProgram;
use filas_sheets::{FirstRows, ReadError, ReadOptions, SheetChoice, SourceHint, first_rows};
use serde::Serialize;

use crate::handler::{PipelineCalls, unusable};

/// API Gateway gives up after 29 seconds; these leave it a few.
const TIME: Duration = Duration::from_secs(24);

/// What a dry run found, and of how much of the file.
#[derive(Serialize)]
struct Checked {
    /// The version that ran.
    version: String,
    /// Whether the file has more rows than these.
    has_more: bool,
    #[serde(flatten)]
    report: Report,
}

impl<R, O, C> PipelineCalls<R, O, C>
where
    R: PipelineRegister,
    O: ObjectReader + ObjectWriter,
    C: Clock,
{
    /// The body is a file, or rows that were read from one, as lines of a rows object.
    pub(crate) async fn check(&self, call: &Call, name: &str) -> Result<Answer, Refusal> {
        let begun = Instant::now();
        let wanted = call.number("rows", 1..=CHECK_ROWS_MAX)?.unwrap_or(CHECK_ROWS) as usize;
        let reference = self.asked(call, name).await?;
        let spec = parse(&self.text(call, &reference).await?).map_err(|error| unusable(&error))?;
        let services = self.services.for_owner(call.owner.clone());
        let pipeline = Pipeline::compile_with(&spec, &self.variables, &services).map_err(|error| unusable(&error))?;
        let (rows, has_more) = rows_of(call, &spec, wanted, begun + TIME / 2).await?;
        // Nothing is delivered, and so nothing is named after it.
        let context = RowContext { task: "check".to_owned(), trace: call.trace(), deadline: (begun + TIME).into() };
        let report = check(&pipeline, rows, &context).await;
        Ok(Answer::json(200, &Checked { version: reference.version, has_more, report }))
    }
}

async fn rows_of(
    call: &Call,
    spec: &PipelineSpec,
    wanted: usize,
    deadline: Instant,
) -> Result<(Vec<SourceRow>, bool), Refusal> {
    let body = call.body().to_vec();
    if body.len() as u64 > DIRECT_UPLOAD_BYTES {
        let detail =
            format!("This call takes at most {DIRECT_UPLOAD_BYTES} bytes. `filas check` sends the first rows alone.");
        return Err(Problem::too_large(detail).into());
    }
    if call.header("content-type").is_some_and(|media_type| media_type.starts_with(row_line::MEDIA_TYPE)) {
        return Ok(parsed(&body, wanted)?);
    }
    let hint =
        SourceHint { filename: call.plain("filename")?, media_type: call.header("content-type").map(str::to_owned) };
    let options = ReadOptions {
        sheet: call.plain("sheet")?.as_deref().map(SheetChoice::from),
        header_row: spec.rows.header,
        deadline: Some(deadline),
        ..ReadOptions::default()
    };
    let first = tokio::task::spawn_blocking(move || read(&body, &hint, &options, wanted)).await;
    let first = first.map_err(Refusal::trouble)?.map_err(|error| match error.problem() {
        Some(problem) => Problem::unprocessable(
            "unreadable-file",
            "The file cannot be read",
            format!("{}: {problem}.", problem.code),
        )
        .into(),
        None => Refusal::trouble(error),
    })?;
    let (rows, _) = parsed(&first.lines, wanted)?;
    Ok((rows, first.has_more))
}

fn read(body: &[u8], hint: &SourceHint, options: &ReadOptions, wanted: usize) -> Result<FirstRows, ReadError> {
    let machine = |source| ReadError::Machine { operation: "keep the file while it is read", source };
    let file = tempfile::NamedTempFile::new().map_err(machine)?;
    std::fs::write(file.path(), body).map_err(machine)?;
    first_rows(file.path(), hint, options, &ReaderProgram::this(), wanted)
}

fn parsed(lines: &[u8], wanted: usize) -> Result<(Vec<SourceRow>, bool), Problem> {
    let mut lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let rows = lines.by_ref().take(wanted).map(|line| {
        SourceRow::parse(line).map_err(|error| {
            Problem::bad_request(format!("A line is no row such as {{\"row\":2,\"record\":{{…}}}}: {error}."))
        })
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok((rows, lines.next().is_some()))
}
