//! Outcomes to files: those that an upload would have.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use filas_domain::clock::Timestamp;
use filas_domain::outcome::{Counts, OutcomeLine};
use filas_domain::record::Record;
use filas_domain::report::ResultFile;
use filas_pipeline::PipelineSpec;
use filas_results::workbook::{self, About};
use filas_results::{Columns, FailedRow, Source, Table, lines_of, source_of, text, with_record};
use serde_json::json;
use serde_json::value::RawValue;

use super::reading::Rows;

/// The file of what the pipeline keeps.
const RECORDS: &str = "records.ndjson";

/// Bytes of lines in one go.
const CHUNK_BYTES: u64 = 4 * 1024 * 1024;

/// Files under way.
pub struct Results {
    folder: PathBuf,
    outcomes: BufWriter<File>,
    counts: Counts,
    line: Vec<u8>,
}

impl Results {
    /// Begins the file of all outcomes; one of before is written over.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(folder: &Path) -> Result<Self> {
        let outcomes = create(&folder.join(ResultFile::Outcomes.name()))?;
        Ok(Self { folder: folder.to_path_buf(), outcomes, counts: Counts::default(), line: Vec::new() })
    }

    /// Rows so far.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Appends an outcome. They come in the order of the rows.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&mut self, line: &OutcomeLine) -> Result<()> {
        self.counts.count(line);
        line.write_to(&mut self.line);
        self.outcomes.write_all(&self.line).context("cannot write the outcomes")?;
        self.line.clear();
        Ok(())
    }

    /// Writes the other files from the outcomes and the rows, and says which there are.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn finish(mut self, rows: &Rows, spec: &PipelineSpec, records: &[Record]) -> Result<Vec<&'static str>> {
        self.outcomes.flush().context("cannot write the outcomes")?;
        let mut files = vec![ResultFile::Outcomes.name()];
        let columns = self.sort(rows, &mut files)?;
        if self.counts.failed > 0 {
            let formats = rows.columns.columns.iter();
            let formats = formats.filter_map(|column| Some((column.name.clone(), column.format.clone()?))).collect();
            let table = Table::new(columns, Source::of(Some(&rows.format)), &formats, Some(spec));
            self.failures(rows, &table, &mut files)?;
        }
        if !records.is_empty() {
            let mut out = create(&self.folder.join(RECORDS))?;
            for record in records {
                let kept: &RawValue = serde_json::from_str(&record.json)?;
                let line = json!({ "key": record.id.key, "row": record.source.row, "record": kept });
                writeln!(out, "{line}").context("cannot write the records")?;
            }
            out.flush().context("cannot write the records")?;
            files.push(RECORDS);
        }
        Ok(files)
    }

    fn path(&self, file: ResultFile) -> PathBuf {
        self.folder.join(file.name())
    }

    /// The outcomes of each kind, those that did not succeed with their records; gives the columns of the failed rows.
    fn sort(&self, rows: &Rows, files: &mut Vec<&'static str>) -> Result<Option<Vec<String>>> {
        let mut columns = Columns::of(Some(rows.columns.clone()));
        let begin = |file: ResultFile| create(&self.path(file));
        let mut succeeded = begin(ResultFile::Succeeded)?;
        let mut failed = begin(ResultFile::Failed)?;
        let mut unprocessed = begin(ResultFile::Unprocessed)?;
        let lines = BufReader::new(File::open(rows.file.path()).context("cannot read the rows again")?).split(b'\n');
        let mut sources = lines.map_while(Result::ok);
        let mut out = Vec::new();
        for line in BufReader::new(open(&self.path(ResultFile::Outcomes))?).split(b'\n') {
            let line = line.context("cannot read the outcomes")?;
            let outcome: OutcomeLine = serde_json::from_slice(&line)?;
            let source = sources.next().context("there is an outcome more than rows")?;
            out.clear();
            let file = match &outcome {
                OutcomeLine::Succeeded { .. } => {
                    out.extend_from_slice(&line);
                    out.push(b'\n');
                    &mut succeeded
                }
                not_done => {
                    let source = source_of(&mut std::iter::once(source.as_slice()).peekable(), not_done)?;
                    with_record(&mut out, &line, &source);
                    if let (OutcomeLine::Failed { .. }, Some(record)) = (not_done, source.record) {
                        columns.take(record.get())?;
                    }
                    if matches!(not_done, OutcomeLine::Failed { .. }) { &mut failed } else { &mut unprocessed }
                }
            };
            file.write_all(&out).context("cannot write the outcomes of a kind")?;
        }
        for mut file in [succeeded, failed, unprocessed] {
            file.flush().context("cannot write the outcomes of a kind")?;
        }
        files.extend([ResultFile::Succeeded, ResultFile::Failed, ResultFile::Unprocessed].map(ResultFile::name));
        Ok(columns.into_names())
    }

    /// The failed rows as they were, to be mended and run again.
    fn failures(&self, rows: &Rows, table: &Table, files: &mut Vec<&'static str>) -> Result<()> {
        for file in [ResultFile::Records, ResultFile::Csv].into_iter().filter(|file| table.fits(*file)) {
            let mut out = create(&self.path(file))?;
            let mut chunk = Vec::new();
            text::begin(&mut chunk, file, table);
            let mut lines = Chunks::open(&self.path(ResultFile::Failed))?;
            while let Some(failed) = lines.next()? {
                for line in lines_of(&failed) {
                    text::append(&mut chunk, file, table, FailedRow::read(line)?)?;
                }
                out.write_all(&chunk).with_context(|| format!("cannot write {}", file.name()))?;
                chunk.clear();
            }
            out.flush().with_context(|| format!("cannot write {}", file.name()))?;
            files.push(file.name());
        }
        if table.fits(ResultFile::Workbook) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let ended = Timestamp::from_millis(0).plus(now);
            let about = About::new(rows.filename.as_deref(), rows.sheet.as_deref(), ended)?;
            let mut lines = Chunks::open(&self.path(ResultFile::Failed))?;
            workbook::write(&self.path(ResultFile::Workbook), table, &about, || lines.next(), None)?;
            files.push(ResultFile::Workbook.name());
        }
        Ok(())
    }
}

/// A file of lines, some whole lines at a time.
struct Chunks(BufReader<File>);

impl Chunks {
    fn open(path: &Path) -> Result<Self> {
        Ok(Self(BufReader::new(open(path)?)))
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut chunk = Vec::new();
        self.0.by_ref().take(CHUNK_BYTES).read_to_end(&mut chunk).context("cannot read the failed outcomes")?;
        if chunk.last().is_some_and(|last| *last != b'\n') {
            self.0.read_until(b'\n', &mut chunk).context("cannot read the failed outcomes")?;
        }
        Ok((!chunk.is_empty()).then_some(chunk))
    }
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?))
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot read {}", path.display()))
}
