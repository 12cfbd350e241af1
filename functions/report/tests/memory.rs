//! Memory does not grow with the rows: the files of ten times as many failed rows are written in about the same memory.
//!
//! Each measurement is a process of its own: this program, asked for the test that only measures. More rows, with what they
//! take printed: `FILAS_REPORT_ROWS=1000000 cargo test --release -p report --test memory -- --nocapture`.

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]
#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure is a panic; the lint knows only functions marked as tests"
)]

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use filas_domain::TaskId;
use filas_domain::batch::{Batch, Part, Progress};
use filas_domain::clock::Timestamp;
use filas_domain::ids::{BatchNumber, Owner, RowNumber};
use filas_domain::keys::ObjectKey;
use filas_domain::message::BatchMessage;
use filas_domain::outcome::{Counts, Failure, OutcomeLine, RowResult, Stage};
use filas_domain::plan::{ByteRange, Planner};
use filas_domain::ports::{
    Clock, Downloaded, ObjectReader, ObjectStream, ObjectWriter, PortError, TaskCatalogue, TaskLedger, WriteError,
};
use filas_domain::report::{Manifest, ReportMessage, ResultFile, SourceColumn, SourceColumns};
use filas_domain::task::{Head, Order, Task, TaskState};
use filas_domain::trace::TraceParent;
use filas_pipeline::catalogue;
use filas_testkit::memory::MemoryMeter;
use report::job::{Job, Verdict};

/// Failed rows of the larger measurement, unless asked otherwise.
const ROWS: u32 = 100_000;

/// What the larger one may take more, in KiB: buffers that the smaller one does not fill.
const MORE: u64 = 96 * 1024;

/// Lambda gives the function 1,769 MB.
const MOST: u64 = 900 * 1024;

