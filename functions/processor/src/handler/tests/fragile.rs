//! Ports that fail, stall or take the whole worker with them at a call that the test chooses.

use std::future::{Future, pending};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use filas_domain::batch::{Batch, BatchChange};
use filas_domain::clock::Timestamp;
use filas_domain::ids::{BatchNumber, TaskId};
use filas_domain::keys::ObjectKey;
use filas_domain::message::BatchMessage;
use filas_domain::plan::ByteRange;
use filas_domain::ports::{
    BatchLedger, BatchQueue, Clock, Deliveries, ObjectReader, ObjectWriter, PortError, TaskLedger, WriteError,
};
use filas_domain::task::{Head, Task};
use filas_testkit::memory::ManualClock;
use tokio::time::Instant;

/// How long a worker that stalls stands still: longer than its lease.
pub const STALL: Duration = Duration::from_secs(60);

/// What happens at the chosen call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// It has no effect and answers with an error.
    FailBefore,
    /// It has its effect and answers with an error.
    FailAfter,
    /// The worker is gone before the effect.
    DieBefore,
    /// The worker is gone after the effect.
    DieAfter,
    /// The worker stands still, and goes on as if nothing had been.
    Stall,
}

impl Strike {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::FailBefore, Self::FailAfter, Self::DieBefore, Self::DieAfter, Self::Stall];
}

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The call with this number, from 1, over all ports.
    Call(usize),
    /// The call with this number, from 1, of the operation with this name.
    Of(&'static str, usize),
}

/// The clock of the world: it follows tokio's time, which the tests pause.
#[derive(Debug, Clone)]
pub struct WorldClock {
    manual: ManualClock,
    start: Timestamp,
    origin: Instant,
}

impl WorldClock {
    pub fn new(manual: &ManualClock) -> Self {
        Self { manual: manual.clone(), start: manual.now(), origin: Instant::now() }
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        self.manual.set(self.start.plus(self.origin.elapsed()));
        self.manual.now()
    }
}

/// What is to strike, shared by all ports of a world.
#[derive(Clone)]
pub struct Fate(Arc<Mutex<State>>, WorldClock);

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    planned: Vec<(At, Strike)>,
    hooks: Vec<(At, Hook)>,
    calls: Vec<&'static str>,
}

impl Fate {
    pub fn new(clock: &WorldClock) -> Self {
        Self(Arc::default(), clock.clone())
    }

    /// Plans a strike.
    pub fn strike(&self, at: At, strike: Strike) {
        self.0.lock().unwrap().planned.push((at, strike));
    }

    /// Plans that something happens in the world right before a call.
    pub fn before(&self, at: At, hook: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap().hooks.push((at, Box::new(hook)));
    }

    /// Whether everything that was planned has struck.
    pub fn is_done(&self) -> bool {
        let state = self.0.lock().unwrap();
        state.planned.is_empty() && state.hooks.is_empty()
    }

    /// The operations so far, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().calls.clone()
    }

    fn next(&self, operation: &'static str) -> Option<Strike> {
        let (hook, strike) = {
            let mut state = self.0.lock().unwrap();
            state.calls.push(operation);
            let (call, of) = (state.calls.len(), state.calls.iter().filter(|name| **name == operation).count());
            let is_now = |at: &At| *at == At::Call(call) || *at == At::Of(operation, of);
            let hook = state.hooks.iter().position(|(at, _)| is_now(at)).map(|index| state.hooks.remove(index).1);
            let strike = state.planned.iter().position(|(at, _)| is_now(at)).map(|index| state.planned.remove(index).1);
            (hook, strike)
        };
        if let Some(hook) = hook {
            hook();
        }
        strike
    }

    async fn meet<T, E>(
        &self,
        operation: &'static str,
        effect: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: From<PortError> + Send,
    {
        self.1.now();
        let asked_for = || PortError::transient(operation, "fails as the test asked");
        match self.next(operation) {
            None => effect.await,
            Some(Strike::FailBefore) => Err(asked_for().into()),
            Some(Strike::FailAfter) => {
                effect.await?;
                Err(asked_for().into())
            }
            Some(Strike::DieBefore) => pending().await,
            Some(Strike::DieAfter) => {
                effect.await.ok();
                pending().await
            }
            Some(Strike::Stall) => {
                tokio::time::sleep(STALL).await;
                self.1.now();
                effect.await
            }
        }
    }
}

/// A port under a fate.
#[derive(Clone)]
pub struct Fragile<P> {
    port: P,
    fate: Fate,
}

impl<P> Fragile<P> {
    pub const fn new(port: P, fate: Fate) -> Self {
        Self { port, fate }
    }
}

impl<P: TaskLedger> TaskLedger for Fragile<P> {
    async fn task(&self, id: TaskId) -> Result<Option<Task>, PortError> {
        self.fate.meet("task", self.port.task(id)).await
    }

    async fn write_head(&self, read: &Task, head: &Head) -> Result<(), WriteError> {
        self.fate.meet("write_head", self.port.write_head(read, head)).await
    }
}

impl<P: BatchLedger> BatchLedger for Fragile<P> {
    async fn batches(&self, task: TaskId, numbers: &[BatchNumber]) -> Result<Vec<Batch>, PortError> {
        self.fate.meet("batches", self.port.batches(task, numbers)).await
    }

    async fn write_batches(&self, changes: &[BatchChange]) -> Result<(), WriteError> {
        self.fate.meet("write_batches", self.port.write_batches(changes)).await
    }
}

impl<P: ObjectReader> ObjectReader for Fragile<P> {
    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Vec<u8>, PortError> {
        self.fate.meet("get", self.port.get(key, range)).await
    }

    async fn download(&self, key: &ObjectKey, path: &Path) -> Result<u64, PortError> {
        self.fate.meet("download", self.port.download(key, path)).await
    }

    async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, PortError> {
        self.fate.meet("size", self.port.size(key)).await
    }
}

impl<P: ObjectWriter> ObjectWriter for Fragile<P> {
    type Stream = P::Stream;

    async fn put(&self, key: &ObjectKey, media_type: &str, bytes: Vec<u8>) -> Result<(), PortError> {
        self.fate.meet("put", self.port.put(key, media_type, bytes)).await
    }

    async fn create(&self, key: &ObjectKey, media_type: &str) -> Result<P::Stream, PortError> {
        self.fate.meet("create", self.port.create(key, media_type)).await
    }
}

impl<P: BatchQueue> BatchQueue for Fragile<P> {
    async fn send(&self, messages: &[BatchMessage]) -> Result<(), PortError> {
        self.fate.meet("send", self.port.send(messages)).await
    }
}

impl<P: Deliveries> Deliveries for Fragile<P> {
    async fn postpone(&self, receipt_handle: &str, wait: Duration) -> Result<(), PortError> {
        self.fate.meet("postpone", self.port.postpone(receipt_handle, wait)).await
    }
}
