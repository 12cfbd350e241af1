//! A file in: with the request itself when it is small enough, by a presigned request when it is not.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use filas_domain::limits;
use filas_domain::task::TaskState;
use filas_domain::view::TaskView;
use serde::{Deserialize, Serialize};
use ureq::SendBody;
use ureq::http::Request;
use uuid::Uuid;

use super::Client;
use super::error::ClientError;
use super::exchange::{accepted, no_answer, storage};
use crate::progress::Progress;

/// A file, and what is to be done with it.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The file.
    pub path: PathBuf,
    /// The pipeline's name.
    pub pipeline: String,
    /// The sheet: a name or a number from 1; the first visible one unless given.
    pub sheet: Option<String>,
    /// Rows in a batch.
    pub batch_size: Option<u32>,
    /// Makes the upload safe to repeat; random unless given.
    pub idempotency_key: Option<String>,
    /// Up to this many bytes the file goes with the request itself.
    pub direct_up_to: u64,
}

impl Upload {
    /// An upload as usual.
    pub fn new(path: impl Into<PathBuf>, pipeline: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            pipeline: pipeline.into(),
            sheet: None,
            batch_size: None,
            idempotency_key: None,
            direct_up_to: limits::DIRECT_UPLOAD_BYTES,
        }
    }

    fn filename(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn media_type(&self) -> &'static str {
        media_type(&self.path)
    }
}

/// The media type that goes with the ending of the name.
fn media_type(path: &Path) -> &'static str {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match ending.as_str() {
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "xlsb" => "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
        "xls" => "application/vnd.ms-excel",
        "ods" => "application/vnd.oasis.opendocument.spreadsheet",
        "csv" => "text/csv",
        "tsv" => "text/tab-separated-values",
        "ndjson" | "jsonl" => "application/x-ndjson",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

/// The body of `POST /v1/uploads`.
#[derive(Serialize)]
struct Announcement<'a> {
    filename: String,
    size: u64,
    pipeline: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sheet: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_size: Option<u32>,
    media_type: &'static str,
}

/// The answer of `POST /v1/uploads`.
#[derive(Deserialize)]
struct Announced {
    task: TaskView,
    upload: Option<Signed>,
}

/// The request that stores the file.
#[derive(Deserialize)]
struct Signed {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
}

impl Client {
    /// Sends the file and returns the task as registered. The file is not held in memory when it is over
    /// [`Upload::direct_up_to`].
    ///
    /// # Errors
    /// See [`ClientError`]. The idempotency key makes a second upload of the same file give the same task.
    pub fn upload(&self, upload: &Upload, progress: &mut dyn Progress) -> Result<TaskView, ClientError> {
        let key = upload.idempotency_key.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
        let size = regular_size(&upload.path)?;
        if size > limits::UPLOAD_BYTES {
            return Err(ClientError::FileTooLarge { path: upload.path.clone(), size, allowed: limits::UPLOAD_BYTES });
        }
        if size <= upload.direct_up_to {
            match self.send_directly(upload, size, &key, progress) {
                // A proxy in between may allow less than the API does.
                Err(error) if error.status() == Some(413) => {}
                done => return done,
            }
        }
        self.send_presigned(upload, size, &key, progress)
    }

    fn send_directly(
        &self,
        upload: &Upload,
        size: u64,
        key: &str,
        progress: &mut dyn Progress,
    ) -> Result<TaskView, ClientError> {
        let mut bytes = Vec::new();
        let mut file = FileToSend::open(&upload.path, size)?;
        file.read_to_end(&mut bytes).map_err(|source| ClientError::file("read", &upload.path, source))?;
        let url = format!("{}/v1/tasks", self.root);
        let mut query = vec![("pipeline", upload.pipeline.clone()), ("filename", upload.filename())];
        query.extend(upload.batch_size.map(|rows| ("batch_size", rows.to_string())));
        query.extend(upload.sheet.clone().map(|sheet| ("sheet", sheet)));
        self.patience.attempt(progress, |_| {
            let request = self.transport.agent(&url).post(&url).query_pairs(query.clone());
            let request = request
                .header("authorization", &self.authorization)
                .header("idempotency-key", key)
                .content_type(upload.media_type());
            self.api_answer(request.send(&bytes))
        })
    }

