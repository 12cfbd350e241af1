//! Everything around the handlers, and the handlers as processes of it.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use dead_letter::handler::Undertaker;
use filas_domain::metrics::Metrics;
use filas_domain::ports::PortError;
use filas_domain::sweep::Patience;
use filas_pipeline::{Ports, Services, Variables};
use filas_testkit::memory::{Fragile, MemoryMeter, MemoryPermits, MemoryPipelines, MemoryRowQueue, MemorySecrets};
use processor::handler::Processor;
use processor::pipelines::Pipelines;
use report::handler::Reporter;
use split::handler::Splitter;
use status::handler::Answers;
use sweeper::handler::Sweeper;
use tokio::time::sleep;
use upload::handler::Uploads;

use crate::books::{Books, CLOCK_SKEW};
use crate::bucket::Bucket;
use crate::bugs::{Bug, Ledger};
use crate::dice::Dice;
use crate::executor::{ACTORS, Wait};
use crate::journal::{Journal, JournalPort};
use crate::queue::{Depths, Settings, SimQueue};
use crate::run::Setting;
use crate::scenario::Scenario;
use crate::sim::{Life, Sim, SimFate, SkewedClock};

const HOUR: Duration = Duration::from_secs(3600);

type FragileLedger = Fragile<Ledger, SimFate>;
type FragileBucket = Fragile<Bucket, SimFate>;
type FragileQueue = Fragile<SimQueue, SimFate>;
type FragileDepths = Fragile<Depths, SimFate>;

/// The processor of this world.
pub type AnyProcessor = Processor<FragileLedger, FragileBucket, FragileQueue, FragileQueue, SkewedClock>;
/// The splitter of this world.
pub type AnySplitter = Splitter<FragileLedger, FragileBucket, FragileQueue, FragileQueue, SkewedClock>;
/// The undertaker of this world.
pub type AnyUndertaker = Undertaker<FragileLedger, SkewedClock>;
/// The sweeper of this world.
pub type AnySweeper =
    Sweeper<FragileLedger, FragileBucket, FragileQueue, FragileQueue, FragileQueue, FragileDepths, SkewedClock>;
/// The reporter of this world.
pub type AnyReporter = Reporter<FragileLedger, FragileBucket, FragileQueue, FragileQueue, SkewedClock>;
/// The uploads of this world.
pub type AnyUploads = Uploads<FragileLedger, FragileBucket, MemoryPipelines, SkewedClock>;

/// Everything around the handlers.
pub struct World {
    /// What all share.
    pub sim: Arc<Sim>,
    /// Tasks and batches.
    pub ledger: Ledger,
    /// What must hold.
    pub books: Arc<Books>,
    /// Files, rows, outcomes.
    pub bucket: Bucket,
    /// What rows did to the outside.
    pub journal: Journal,
    /// Events of uploads.
    pub ingest: SimQueue,
    /// Batches.
    pub batch: SimQueue,
    /// Events that were not dealt with.
    pub ingest_dead: SimQueue,
    /// Batches that were not dealt with.
    pub batch_dead: SimQueue,
    /// Requests for the files of tasks that have ended. What it gives up is asked for again by the sweeper.
    pub report: SimQueue,
    /// The fault that was put in.
    pub bug: Option<Bug>,
    clocks_differ: bool,
    invocations: Cell<usize>,
    persons_busy: Cell<usize>,
    /// What each actor's process does right now.
    running: RefCell<Vec<Option<Running>>>,
}

#[derive(Clone)]
struct Running {
    life: Life,
    uses_thread: bool,
}

/// A process of the world: its life, what strikes its calls, and what its clock shows.
pub struct Process {
    /// Which actor it belongs to.
    pub actor: usize,
    /// Its name in traces and attempts.
    pub name: String,
    /// Whether it lives.
    pub life: Life,
    /// What strikes its calls.
    pub fate: SimFate,
    /// What its clock shows.
    pub clock: SkewedClock,
}

thread_local! {
    static RANDOM: RefCell<Dice> = const { RefCell::new(Dice::new(0)) };
    static SALT: Cell<u32> = const { Cell::new(0) };
}

/// What makes ids unique: the first bytes, which order them, and the last, which show, are the run's own.
fn random() -> Result<[u8; 10], PortError> {
    let rolled = RANDOM.with_borrow_mut(Dice::roll).to_be_bytes();
    let salt = SALT.get().to_be_bytes();
    Ok(std::array::from_fn(|index| match index {
        0..4 => rolled[index],
        4..8 => salt[index - 4],
        _ => rolled[index - 2],
    }))
}

