//! The files of a task that has ended: the API points to a signed address, the storage has the bytes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use filas_domain::ids::TaskId;
use ureq::Body;
use ureq::http::Response;

use super::Client;
use super::error::{ClientError, Next};
use super::exchange::{accepted, no_answer, storage};
use crate::progress::Progress;

/// How long files are waited for that are still being written. A million rows take a minute or two.
const WRITTEN_WITHIN: Duration = Duration::from_secs(15 * 60);

/// The kind of problem that says so.
const NOT_READY: &str = "/problems/not-ready";

/// How the failed rows are to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailuresFormat {
    /// A workbook, with a note on each cell that is to blame.
    #[default]
    Xlsx,
    /// Text.
    Csv,
    /// Records.
    Ndjson,
}

impl FailuresFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Xlsx, Self::Csv, Self::Ndjson];

    /// The name, which is also the extension.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

/// A file of a task on its way.
pub struct Download {
    reader: Box<dyn Read>,
    /// How many bytes there will be, if that was told.
    pub size: Option<u64>,
    place: String,
}

impl Client {
    /// The outcomes of a finished task: NDJSON, a line a row, in the order of the file.
    ///
    /// # Errors
    /// See [`ClientError`]; a task that has no results yet is a problem in the API's words.
    pub fn results(&self, id: TaskId, progress: &mut dyn Progress) -> Result<Download, ClientError> {
        self.patience.attempt(progress, |progress| self.file_once(&results_of(id), progress))
    }

    /// Writes the outcomes of a finished task to `path` and says how many bytes they have. The file is there only once
    /// it is whole.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn save_results(&self, id: TaskId, path: &Path, progress: &mut dyn Progress) -> Result<u64, ClientError> {
        self.save(&results_of(id), path, progress)
    }

    /// The failed rows of a finished task as they were, with what was wrong with each: to be mended and uploaded again.
    ///
    /// # Errors
    /// See [`ClientError`]; a task of which no row failed has no such file.
    pub fn failures(
        &self,
        id: TaskId,
        format: FailuresFormat,
        progress: &mut dyn Progress,
    ) -> Result<Download, ClientError> {
        self.patience.attempt(progress, |progress| self.file_once(&failures_of(id, format), progress))
    }

    /// Writes the failed rows of a finished task to `path` and says how many bytes that were. The file is there only once
    /// it is whole.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn save_failures(
        &self,
        id: TaskId,
        format: FailuresFormat,
        path: &Path,
        progress: &mut dyn Progress,
    ) -> Result<u64, ClientError> {
        self.save(&failures_of(id, format), path, progress)
    }

    fn save(&self, file: &str, path: &Path, progress: &mut dyn Progress) -> Result<u64, ClientError> {
        let cannot = |source| ClientError::file("write", path, source);
        // A pipe or a device is written to, not replaced.
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let mut out = File::options().write(true).open(path).map_err(cannot)?;
            let download = self.patience.attempt(progress, |progress| self.file_once(file, progress));
            return download?.copy_to(&mut out, progress)?.map_err(cannot);
        }
        self.patience.attempt(progress, |progress| {
            let mut download = self.file_once(file, progress)?;
            let mut part = beside(path).map_err(cannot)?;
            let bytes = download.copy_to(part.as_file_mut(), progress)?.map_err(cannot)?;
            part.persist(path).map_err(|error| cannot(error.error))?;
            Ok(bytes)
        })
    }

    /// The file at this place of the API, once it is written.
    fn file_once(&self, file: &str, progress: &mut dyn Progress) -> Result<Download, ClientError> {
        let begun = Instant::now();
        loop {
            let error = match self.file_now(file) {
                Err(error) if is_not_ready(&error) => error,
                ended => return ended,
            };
            let pause = match error.next() {
                Next::Wait(wait) => wait.min(self.patience.longest_wait),
                _ => self.patience.first_pause,
            };
            if begun.elapsed() + pause > WRITTEN_WITHIN {
                return Err(error);
            }
            progress.retrying(&error, pause);
            std::thread::sleep(pause);
        }
    }

    fn file_now(&self, file: &str) -> Result<Download, ClientError> {
        let url = format!("{}{file}", self.root);
        let request = self.transport.agent(&url).get(&url).header("authorization", &self.authorization);
        let answer = accepted(request.call(), &self.place())?;
        let Some(location) = answer.headers().get("location").and_then(|value| value.to_str().ok()) else {
            return Ok(Download::new(answer, self.place()));
        };
        let signed = if location.starts_with('/') { format!("{}{location}", self.root) } else { location.to_owned() };
        let place = storage(&signed);
        let answer = accepted(self.transport.agent(&signed).get(&signed).call(), &place)?;
        Ok(Download::new(answer, place))
    }
}

fn results_of(id: TaskId) -> String {
    format!("/v1/tasks/{id}/results")
}

fn failures_of(id: TaskId, format: FailuresFormat) -> String {
    format!("/v1/tasks/{id}/failures?format={}", format.as_str())
}

fn is_not_ready(error: &ClientError) -> bool {
    matches!(error, ClientError::Problem { problem, .. } if problem.kind == NOT_READY)
}

impl Download {
    fn new(answer: Response<Body>, place: String) -> Self {
        let size = answer.body().content_length();
        let reader = answer.into_body().into_with_config().limit(u64::MAX).reader();
        Self { reader: Box::new(reader), size, place }
    }

    /// Copies everything to `out` and says how many bytes that were. Trouble with `out` is the inner error.
    ///
    /// # Errors
    /// When the bytes stop before their end.
    pub fn copy_to(
        &mut self,
        out: &mut dyn Write,
        progress: &mut dyn Progress,
    ) -> Result<io::Result<u64>, ClientError> {
        let mut buffer = vec![0; 64 * 1024];
        let mut copied = 0;
        loop {
            let count = match self.reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(no_answer(&self.place, ureq::Error::from(error))),
            };
            if let Err(error) = out.write_all(&buffer[..count]) {
                return Ok(Err(error));
            }
            copied += count as u64;
            if let Some(size) = self.size {
                progress.received(copied, size);
            }
        }
        if self.size.is_some_and(|size| size != copied) {
            let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "the answer ended early");
            return Err(no_answer(&self.place, ureq::Error::Io(cut)));
        }
        Ok(out.flush().map(|()| copied))
    }
}

/// A new file in the folder of `path`, to be given its name when it is whole.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".filas-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any other file of this person; the umask takes away what is not to be.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
