//! Files that are read in a process of their own: this program is that process too, so its `main` is its own.

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test a failure is a panic; the lint knows only functions marked as tests"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use filas_domain::TaskId;
use filas_domain::delivery::Delivery;
use filas_domain::keys::ObjectKey;
use filas_domain::ports::{Clock, ObjectWriter, TaskLedger, TaskRegister};
use filas_domain::task::{Head, Order, Task, TaskState};
use filas_pipeline::catalogue;
use filas_testkit::memory::{ManualClock, MemoryLedger, MemoryMeter, MemoryObjects, MemoryQueue};
use filas_testkit::workbooks::{XlsParts, broken};
use serde_json::json;
use split::handler::{Invocation, Splitter};

const TIME_LIMIT: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    if filas_sheets::child::serve_if_asked() {
        return ExitCode::SUCCESS;
    }
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let tests: [(&str, fn()); 2] = [
        ("an_old_workbook_is_split", an_old_workbook_is_split),
        (
            "a_file_that_takes_its_reader_down_fails_its_task_at_once",
            a_file_that_takes_its_reader_down_fails_its_task_at_once,
        ),
    ];
    let mut failed = 0;
    for (name, test) in tests {
        if asked.is_empty() || asked.iter().any(|part| name.contains(part.as_str())) {
            let passed = std::panic::catch_unwind(test).is_ok();
            println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
            failed += u8::from(!passed);
        }
    }
    ExitCode::from(failed)
}

/// What became of a file after one delivery of its event.
struct Split {
    head: Head,
    rows: Option<Vec<u8>>,
    batches: usize,
    events_left: usize,
}

/// Uploads a file and invokes the function once.
#[tokio::main]
async fn split(id: [u8; 10], file: &[u8]) -> Split {
    let (clock, ledger, objects) = (ManualClock::default(), MemoryLedger::new(), MemoryObjects::new());
    let batches = MemoryQueue::new("batch", &clock, Duration::from_secs(360), 5);
    let ingest = MemoryQueue::new("ingest", &clock, Duration::from_secs(1800), 5);
    let id = TaskId::new(clock.now(), id);
    let order = Order {
        owner: "acme".parse().unwrap(),
        pipeline: catalogue::shipped("orders").unwrap(),
        filename: Some("orders.xls".to_owned()),
        media_type: None,
        size: file.len() as u64,
        sheet: None,
        batch_size: 2,
    };
    ledger.register(&Task::registered(id, order, clock.now()), None).await.unwrap();
    objects.put(&ObjectKey::upload(id), "application/vnd.ms-excel", file.to_vec()).await.unwrap();
    let key = ObjectKey::upload(id);
    let event = json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key.as_str()}}}]});
    ingest.send_body(event.to_string());
    let deliveries: Vec<Delivery> = ingest
        .receive(10)
        .iter()
        .map(|from| Delivery::new(&from.message_id, &from.receipt_handle, &from.body, from.receive_count))
        .collect();
    let splitter = Splitter {
        ledger: ledger.clone(),
        objects: objects.clone(),
        queue: batches.clone(),
        deliveries: ingest.clone(),
        clock: clock.clone(),
        meter: Arc::new(MemoryMeter::new()),
    };
    let invocation = Invocation { deadline: clock.now().plus(TIME_LIMIT) };
    let again = splitter.run(&deliveries, &invocation).await;
    let head = ledger.task(id).await.unwrap().unwrap().head;
    Split { head, rows: objects.bytes(&ObjectKey::rows(id)), batches: batches.bodies().len(), events_left: again.len() }
}

fn an_old_workbook_is_split() {
    let parts = XlsParts::new().text(0, 0, "order_id").text(0, 1, "quantity");
    let parts = (1..4).fold(parts, |parts, row| parts.text(row, 0, "A").number(row, 1, f64::from(row)));
    let done = split([1; 10], &parts.build());
    let (state, total) = (done.head.state, done.head.total);
    assert_eq!(
        (state, total, done.batches, done.events_left),
        (TaskState::Processing, Some(3), 2, 0),
        "{:?}",
        done.head
    );
    assert_eq!(done.head.split.format.as_deref(), Some("xls"));
    let rows = String::from_utf8(done.rows.unwrap()).unwrap();
    assert_eq!(rows.lines().next(), Some("{\"row\":2,\"record\":{\"order_id\":\"A\",\"quantity\":1}}"));
}

/// The library that reads such files aborts the process on this one. The function goes on, and needs no second attempt.
fn a_file_that_takes_its_reader_down_fails_its_task_at_once() {
    let file = broken::hostile().into_iter().find(|file| file.limit == Some("memory_bytes")).expect("it is there");
    let begun = Instant::now();
    let done = split([2; 10], &file.bytes);
    let reason = done.head.reason.expect("a reason");
    assert_eq!((done.head.state, reason.code.as_str()), (TaskState::Failed, "LIMIT_EXCEEDED"), "{}", reason.message);
    assert!(
        reason.message.contains("memory_bytes") && reason.message.contains("save it as xlsx"),
        "{}",
        reason.message
    );
    assert_eq!((done.batches, done.events_left, done.head.split.epoch), (0, 0, 1));
    assert_eq!(done.rows, None, "what was begun is dropped");
    assert!(begun.elapsed() < TIME_LIMIT / 10, "{:?}", begun.elapsed());
}