impl World {
    /// An empty world for this setting. `salt` tells its files apart from those of other worlds of this process.
    pub fn new(setting: &Setting, salt: u32, is_traced: bool) -> Self {
        let Setting { seed, bug, .. } = *setting;
        let Scenario { deliveries, clocks_differ, .. } = setting.scenario;
        RANDOM.set(Dice::new(seed ^ 0x5eed));
        SALT.set(salt);
        let ledger = Ledger::new(bug);
        let books = Arc::new(Books::new(&ledger));
        let sim = Arc::new(Sim::new(Dice::new(seed), setting.weather.clone(), books.clone(), is_traced));
        let dead =
            |name| Settings { name, visibility: Duration::from_secs(180), retention: 14 * 24 * HOUR, deliveries: None };
        let alive =
            |name, visibility| Settings { name, visibility, retention: 96 * HOUR, deliveries: Some(deliveries) };
        let ingest_dead = SimQueue::new(&sim, dead("ingest-dead"), None, None);
        let batch_dead = SimQueue::new(&sim, dead("batch-dead"), None, None);
        let ingest = SimQueue::new(&sim, alive("ingest", HOUR / 2), Some(&ingest_dead), None);
        let batch = SimQueue::new(&sim, alive("batch", Duration::from_secs(180)), Some(&batch_dead), bug);
        let report_dead = SimQueue::new(&sim, dead("report-dead"), None, None);
        let report = SimQueue::new(&sim, alive("report", HOUR / 2), Some(&report_dead), None);
        let late_workers = setting.scenario.zombies > 0 || setting.weather.may_stall();
        Self {
            bucket: Bucket::new(&ingest, bug),
            journal: Journal::new(&sim, &books, bug, !late_workers),
            sim,
            ledger: ledger.with_stream(&report),
            books,
            ingest,
            batch,
            ingest_dead,
            batch_dead,
            report,
            bug,
            clocks_differ,
            invocations: Cell::new(0),
            persons_busy: Cell::new(0),
            running: RefCell::new(vec![None; ACTORS]),
        }
    }

    /// A fresh process of an actor.
    pub fn process(&self, actor: usize, name: &str) -> Process {
        let life = Life::default();
        let ahead = match self.clocks_differ {
            true => self.sim.roll(|dice| Duration::from_millis(dice.below(CLOCK_SKEW.as_millis() as u64))),
            false => Duration::ZERO,
        };
        let clock = SkewedClock::new(self.sim.clock(), ahead);
        Process { actor, name: name.to_owned(), fate: SimFate::new(&self.sim, &life, name), life, clock }
    }

    fn fragile_ledger(&self, process: &Process) -> FragileLedger {
        Fragile::new(self.ledger.clone(), process.fate.clone())
    }

    fn fragile_bucket(&self, process: &Process) -> FragileBucket {
        Fragile::new(self.bucket.clone(), process.fate.clone())
    }

    fn fragile_queue(&self, process: &Process, queue: &SimQueue) -> FragileQueue {
        Fragile::new(queue.clone(), process.fate.clone())
    }

    fn fragile_depths(&self, process: &Process) -> FragileDepths {
        Fragile::new(Depths::new(&self.sim, &[&self.batch, &self.ingest]), process.fate.clone())
    }

    /// A processor after a cold start.
    pub fn processor(&self, process: &Process) -> AnyProcessor {
        let objects = self.fragile_bucket(process);
        let ports = Ports {
            records: JournalPort::new(self.journal.clone(), process.fate.clone()),
            permits: MemoryPermits::new(),
            secrets: MemorySecrets::new(),
            queue: MemoryRowQueue::new(),
            clock: process.clock.clone(),
        };
        Processor {
            ledger: self.fragile_ledger(process),
            pipelines: Pipelines::new(objects.clone(), Variables::new(), Services::of_worker(ports)),
            objects,
            queue: self.fragile_queue(process, &self.batch),
            deliveries: self.fragile_queue(process, &self.batch),
            clock: process.clock.clone(),
            metrics: Metrics::new(),
            meter: Arc::new(MemoryMeter::new()),
        }
    }

    /// A splitter after a cold start.
    pub fn splitter(&self, process: &Process) -> AnySplitter {
        Splitter {
            ledger: self.fragile_ledger(process),
            objects: self.fragile_bucket(process),
            queue: self.fragile_queue(process, &self.batch),
            deliveries: self.fragile_queue(process, &self.ingest),
            clock: process.clock.clone(),
            meter: Arc::new(MemoryMeter::new()),
        }
    }

