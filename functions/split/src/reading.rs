//! The file to one object of rows and the index of its batches.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use filas_domain::TaskId;
use filas_domain::keys::ObjectKey;
use filas_domain::limits::{BATCH_BYTES, BATCHES};
use filas_domain::plan::BatchIndex;
use filas_domain::ports::{ObjectReader, ObjectStream, ObjectWriter, PortError};
use filas_domain::report::{SourceColumn, SourceColumns};
use filas_domain::task::{Order, Reason};
use filas_domain::trace::TraceParent;
use filas_pipeline::catalogue;
use filas_sheets::child::{ReaderProgram, read_path};
use filas_sheets::{Format, ReadError, ReadOptions, ReadSummary, SheetChoice, SourceHint};
use tokio::sync::mpsc;

use crate::sink::{Cut, LineSink, Piece};

/// Chunks of lines that may wait for the upload.
const CHUNKS_WAITING: usize = 8;

/// What came of a file.
pub enum Read {
    /// Rows, stored with their index.
    Rows {
        /// The batches.
        index: BatchIndex,
        /// What the file turned out to be.
        format: Format,
        /// What caused the file to come, where whoever stored it said so.
        cause: Option<TraceParent>,
    },
    /// It cannot be turned into rows, and never will.
    Refused(Reason),
}

/// Reads the uploaded file of a task and stores its rows and their index. The same file always makes the same objects,
/// so it does no harm when a reader that was given up for dead goes on writing.
///
/// # Errors
/// When the machine is in trouble: it may work another time.
pub async fn read(
    objects: &(impl ObjectReader + ObjectWriter),
    id: TaskId,
    order: &Order,
    time: Duration,
) -> Result<Read, PortError> {
    let begun = Instant::now();
    let spec = catalogue::spec(objects, &order.owner, &order.pipeline).await?;
    let options = ReadOptions {
        sheet: order.sheet.as_deref().map(SheetChoice::from),
        header_row: spec.rows.header,
        deadline: Some(begun + time),
        ..ReadOptions::default()
    };
    let source = Scratch::new(id);
    let cause = objects.download(&ObjectKey::upload(id), &source.0).await?.trace;
    let cut = Cut { rows: order.batch_size, bytes: BATCH_BYTES };
    let key = spec.rows.key.clone();
    let read = transfer(objects, id, &source, hint_of(order), options.clone(), (cut, key)).await?;
    let (index, summary) = match read {
        Ok(read) => read,
        Err(reason) => return Ok(Read::Refused(reason)),
    };
    if index.batches.len() > BATCHES {
        let message = format!(
            "The file makes {} batches of {} rows, and a task has at most {BATCHES}. Upload it again with a larger \
             batch_size.",
            index.batches.len(),
            order.batch_size
        );
        return Ok(Read::Refused(Reason { code: "LIMIT_EXCEEDED".into(), message }));
    }
    let columns = source_columns(&source, hint_of(order), options, summary.columns).await;
    objects.put(&ObjectKey::columns(id), "application/json", columns).await?;
    objects.put(&ObjectKey::index(id), "application/json", index.to_json()).await?;
    Ok(Read::Rows { index, format: summary.format, cause })
}

fn hint_of(order: &Order) -> SourceHint {
    SourceHint { filename: order.filename.clone(), media_type: order.media_type.clone() }
}

/// The names of the columns with their number formats, as stored. The formats are for people: a file of which they cannot
/// be told is read all the same.
async fn source_columns(source: &Scratch, hint: SourceHint, options: ReadOptions, names: Vec<String>) -> Vec<u8> {
    let path = source.0.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::open(path).ok()?;
        filas_sheets::column_formats(&file, &hint, &options).ok()
    });
    let mut formats: BTreeMap<u32, String> = looked.await.ok().flatten().unwrap_or_default().into_iter().collect();
    let named = (0..).zip(names).map(|(position, name)| SourceColumn { name, format: formats.remove(&position) });
    let columns = SourceColumns { columns: named.collect() };
    // Writing to memory cannot fail, and the type has no key that is not text.
    serde_json::to_vec(&columns).unwrap_or_default()
}

/// Reads on a thread of its own and uploads here, each as fast as the other allows.
async fn transfer(
    objects: &impl ObjectWriter,
    id: TaskId,
    source: &Scratch,
    hint: SourceHint,
    options: ReadOptions,
    (cut, key): (Cut, Option<String>),
) -> Result<Result<(BatchIndex, ReadSummary), Reason>, PortError> {
    let operation = || format!("read the file of task {id}");
    let (sender, mut chunks) = mpsc::channel(CHUNKS_WAITING);
    let path = source.0.clone();
    let reader = tokio::task::spawn_blocking(move || {
        let mut sink = LineSink::new(cut, key, sender);
        // Some formats are read in a process of its own: a crash is then an outcome of the file.
        let summary = read_path(&path, &hint, &options, &ReaderProgram::this(), &mut sink)?;
        let operation = "pass on the last rows";
        let index = sink.finish().map_err(|source| ReadError::Machine { operation, source })?;
        Ok::<_, ReadError>((index, summary))
    });
    let key = ObjectKey::rows(id);
    let create = || objects.create(&key, "application/x-ndjson");
    let mut stream = create().await?;
    let mut uploaded = Ok(());
    while let Some(piece) = chunks.recv().await {
        match piece {
            Piece::Lines(lines) => uploaded = stream.append(lines).await,
            Piece::Anew => {
                // What was begun is swept up by the bucket's rule for unfinished uploads, if this fails.
                std::mem::replace(&mut stream, create().await?).abandon().await.ok();
            }
        }
        if uploaded.is_err() {
            // The reader notices at its next chunk.
            chunks.close();
            break;
        }
    }
    let read = reader.await.map_err(|error| PortError::transient(operation(), error))?;
    match (uploaded, read) {
        (Ok(()), Ok(read)) => stream.complete().await.map(|()| Ok(read)),
        (Ok(()), Err(ReadError::File(problem))) => {
            stream.abandon().await?;
            Ok(Err(Reason { code: problem.code.to_owned(), message: problem.to_string() }))
        }
        (Ok(()), Err(error @ ReadError::Machine { .. })) => {
            stream.abandon().await?;
            Err(PortError::transient(operation(), error))
        }
        (Err(error), _) => {
            // What was begun is swept up by the bucket's rule for unfinished uploads, if this fails as well.
            stream.abandon().await.ok();
            Err(error)
        }
    }
}

/// A file in the scratch space of the instance, gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(id: TaskId) -> Self {
        // The process id: on a laptop several instances share one folder.
        Self(std::env::temp_dir().join(format!("filas-{id}-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A file that is not there is gone as well.
        std::fs::remove_file(&self.0).ok();
    }
}
