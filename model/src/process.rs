//! What runs: workers, the undertaker, readers of files, commands, the sweeper. Each stands between two calls of a port,
//! and so at every point where a process can die.

use filas_domain::batch::Selection;

use crate::stored::{BATCHES, BatchRow, HeadRow, ROWS, RowOutcome};

/// A message of the batch queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Message {
    /// The queue's id of it.
    pub id: u8,
    /// Its batch.
    pub batch: u8,
    /// How often it was delivered.
    pub receives: u8,
    /// Whether it is hidden until the lease of its batch ends.
    pub waits: bool,
    /// Whether it was sent before its batch was redriven.
    pub is_old: bool,
}

/// An event of the ingest queue, or a dead letter of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Event {
    /// How often it was delivered.
    pub receives: u8,
    /// Whether it is hidden until the lease of the file ends.
    pub waits: bool,
}

/// What a process was called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A message of the batch queue.
    Message(Message),
    /// A dead letter of the batch queue.
    DeadMessage(Message),
    /// An event of the ingest queue.
    Event(Event),
    /// A dead letter of the ingest queue.
    DeadEvent(Event),
    /// A person gave a command.
    Command,
    /// A schedule.
    Schedule,
}

/// A batch as a process read or wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seen {
    /// Which.
    pub number: u8,
    /// What it was.
    pub row: BatchRow,
    /// Whether nobody wrote it since: whether it still has the version that was read.
    pub is_current: bool,
}

/// A head as a process read it, or as it is to be written by a process that read the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeenHead {
    /// What it was, or is to be.
    pub row: HeadRow,
    /// Whether nobody wrote the head since it was read.
    pub is_current: bool,
}

/// For what a batch is read and written outside a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To process it.
    Claim,
    /// Its task is paused.
    Park,
    /// Its task is being cancelled.
    Cancel,
    /// Its message is a dead letter.
    Bury,
}

/// A command that begins with the head of the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadCommand {
    /// End it.
    Cancel,
    /// Hold it back.
    Pause,
    /// Go on.
    Resume,
}

/// What a redrive selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Redriven {
    /// Dead batches.
    Dead,
    /// Failed rows.
    Failed,
}

impl Redriven {
    /// As the domain has it.
    pub const fn selection(self) -> Selection {
        match self {
            Self::Dead => Selection::Dead,
            Self::Failed => Selection::Failed { code: None },
        }
    }
}

/// What a worker got done of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ran {
    /// The rows, as the outcomes object has them.
    pub outcomes: [RowOutcome; ROWS],
    /// Whether the outcomes are stored.
    pub is_stored: bool,
}

/// The next thing that a process does: one call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A worker sees what the task is doing.
    ReadTask,
    /// A batch is read.
    ReadBatch(Purpose),
    /// It is written, if it is still what was read.
    WriteBatch(Purpose, Seen),
    /// A worker runs rows and stores their outcomes.
    Run(Seen),
    /// What was done is recorded and counted, in one transaction.
    Record(Seen, Ran),
    /// A seeded bug: the counters are added after the batch was written, or the outcomes stored.
    RecordRest(Seen, Ran),
    /// A worker with trouble gives its batch back.
    GiveBack(Seen),
    /// A message for the rest of a batch is sent.
    SendOn,
    /// A batch is parked: is the task still paused?
    LookAgain,
    /// Has the task ended?
    ReadEnd,
    /// It has, with this head.
    WriteEnd(SeenHead),
    /// The message is deleted.
    Acknowledge,
    /// A reader sees what an event means.
    ReadUpload,
    /// It takes the file, gives it up, or gives it back.
    WriteUpload(SeenHead, Upload),
    /// It reads the file and stores rows and index. The head is the one that it wrote.
    StoreRows(SeenHead),
    /// The task says that it is split.
    WriteSplit(SeenHead),
    /// The undertaker sees whether a file is to be given up.
    ReadGivenUp,
    /// It gives the file up.
    WriteGivenUp(SeenHead),
    /// Are messages to be sent?
    ReadUnsent,
    /// Which?
    ReadOpen(SeenHead),
    /// One is sent, of those whose bits are set.
    Send(SeenHead, u8),
    /// The task says that they are out.
    Mark(SeenHead),
    /// A command reads the head.
    ReadHead(HeadCommand),
    /// It writes it.
    WriteHead(HeadCommand, SeenHead),
    /// Cancelling: some batches, from this one on, are read with the task.
    ReadClosing(u8),
    /// Those that nobody holds are closed.
    WriteClosing(u8, SeenHead, [Option<Seen>; BATCHES]),
    /// Redriving: some batches, from this one on, are read with the task.
    ReadReopening(Redriven, u8),
    /// Those with something selected are opened.
    WriteReopening(Redriven, u8, SeenHead, [Option<Seen>; BATCHES]),
    /// The sweeper looks at the task.
    ReadSwept,
    /// It says that messages are to be sent again.
    WriteSwept(SeenHead),
    /// It touches the head of a task whose file is to be read again.
    WriteArrival(SeenHead),
    /// It sends the event of that file.
    SendArrival,
}