    /// An undertaker after a cold start.
    pub fn undertaker(&self, process: &Process) -> AnyUndertaker {
        Undertaker { ledger: self.fragile_ledger(process), clock: process.clock.clone() }
    }

    /// A sweeper after a cold start.
    pub fn sweeper(&self, process: &Process) -> AnySweeper {
        Sweeper {
            ledger: self.fragile_ledger(process),
            objects: self.fragile_bucket(process),
            queue: self.fragile_queue(process, &self.batch),
            ingest: self.fragile_queue(process, &self.ingest),
            reports: self.fragile_queue(process, &self.report),
            monitor: self.fragile_depths(process),
            clock: process.clock.clone(),
            patience: Patience::DEPLOYED,
        }
    }

    /// A reporter after a cold start.
    pub fn reporter(&self, process: &Process) -> AnyReporter {
        Reporter {
            ledger: self.fragile_ledger(process),
            objects: self.fragile_bucket(process),
            queue: self.fragile_queue(process, &self.report),
            deliveries: self.fragile_queue(process, &self.report),
            clock: process.clock.clone(),
            metrics: Metrics::new(),
            meter: Arc::new(MemoryMeter::new()),
        }
    }

    /// The uploads after a cold start.
    pub fn uploads(&self, process: &Process) -> AnyUploads {
        Uploads {
            ledger: self.fragile_ledger(process),
            pipelines: MemoryPipelines::new(),
            objects: self.fragile_bucket(process),
            clock: process.clock.clone(),
            random,
            variables: Variables::new(),
            kept: tokio::sync::Mutex::new(HashSet::new()),
            meter: Arc::new(MemoryMeter::new()),
            open_tasks: None,
        }
    }

    /// The status function after a cold start.
    pub fn answers(&self, process: &Process) -> AnyAnswers {
        Answers {
            ledger: self.fragile_ledger(process),
            objects: self.fragile_bucket(process),
            queue: self.fragile_queue(process, &self.batch),
            queues: self.fragile_depths(process),
            clock: process.clock.clone(),
        }
    }

    /// What an invocation answers, or `None` when its process dies, at a call or because its time is up. A process that
    /// died must not be used again.
    pub async fn invoke<T>(
        &self,
        process: &Process,
        limit: Duration,
        uses_thread: bool,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        self.invocations.set(self.invocations.get() + 1);
        self.running.borrow_mut()[process.actor] = Some(Running { life: process.life.clone(), uses_thread });
        let answer = {
            let (mut work, mut limit) = (Box::pin(work), pin!(sleep(limit)));
            std::future::poll_fn(|context| {
                if let Poll::Ready(answer) = work.as_mut().poll(context) {
                    return Poll::Ready(Some(answer));
                }
                if limit.as_mut().poll(context).is_ready() && !process.life.is_over() {
                    self.sim.note(&process.name, || "is ended: its time is up".to_owned());
                    process.life.end();
                }
                if process.life.is_over() { Poll::Ready(None) } else { Poll::Pending }
            })
            .await
        };
        self.running.borrow_mut()[process.actor] = None;
        self.invocations.set(self.invocations.get() - 1);
        answer
    }

    /// What an actor that cannot go on waits for.
    pub fn wait_of(&self, actor: usize) -> Wait {
        match &self.running.borrow()[actor] {
            Some(Running { life, uses_thread: true }) if life.stands_still() && !life.is_over() => Wait::Time,
            Some(Running { life, uses_thread: true }) if !life.is_over() => Wait::Thread,
            _ => Wait::World,
        }
    }

    /// A person begins, or ends, what they have to do.
    pub fn person(&self, begins: bool) {
        let busy = self.persons_busy.get();
        self.persons_busy.set(if begins { busy + 1 } else { busy - 1 });
    }

    /// Whether nothing more is to come: nobody is at work, no message is left, and every task is settled.
    pub fn is_quiet(&self) -> bool {
        let queues = [&self.ingest, &self.batch, &self.ingest_dead, &self.batch_dead, &self.report];
        self.invocations.get() == 0
            && self.persons_busy.get() == 0
            && queues.iter().all(|queue| queue.is_empty())
            && self.books.tasks().into_iter().all(|id| self.is_settled(id))
    }

    fn is_settled(&self, id: filas_domain::TaskId) -> bool {
        let is_swept = !self.bug.is_some_and(Bug::needs_no_sweeper);
        self.books.task(id).is_none_or(|task| task.head.state.is_final() && (!is_swept || task.head.is_settled()))
    }
}

/// The status function of this world.
pub type AnyAnswers = Answers<FragileLedger, FragileBucket, FragileQueue, FragileDepths, SkewedClock>;
