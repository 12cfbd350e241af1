//! Pipelines that need others: look-ups, rates, secrets, records, queues. Partners are real servers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod breaker;
mod enrich;
mod listener;
mod outbound;
mod queue;
mod rate;
mod secrets;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::ids::{Owner, TaskId};
use filas_domain::outcome::RowResult;
use filas_domain::permits::Permits;
use filas_domain::ports::Clock;
use filas_domain::trace::TraceParent;
use filas_pipeline::{Interrupted, Pipeline, Ports, RowContext, Services, SourceRow, Variables, parse};
use filas_testkit::memory::{MemoryPermits, MemoryRecords, MemoryRowQueue, MemorySecrets};
use serde_json::{Value, json};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The machine's clock, which a test can put forward; in tests that pause time it goes with tokio's.
#[derive(Debug, Clone)]
struct TokioClock {
    begun: Instant,
    since_epoch: Duration,
    forward: Arc<AtomicU64>,
}

impl TokioClock {
    fn new() -> Self {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Self { begun: Instant::now(), since_epoch, forward: Arc::default() }
    }

    /// Puts the clock forward.
    fn put_forward(&self, by: Duration) {
        self.forward.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let forward = Duration::from_millis(self.forward.load(Ordering::SeqCst));
        Timestamp::from_millis(0).plus(self.since_epoch + self.begun.elapsed() + forward)
    }
}

/// What a pipeline has around it.
#[derive(Clone)]
struct Outside {
    owner: Owner,
    records: MemoryRecords,
    permits: MemoryPermits,
    secrets: MemorySecrets,
    queue: MemoryRowQueue,
    clock: TokioClock,
    variables: Variables,
}

impl Outside {
    fn new() -> Self {
        Self {
            owner: "acme".parse().unwrap(),
            records: MemoryRecords::new(),
            permits: MemoryPermits::new(),
            secrets: MemorySecrets::new(),
            queue: MemoryRowQueue::new(),
            clock: TokioClock::new(),
            variables: Variables::new(),
        }
    }

    /// With a partner, which `${P}` leads to.
    fn with_partner(address: std::net::SocketAddr) -> Self {
        let variables = Variables::new().with("P", format!("http://{address}"));
        Self { variables: variables.with("OUTBOUND_ALLOW", address.to_string()), ..Self::new() }
    }

    /// The pipeline as one worker has it. Each call is another worker.
    fn worker(&self, yaml: &str) -> Pipeline {
        self.worker_with(self.permits.clone(), yaml)
    }

    /// The same with other permits.
    fn worker_with(&self, permits: impl Permits + 'static, yaml: &str) -> Pipeline {
        let ports = Ports {
            records: self.records.clone(),
            permits,
            secrets: self.secrets.clone(),
            queue: self.queue.clone(),
            clock: self.clock.clone(),
        };
        let services = Services::new(ports, self.owner.clone());
        Pipeline::compile_with(&parse(yaml).unwrap(), &self.variables, &services).unwrap()
    }
}

fn task(number: u8) -> TaskId {
    TaskId::new(Timestamp::from_millis(1_700_000_000_000), [number; 10])
}

fn context() -> RowContext {
    context_with(MINUTE)
}

fn context_with(time_left: Duration) -> RowContext {
    RowContext { task: task(1).to_string(), trace: TraceParent::of_task(task(1)), deadline: Instant::now() + time_left }
}

/// Row `number` with these cells, by way of its line.
fn row(number: u32, record: &Value) -> SourceRow {
    SourceRow::parse(json!({"row": number, "record": record}).to_string().as_bytes()).unwrap()
}

/// An outcome in one line of text.
fn told(outcome: Result<RowResult, Interrupted>) -> String {
    match outcome {
        Ok(RowResult::Succeeded { kept: None }) => "succeeded".to_owned(),
        Ok(RowResult::Succeeded { kept: Some(kept) }) => format!("succeeded, kept {kept}"),
        Ok(RowResult::Failed(failure)) => format!("{:?} {}: {}", failure.stage, failure.code, failure.message),
        Err(Interrupted::PartnerDown { reason, .. }) => format!("partner down: {reason}"),
        Err(Interrupted::Unavailable(reason)) => format!("unavailable: {reason}"),
        Err(Interrupted::Fault(reason)) => format!("fault: {reason}"),
        Err(Interrupted::OutOfTime) => "out of time".to_owned(),
        Err(Interrupted::NoTurn) => "no turn".to_owned(),
    }
}