/// What a reader writes before it has read the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Upload {
    /// It begins.
    Begin,
    /// The file is given up.
    GiveUp,
    /// It had trouble, and gives the file back.
    GiveBack,
}

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// What it was called with.
    pub origin: Origin,
    /// Whether its message is still its own to acknowledge or give back: not after the visibility timeout.
    pub owns: bool,
    /// What it does next.
    pub step: Step,
}

impl Process {
    /// A process called with `origin`, at its first step.
    pub const fn new(origin: Origin, step: Step) -> Self {
        Self { origin, owns: true, step }
    }

    /// The message of the batch queue that it was called with.
    pub const fn message(&self) -> Option<Message> {
        match self.origin {
            Origin::Message(message) | Origin::DeadMessage(message) => Some(message),
            _ => None,
        }
    }

    /// The batch that it holds, if it does: one that nobody wrote since it claimed it.
    pub const fn holds(&self) -> Option<u8> {
        match &self.step {
            Step::Run(seen) | Step::Record(seen, _) | Step::GiveBack(seen) if seen.is_current => Some(seen.number),
            _ => None,
        }
    }

    /// Whether it holds the file.
    pub const fn holds_file(&self) -> bool {
        match &self.step {
            Step::StoreRows(head) | Step::WriteSplit(head) | Step::WriteUpload(head, Upload::GiveBack) => {
                head.is_current
            }
            _ => false,
        }
    }

    /// How old its message is plays no part any more.
    pub const fn forget_age(&mut self) {
        if let Origin::Message(message) = &mut self.origin {
            message.is_old = false;
        }
    }

    /// Its message, when it is one for this batch.
    pub fn message_for(&mut self, number: u8) -> Option<&mut Message> {
        match &mut self.origin {
            Origin::Message(message) | Origin::DeadMessage(message) if message.batch == number => Some(message),
            _ => None,
        }
    }

    /// Somebody else wrote this batch.
    pub fn outdate_batch(&mut self, number: u8) {
        let outdate = |seen: &mut Seen| seen.is_current &= seen.number != number;
        match &mut self.step {
            Step::WriteBatch(_, seen) | Step::Run(seen) | Step::Record(seen, _) | Step::GiveBack(seen) => outdate(seen),
            Step::WriteClosing(_, _, batches) | Step::WriteReopening(_, _, _, batches) => {
                batches.iter_mut().flatten().for_each(outdate);
            }
            _ => {}
        }
    }

    /// Somebody else wrote the head.
    pub fn outdate_head(&mut self) {
        match &mut self.step {
            Step::WriteEnd(head)
            | Step::WriteUpload(head, _)
            | Step::StoreRows(head)
            | Step::WriteSplit(head)
            | Step::WriteGivenUp(head)
            | Step::ReadOpen(head)
            | Step::Send(head, _)
            | Step::Mark(head)
            | Step::WriteHead(_, head)
            | Step::WriteClosing(_, head, _)
            | Step::WriteReopening(_, _, head, _)
            | Step::WriteSwept(head)
            | Step::WriteArrival(head) => head.is_current = false,
            _ => {}
        }
    }
}