#[test]
fn memory_does_not_grow_with_the_rows() {
    let asked = std::env::var("FILAS_REPORT_ROWS").ok().and_then(|rows| rows.parse().ok());
    let rows: u32 = asked.unwrap_or(ROWS);
    let [few, many] = [rows / 10, rows].map(|rows| {
        let mut measured = Command::new(std::env::current_exe().unwrap());
        let arguments = ["--exact", "a_process_that_is_measured", "--ignored", "--nocapture"];
        let output = measured.args(arguments).env("FILAS_REPORT_MEASURED", rows.to_string()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let line = said.lines().find_map(|line| Some(&line[line.find("{\"")?..])).unwrap();
        println!("{line}");
        serde_json::from_str::<serde_json::Value>(line).unwrap()["peak_kib"].as_u64().unwrap()
    });
    println!("peak memory of ten times the rows: {:.2} times", many as f64 / few as f64);
    assert!(many < few + MORE && many < MOST, "{many} KiB for {rows} rows, and {few} KiB for a tenth of them");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is measured by the other test, in a process of its own"]
async fn a_process_that_is_measured() {
    let rows = std::env::var("FILAS_REPORT_MEASURED").ok().and_then(|rows| rows.parse().ok());
    measure(rows.unwrap_or(1000)).await;
}

/// A task of which every row failed, in a folder.
struct Given {
    folder: Folder,
    task: Task,
    batches: Vec<Batch>,
}

fn record(row: u32) -> String {
    format!(
        "{{\"order_id\":\"ORD-{row:07}\",\"sku\":\"{row:08}\",\"customer\":\"José Núñez\",\"quantity\":0,\"unit_price\":12.5,\
         \"currency\":\"XTS\",\"order_date\":\"2024-03-01\",\"ship_at\":\"2024-03-02T10:30:00\",\"express\":true,\
         \"discount\":null,\"country\":\"ES\",\"note\":\"leave it at the door\"}}"
    )
}

fn given(rows: u32, path: &Path) -> Given {
    let folder = Folder(path.to_owned());
    let now = Timestamp::from_millis(1_700_000_000_000);
    let id = TaskId::new(now, [7; 10]);
    let order = Order {
        owner: "bench".parse().unwrap(),
        pipeline: catalogue::shipped("orders").unwrap(),
        filename: Some("orders.xlsx".into()),
        media_type: None,
        size: 1,
        sheet: None,
        batch_size: 1000,
    };
    let message =
        "quantity: 0 is less than the minimum of 1; currency: \"XTS\" is not one of \"EUR\", \"USD\", \"GBP\"";
    let failure = Failure { stage: Stage::Validate, code: "INVALID_ROW".into(), message: message.into() };
    let mut lines = std::io::BufWriter::new(File::create(folder.path(&ObjectKey::rows(id))).unwrap());
    let mut planner = Planner::new(1000, 1 << 22);
    for row in 2..rows + 2 {
        let line = format!("{{\"row\":{row},\"record\":{}}}\n", record(row));
        planner.line(RowNumber::new(row), line.len() as u64);
        lines.write_all(line.as_bytes()).unwrap();
    }
    lines.flush().unwrap();
    let mut task = Task::registered(id, order, now);
    let (mut batches, mut total) = (Vec::new(), Counts::default());
    for (number, plan) in planner.finish().numbered() {
        let (mut outcomes, mut counts) = (Vec::new(), Counts::default());
        for row in plan.first_row.get()..=plan.last_row.get() {
            let line = OutcomeLine::new(RowNumber::new(row), RowResult::Failed(failure.clone()));
            line.write_to(&mut outcomes);
            counts.count(&line);
        }
        total.add(&counts);
        let key = ObjectKey::part(id, number, 1);
        let part = Part {
            key: key.clone(),
            bytes: ByteRange { start: 0, end: outcomes.len() as u64 },
            rows: plan.rows,
            is_overlay: false,
        };
        fs::write(folder.path(&key), outcomes).unwrap();
        let progress =
            Progress { rows: plan.rows, bytes: plan.bytes.len(), counts, part: Some(part), ..Progress::default() };
        let batch = Batch::unclaimed(&BatchMessage { task: id, batch: number, plan: *plan });
        batches.push(batch.claimed("worker", "message", now, now).unwrap().recorded(&progress, now));
    }
    let names = ["order_id", "sku", "customer", "quantity", "unit_price", "currency", "order_date", "ship_at"];
    let named =
        |name: &str, format: Option<&str>| SourceColumn { name: name.into(), format: format.map(str::to_owned) };
    let mut columns: Vec<SourceColumn> = names.iter().map(|name| named(name, None)).collect();
    columns[6].format = Some("dd.mm.yyyy".into());
    columns[7].format = Some("dd.mm.yyyy hh:mm".into());
    let json = serde_json::to_vec(&SourceColumns { columns }).unwrap();
    fs::write(folder.path(&ObjectKey::columns(id)), json).unwrap();
    task.head = task.split_done(rows.into(), u32::try_from(batches.len()).unwrap(), "xlsx", now);
    task.head = Head { state: TaskState::CompletedWithFailures, finished: Some(now), ..task.head };
    task.tally.counts = total;
    Given { folder, task, batches }
}

async fn measure(rows: u32) {
    let place = tempfile::tempdir().unwrap();
    let Given { folder, task, batches } = given(rows, place.path());
    let (id, finished) = (task.id, task.head.finished.unwrap());
    let before = peak_kib();
    let begun = Instant::now();
    let ledger = Ledger { task, batches };
    let message = ReportMessage { task: id, finished, continued: 0 };
    let begun_at = Present.now();
    let deadline = begun_at.plus(Duration::from_secs(900));
    let (objects, clock) = (&folder, &Present);
    let meter = &MemoryMeter::new();
    let job = Job { ledger: &ledger, objects, clock, meter, message, message_id: "m", begun: begun_at, deadline };
    assert_eq!(job.run().await.unwrap(), Verdict::Written);
    let seconds = begun.elapsed().as_secs_f64();
    let manifest: Manifest =
        serde_json::from_slice(&fs::read(folder.path(&ObjectKey::manifest(id, finished))).unwrap()).unwrap();
    assert_eq!((manifest.workbook_rows, manifest.failed_rows), (rows.into(), rows.into()));
    let bytes = fs::metadata(folder.path(&ObjectKey::result(id, finished, ResultFile::Workbook))).unwrap().len();
    let line = serde_json::json!({
        "rows": rows, "seconds": seconds, "peak_kib": peak_kib(), "before_kib": before, "workbook_bytes": bytes,
    });
    println!("{line}");
}

/// The most resident memory that this process ever had, in KiB, as Linux counts it.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

struct Present;

impl Clock for Present {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
    }
}

struct Ledger {
    task: Task,
    batches: Vec<Batch>,
}

impl TaskLedger for Ledger {
    async fn task(&self, _id: TaskId) -> Result<Option<Task>, PortError> {
        Ok(Some(self.task.clone()))
    }

    async fn write_head(&self, _read: &Task, _head: &Head) -> Result<(), WriteError> {
        Err(WriteError::Stale)
    }
}

impl TaskCatalogue for Ledger {
    async fn list(
        &self,
        _owner: &Owner,
        _state: Option<TaskState>,
        _before: Option<TaskId>,
        _limit: u32,
    ) -> Result<Vec<Task>, PortError> {
        Ok(Vec::new())
    }

    async fn claimed_batches(
        &self,
        _task: TaskId,
        from: BatchNumber,
        until: BatchNumber,
    ) -> Result<Vec<Batch>, PortError> {
        Ok(self.batches[from.get() as usize..until.get() as usize].to_vec())
    }
}

/// A bucket that is a folder.
struct Folder(PathBuf);

impl Folder {
    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.0.join(key.as_str().replace('/', "_"))
    }
}

fn trouble(error: std::io::Error) -> PortError {
    PortError::permanent("use the folder", error)
}

impl ObjectReader for Folder {
    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Vec<u8>, PortError> {
        let Some(range) = range else { return fs::read(self.path(key)).map_err(trouble) };
        let mut file = File::open(self.path(key)).map_err(trouble)?;
        file.seek(SeekFrom::Start(range.start)).map_err(trouble)?;
        let mut bytes = Vec::new();
        file.take(range.len()).read_to_end(&mut bytes).map_err(trouble)?;
        Ok(bytes)
    }

    async fn download(&self, key: &ObjectKey, path: &Path) -> Result<Downloaded, PortError> {
        let bytes = fs::copy(self.path(key), path).map_err(trouble)?;
        Ok(Downloaded { bytes, trace: None })
    }

    async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, PortError> {
        Ok(fs::metadata(self.path(key)).ok().map(|metadata| metadata.len()))
    }
}

impl ObjectWriter for Folder {
    type Stream = Object;

    async fn put(&self, key: &ObjectKey, _media_type: &str, bytes: Vec<u8>) -> Result<(), PortError> {
        fs::write(self.path(key), bytes).map_err(trouble)
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
        File::create(self.path(key)).map(Object).map_err(trouble)
    }
}

struct Object(File);

impl ObjectStream for Object {
    async fn append(&mut self, bytes: Vec<u8>) -> Result<(), PortError> {
        self.0.write_all(&bytes).map_err(trouble)
    }

    async fn complete(self) -> Result<(), PortError> {
        self.0.sync_all().map_err(trouble)
    }

    async fn abandon(self) -> Result<(), PortError> {
        Ok(())
    }
}
