//! Splits one workbook as the function does, with files in a folder instead of a bucket, and prints what it took.
//!
//! `cargo run --release -p split --example split_workbook -- FILE FOLDER`; `cargo xtask bench sheets` calls it.

#![recursion_limit = "256"]

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use filas_domain::TaskId;
use filas_domain::keys::ObjectKey;
use filas_domain::plan::ByteRange;
use filas_domain::ports::{Downloaded, ObjectReader, ObjectStream, ObjectWriter, PortError};
use filas_domain::task::Order;
use filas_domain::trace::TraceParent;

#[expect(dead_code, reason = "the measurement needs no format and no reason")]
#[path = "../src/reading.rs"]
mod reading;
#[path = "../src/sink.rs"]
mod sink;

/// A bucket that is a folder. The upload is a link to the file that is measured, so that nothing is copied.
struct Folder(PathBuf);

impl Folder {
    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.0.join(key.as_str().replace('/', "_"))
    }
}

fn trouble(operation: &str) -> impl FnOnce(std::io::Error) -> PortError + '_ {
    move |error| PortError::permanent(operation, error)
}

impl ObjectReader for Folder {
    async fn get(&self, key: &ObjectKey, _range: Option<ByteRange>) -> Result<Vec<u8>, PortError> {
        fs::read(self.path(key)).map_err(trouble("read an object"))
    }

    async fn download(&self, key: &ObjectKey, path: &Path) -> Result<Downloaded, PortError> {
        let source = fs::canonicalize(self.path(key)).map_err(trouble("find the upload"))?;
        std::os::unix::fs::symlink(&source, path).map_err(trouble("link the upload"))?;
        let metadata = fs::metadata(&source).map_err(trouble("look at the upload"))?;
        Ok(Downloaded { bytes: metadata.len(), trace: None })
    }

    async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, PortError> {
        Ok(fs::metadata(self.path(key)).ok().map(|metadata| metadata.len()))
    }
}

impl ObjectWriter for Folder {
    type Stream = Object;

    async fn put(&self, key: &ObjectKey, _media_type: &str, bytes: Vec<u8>) -> Result<(), PortError> {
        fs::write(self.path(key), bytes).map_err(trouble("write an object"))
    }

    async fn put_traced(
        &self,
        key: &ObjectKey,
        media_type: &str,
        _trace: TraceParent,
        bytes: Vec<u8>,
    ) -> Result<(), PortError> {
        self.put(key, media_type, bytes).await
    }

    async fn create(&self, key: &ObjectKey, _media_type: &str) -> Result<Object, PortError> {
        File::create(self.path(key)).map(Object).map_err(trouble("make an object"))
    }
}

struct Object(File);

impl ObjectStream for Object {
    async fn append(&mut self, bytes: Vec<u8>) -> Result<(), PortError> {
        self.0.write_all(&bytes).map_err(trouble("append to an object"))
    }

    async fn complete(self) -> Result<(), PortError> {
        self.0.sync_all().map_err(trouble("complete an object"))
    }

    async fn abandon(self) -> Result<(), PortError> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(file), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("say FILE FOLDER".into());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(split(Path::new(&file), Folder(folder.into())))
}

async fn split(file: &Path, folder: Folder) -> Result<(), Box<dyn Error>> {
    let id: TaskId = "01890a5d-ac96-774b-bcce-b302099a8057".parse()?;
    std::os::unix::fs::symlink(fs::canonicalize(file)?, folder.path(&ObjectKey::upload(id)))?;
    let order = Order {
        owner: "bench".parse()?,
        pipeline: filas_pipeline::catalogue::shipped("orders").ok_or("there is no pipeline orders")?,
        filename: file.file_name().map(|name| name.to_string_lossy().into_owned()),
        media_type: None,
        size: fs::metadata(file)?.len(),
        sheet: None,
        batch_size: 1000,
    };
    let begun = Instant::now();
    let reading::Read::Rows { index, .. } = reading::read(&folder, id, &order, Duration::from_secs(600)).await? else {
        return Err("the workbook is refused".into());
    };
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = fs::metadata(folder.path(&ObjectKey::rows(id)))?.len();
    let line = serde_json::json!({
        "seconds": seconds,
        "peak_kib": peak_kib().unwrap_or(0),
        "rows": index.rows(),
        "batches": index.batches.len(),
        "bytes": bytes,
    });
    println!("{line}");
    Ok(())
}

/// The most resident memory that this process ever had, in KiB, as Linux counts it.
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