    fn send_presigned(
        &self,
        upload: &Upload,
        size: u64,
        key: &str,
        progress: &mut dyn Progress,
    ) -> Result<TaskView, ClientError> {
        let stored = |announced: Announced, progress: &mut dyn Progress| match announced.upload {
            // With a key that was used before, the file may have arrived long ago.
            Some(signed) if announced.task.state == TaskState::AwaitingUpload => {
                self.store(upload, size, &signed, progress).map(|()| announced.task)
            }
            _ => Ok(announced.task),
        };
        match stored(self.announce(upload, size, key, progress)?, progress) {
            // The permission may have run out over the attempts; the same key gives a new one for the same task.
            Err(error) if error.status() == Some(403) => stored(self.announce(upload, size, key, progress)?, progress),
            done => done,
        }
    }

    fn announce(
        &self,
        upload: &Upload,
        size: u64,
        key: &str,
        progress: &mut dyn Progress,
    ) -> Result<Announced, ClientError> {
        let url = format!("{}/v1/uploads", self.root);
        let announcement = Announcement {
            filename: upload.filename(),
            size,
            pipeline: &upload.pipeline,
            sheet: upload.sheet.as_deref(),
            batch_size: upload.batch_size,
            media_type: upload.media_type(),
        };
        self.patience.attempt(progress, |_| {
            let request = self.transport.agent(&url).post(&url);
            let request = request.header("authorization", &self.authorization).header("idempotency-key", key);
            self.api_answer(request.send_json(&announcement))
        })
    }

    /// Makes the signed request, from the start of the file with each attempt.
    fn store(
        &self,
        upload: &Upload,
        size: u64,
        signed: &Signed,
        progress: &mut dyn Progress,
    ) -> Result<(), ClientError> {
        let place = storage(&signed.url);
        self.patience.attempt(progress, |progress| {
            let mut file = FileToSend { progress: Some(progress), ..FileToSend::open(&upload.path, size)? };
            let request = signed.request(size, &mut file).map_err(|source| no_answer(&place, source.into()))?;
            let answer = self.transport.agent(&signed.url).run(request);
            // Trouble with the file shows as trouble with the connection; told apart here, for only one may pass.
            if let Some(source) = file.trouble {
                return Err(ClientError::file("read", &upload.path, source));
            }
            accepted(answer, &place).map(|_| ())
        })
    }
}

impl Signed {
    fn request<'a>(&self, size: u64, file: &'a mut FileToSend<'_>) -> Result<Request<SendBody<'a>>, ureq::http::Error> {
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.url);
        for (name, value) in &self.headers {
            if !name.eq_ignore_ascii_case("content-length") {
                request = request.header(name, value);
            }
        }
        request.header("content-length", size).body(SendBody::from_reader(file))
    }
}

fn regular_size(path: &Path) -> Result<u64, ClientError> {
    let metadata = std::fs::metadata(path).map_err(|source| ClientError::file("open", path, source))?;
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(ClientError::file("upload", path, io::Error::other("it is not a file")))
    }
}

/// Reads exactly as many bytes as were announced, and tells how many have gone.
struct FileToSend<'a> {
    file: io::Take<File>,
    size: u64,
    trouble: Option<io::Error>,
    progress: Option<&'a mut dyn Progress>,
}

impl FileToSend<'_> {
    fn open(path: &Path, size: u64) -> Result<Self, ClientError> {
        let file = File::open(path).map_err(|source| ClientError::file("open", path, source))?;
        Ok(Self { file: file.take(size), size, trouble: None, progress: None })
    }

    fn failed(&mut self, error: io::Error) -> io::Error {
        let told = io::Error::new(error.kind(), error.to_string());
        self.trouble = Some(error);
        told
    }
}

impl Read for FileToSend<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = match self.file.read(out) {
            Ok(0) if !out.is_empty() && self.file.limit() > 0 => {
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was being sent");
                return Err(self.failed(error));
            }
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(self.failed(error)),
        };
        let sent = self.size - self.file.limit();
        if let Some(progress) = &mut self.progress {
            progress.sent(sent, self.size);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_tell_the_media_type() {
        let types = [
            ("a.XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
            ("a.b.csv", "text/csv"),
            ("a.jsonl", "application/x-ndjson"),
            ("a", "application/octet-stream"),
            ("a.dat", "application/octet-stream"),
        ];
        for (name, expected) in types {
            assert_eq!(media_type(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_file_that_shrinks_is_an_error_and_one_that_grows_is_cut_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, "12345678").unwrap();
        let mut bytes = Vec::new();
        FileToSend::open(&path, 5).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"12345");
        let mut file = FileToSend::open(&path, 9).unwrap();
        assert!(file.read_to_end(&mut bytes).is_err());
        assert!(file.trouble.is_some());
    }

    #[test]
    fn a_folder_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        assert!(regular_size(folder.path()).is_err());
        assert!(regular_size(&folder.path().join("missing.csv")).is_err());
    }
}
