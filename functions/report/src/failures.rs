//! The files of failed rows, written from the file of failed outcomes.

use std::io::{BufRead, BufReader, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use filas_domain::ports::{Clock, ObjectReader, ObjectStream, ObjectWriter, TaskCatalogue, TaskLedger};
use filas_domain::report::ResultFile;
use filas_domain::task::Task;
use filas_results::workbook::About;
use filas_results::{FailedRow, Table, lines_of, text, workbook};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::job::{Job, Verdict};
use crate::lines::Lines;

/// Bytes that go to the store in one go.
const PIECE_BYTES: usize = 4 * 1024 * 1024;

/// Kept back for compressing the sheet and storing the workbook: the largest takes about half of it.
const TIME_TO_SAVE: Duration = Duration::from_secs(90);

/// Less time than this is not worth beginning with.
const TIME_TO_BEGIN: Duration = Duration::from_secs(120);

impl<L, O, C> Job<'_, L, O, C>
where
    L: TaskLedger + TaskCatalogue,
    O: ObjectReader + ObjectWriter,
    C: Clock,
{
    /// Writes the failed rows as csv or as records, or says why not.
    pub(crate) async fn write_text(&self, file: ResultFile, table: &Table) -> Result<Result<(), Verdict>> {
        let mut lines = Lines::open(self.objects, self.key(ResultFile::Failed)).await?;
        let mut stream = self.objects.create(&self.key(file), file.media_type()).await?;
        match self.append_text(&mut lines, &mut stream, file, table).await {
            Ok(true) => self.complete(stream).await,
            ended => {
                // What was begun is swept up by the bucket's rule for unfinished uploads, if this fails as well.
                stream.abandon().await.ok();
                ended.map(|_| Err(Verdict::OutOfTime))
            }
        }
    }

    /// Appends every row; false when the time is up.
    async fn append_text(
        &self,
        lines: &mut Lines<'_, O>,
        stream: &mut impl ObjectStream,
        file: ResultFile,
        table: &Table,
    ) -> Result<bool> {
        let mut out = Vec::new();
        text::begin(&mut out, file, table);
        while let Some(chunk) = lines.next().await? {
            for line in lines_of(&chunk) {
                text::append(&mut out, file, table, FailedRow::read(line)?)?;
            }
            stream.append(std::mem::take(&mut out)).await?;
            if self.is_late() {
                return Ok(false);
            }
        }
        if !out.is_empty() {
            stream.append(out).await?;
        }
        Ok(true)
    }

    /// Writes the workbook and says how many rows it has, or why it is not written. It ends early when it would be larger
    /// than a workbook can be, or than there is time for in a whole invocation.
    pub(crate) async fn write_workbook(&self, task: &Task, table: &Table) -> Result<Result<u64, Verdict>> {
        let left = self.time_left();
        if left < self.at_most(TIME_TO_BEGIN, 50) {
            return Ok(Err(Verdict::OutOfTime));
        }
        let until = Instant::now() + left.saturating_sub(self.at_most(TIME_TO_SAVE, 30));
        let (order, ended) = (&task.head.order, task.head.finished.unwrap_or(task.head.updated));
        let about = About::new(order.filename.as_deref(), order.sheet.as_deref(), ended)?;
        // The rows come to this machine first: nobody who writes on a thread of its own waits for the store meanwhile.
        let mut spool = tempfile::tempfile().context("make a temporary file")?;
        let mut lines = Lines::open(self.objects, self.key(ResultFile::Failed)).await?;
        while let Some(chunk) = lines.next().await? {
            spool.write_all(&chunk).context("keep the failed rows")?;
        }
        spool.rewind().context("keep the failed rows")?;
        let path = tempfile::NamedTempFile::new().context("make a temporary file")?.into_temp_path();
        let (target, table) = (path.to_path_buf(), table.clone());
        let writer = tokio::task::spawn_blocking(move || {
            let mut rows = BufReader::new(spool);
            workbook::write(&target, &table, &about, || next_lines(&mut rows), Some(until))
        });
        let rows = writer.await.context("write the workbook")??;
        Ok(self.store_file(&path).await?.map(|()| rows))
    }

    async fn store_file(&self, path: &Path) -> Result<Result<(), Verdict>> {
        let file = ResultFile::Workbook;
        let mut stream = self.objects.create(&self.key(file), file.media_type()).await?;
        match copy(path, &mut stream).await {
            Ok(()) => self.complete(stream).await,
            Err(error) => {
                // What was begun is swept up by the bucket's rule for unfinished uploads, if this fails as well.
                stream.abandon().await.ok();
                Err(error)
            }
        }
    }
}

/// Some whole lines; `None` after the last.
fn next_lines(rows: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut lines = Vec::new();
    rows.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut lines).context("read the failed rows")?;
    if lines.last().is_some_and(|last| *last != b'\n') {
        rows.read_until(b'\n', &mut lines).context("read the failed rows")?;
    }
    Ok((!lines.is_empty()).then_some(lines))
}

async fn copy(path: &Path, stream: &mut impl ObjectStream) -> Result<()> {
    let mut file = File::open(path).await.context("open the workbook")?;
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let read = (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).await.context("read the workbook")?;
        if read == 0 {
            return Ok(());
        }
        stream.append(piece).await?;
    }
}
