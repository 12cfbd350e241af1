//! How far the model goes: what may happen, and how often. Everything that is not bounded here happens without limit.

/// How often each thing may still happen. Faults and commands cost; the steps of the protocol are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Budget {
    /// A process dies.
    pub crashes: u8,
    /// A command dies. Other processes do not by this.
    pub commands_dying: u8,
    /// A process is so slow that its lease, or the visibility timeout of its message, ends while it lives.
    pub late: u8,
    /// A queue delivers a message twice.
    pub duplicates: u8,
    /// A queue forgets a message.
    pub losses: u8,
    /// A worker or a reader has trouble outside the rows and gives up in good order.
    pub troubles: u8,
    /// A row fails.
    pub failures: u8,
    /// A worker's time is up after one row.
    pub handovers: u8,
    /// A person cancels the task.
    pub cancels: u8,
    /// A person, or a broken partner, pauses the task. Somebody resumes it each time.
    pub pauses: u8,
    /// A person puts dead batches or failed rows through again.
    pub redrives: u8,
    /// The sweeper looks while others are at work, as if it had no patience.
    pub sweeps: u8,
}

/// What the sweeper does. A fault that it would mend unseen is looked for without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SweeperDuty {
    /// There is none.
    None,
    /// Everything but sending messages again where none seems to be missing.
    AllButLostMessages,
    /// Everything.
    All,
}

/// Where the model begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// The file is there, and its event in the ingest queue.
    Uploaded,
    /// The file is split, no message is sent, and the event of the file comes again.
    Split,
    /// The file is split and every batch has its message.
    FannedOut,
}

/// The size of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Where it begins.
    pub start: Start,
    /// Workers at a time.
    pub workers: usize,
    /// Readers of the file at a time.
    pub splitters: usize,
    /// Commands at a time.
    pub commands: usize,
    /// How often a message is delivered before it is a dead letter.
    pub receives: u8,
    /// Batches in one transaction of a command: 1 or 2.
    pub batches_at_once: usize,
    /// What the sweeper does.
    pub sweeper: SweeperDuty,
    /// How often the sweeper may have to look, when nothing else happens any more, after the last fault.
    pub heals: u8,
    /// What may go wrong, and be asked for.
    pub budget: Budget,
}

impl Bounds {
    /// Two workers, one of everything else, nothing goes wrong.
    pub fn calm() -> Self {
        Self {
            start: Start::FannedOut,
            workers: 2,
            splitters: 1,
            commands: 1,
            receives: 2,
            batches_at_once: 2,
            sweeper: SweeperDuty::All,
            heals: 2,
            budget: Budget::default(),
        }
    }

    /// The same world with this budget.
    pub fn with(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }
}
