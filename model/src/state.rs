//! The whole world at one moment, and what can be done to it: transactions on the table, messages in the queues.

use filas_domain::batch::{Batch, BatchChange, Contribution, difference};
use filas_domain::task::{Head, Task};

use crate::bounds::{Bounds, Budget, Start};
use crate::process::{Event, Message, Origin, Process, Seen, SeenHead};
use crate::rule::Rule;
use crate::stored::{BATCHES, BatchRow, HeadRow, NOW, ROWS, TallyRow, task};

/// The world at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The head of the task.
    pub head: HeadRow,
    /// Its counters.
    pub tally: TallyRow,
    /// Its batches.
    pub batches: [BatchRow; BATCHES],
    /// Whether the rows and the index are stored.
    pub is_file_stored: bool,
    /// The batch queue.
    pub messages: Vec<Message>,
    /// Its dead letters.
    pub dead_messages: Vec<Message>,
    /// The ingest queue.
    pub events: Vec<Event>,
    /// Its dead letters.
    pub dead_events: Vec<Event>,
    /// What runs.
    pub processes: Vec<Process>,
    /// What may still happen.
    pub left: Budget,
    /// How often the sweeper may still have to look.
    pub heals: u8,
    /// The first rule that was broken.
    pub broken: Option<Rule>,
}

/// One batch of a transaction.
pub struct Change {
    /// As read.
    pub seen: Seen,
    /// As the domain has it afterwards.
    pub after: Batch,
    /// As stored afterwards.
    pub row: BatchRow,
}

impl Change {
    /// The change from what was read to `after`.
    pub fn new(seen: Seen, after: Batch) -> Self {
        let row = seen.row.become_batch(&after);
        Self { seen, after, row }
    }

    /// As the domain has it.
    pub fn to_domain(&self) -> BatchChange {
        BatchChange { before: self.seen.row.to_batch(self.seen.number.into()), after: self.after.clone() }
    }
}

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// The worker that holds the batch, as it thinks.
    Holder,
    /// Anybody else.
    Other,
}

impl State {
    /// The first moment.
    pub fn first(bounds: &Bounds) -> Self {
        let mut state = Self {
            head: HeadRow::REGISTERED,
            tally: TallyRow::default(),
            batches: [BatchRow::UNCLAIMED; BATCHES],
            is_file_stored: false,
            messages: Vec::new(),
            dead_messages: Vec::new(),
            events: Vec::new(),
            dead_events: Vec::new(),
            processes: Vec::new(),
            left: bounds.budget,
            heals: bounds.heals,
            broken: None,
        };
        if bounds.start != Start::FannedOut {
            state.events.push(Event { receives: 0, waits: false });
        }
        if bounds.start != Start::Uploaded {
            state.is_file_stored = true;
            state.head = HeadRow::of(&split_done(&state.task()));
        }
        if bounds.start == Start::FannedOut {
            state.head = HeadRow::of(&state.task().fanned_out(NOW));
            (0..BATCHES).for_each(|number| state.send(number as u8));
        }
        state
    }

    /// The task as somebody who reads it now sees it.
    pub fn task(&self) -> Task {
        task(self.head, self.tally)
    }

    /// The batch as somebody who reads it now sees it.
    pub fn see(&self, number: u8) -> Seen {
        Seen { number, row: self.batches[usize::from(number)], is_current: true }
    }

    /// What is to be written over the head that is stored now.
    pub fn over_head(&self, head: &Head) -> SeenHead {
        SeenHead { row: HeadRow::of(head), is_current: true }
    }

    /// Whether a transaction finds every batch as it was read.
    pub fn is_current(changes: &[Change]) -> bool {
        changes.iter().all(|change| change.seen.is_current)
    }

    /// A transaction: the batches, and the difference added to the tally. Whether it may be written is the caller's to
    /// have seen.
    pub fn write_batches(&mut self, changes: &[Change], writer: Writer) {
        let domain: Vec<BatchChange> = changes.iter().map(Change::to_domain).collect();
        self.write_uncounted(changes, writer);
        self.count(&difference(&domain), changes);
    }

    /// The batches without the tally.
    pub fn write_uncounted(&mut self, changes: &[Change], writer: Writer) {
        for change in changes {
            let number = change.seen.number;
            let stored = &mut self.batches[usize::from(number)];
            let is_holder = writer == Writer::Holder && change.seen.is_current;
            if stored.is_leased && !is_holder {
                self.broken.get_or_insert(Rule::TakenFromItsHolder);
            }
            *stored = change.row;
            self.processes.iter_mut().for_each(|process| process.outdate_batch(number));
        }
    }

    /// Adds to the tally.
    pub fn count(&mut self, more: &Contribution, changes: &[Change]) {
        if self.head.state.is_final() && !more.is_zero() {
            self.broken.get_or_insert(Rule::ChangedAfterTheEnd);
        }
        // Attempts only grow, so the tally keeps what they are beyond the sum over the batches.
        let attempts: i64 = changes
            .iter()
            .map(|change| {
                let before = change.seen.row.to_batch(change.seen.number.into());
                i64::from(change.after.attempts_counted) - i64::from(before.attempts_counted)
            })
            .sum();
        let add = |count: &mut i8, more: i64| *count = count.saturating_add(i8::try_from(more).unwrap_or(i8::MAX));
        add(&mut self.tally.succeeded, more.succeeded);
        add(&mut self.tally.failed, more.failed);
        add(&mut self.tally.unprocessed, more.unprocessed);
        add(&mut self.tally.done, more.done);
        add(&mut self.tally.dead, more.dead);
        add(&mut self.tally.cancelled, more.cancelled);
        add(&mut self.tally.attempts_too_many, more.attempts - attempts);
    }

    /// Writes the head. Whether it may be written is the caller's to have seen.
    pub fn write_head(&mut self, head: SeenHead) {
        if self.head.state.is_final() && head.row.state != self.head.state {
            self.broken.get_or_insert(Rule::ChangedAfterTheEnd);
        }
        self.write_head_unseen(head);
        self.outdate_head();
    }

    /// From now on nobody has read the head as it is.
    pub fn outdate_head(&mut self) {
        self.processes.iter_mut().for_each(Process::outdate_head);
    }

    /// Writes the head, perhaps that of a task which had ended, and has nobody notice.
    pub fn write_head_unseen(&mut self, head: SeenHead) {
        let (from, to) = (self.head.state, head.row.state);
        if from != to && !from.may_become(to) {
            self.broken.get_or_insert(Rule::IllegalTransition);
        }
        self.head = head.row;
    }

    /// Sends a message for a batch.
    pub fn send(&mut self, batch: u8) {
        let taken: Vec<u8> = self.ids_in_use().collect();
        let id = (0..=u8::MAX).find(|id| !taken.contains(id)).unwrap_or(u8::MAX);
        self.messages.push(Message { id, batch, receives: 0, waits: false, is_old: false });
    }

    /// A batch is redriven: its messages are older than that now.
    pub fn age_messages(&mut self, batch: u8) {
        self.messages_of(batch).for_each(|message| message.is_old = true);
    }

    /// Every message for a batch, wherever it is.
    fn messages_of(&mut self, batch: u8) -> impl Iterator<Item = &mut Message> {
        let queued =
            self.messages.iter_mut().chain(&mut self.dead_messages).filter(move |message| message.batch == batch);
        let carried = self.processes.iter_mut().filter_map(move |process| process.message_for(batch));
        queued.chain(carried)
    }

    /// A batch is claimed: how old its messages are plays no part any more.
    pub fn forget_age(&mut self, batch: u8) {
        self.messages_of(batch).for_each(|message| message.is_old = false);
    }

    /// The ids of messages that somebody knows. One that nobody knows can be used again, which keeps states alike.
    fn ids_in_use(&self) -> impl Iterator<Item = u8> {
        let queued = self.messages.iter().chain(&self.dead_messages).map(|message| message.id);
        let carried = self.processes.iter().filter_map(|process| process.message().map(|message| message.id));
        let claimed = self.batches.iter().filter_map(|batch| batch.claimed_by);
        queued.chain(carried).chain(claimed)
    }

    /// What a process was called with comes again: at once, or after the lease that it met. Nothing comes again of which
    /// the visibility timeout was over before.
    pub fn give_back(&mut self, process: Process, waits: bool, receives: u8) {
        if !process.owns {
            return;
        }
        match process.origin {
            Origin::Message(message) if message.receives >= receives => {
                self.dead_messages.push(Message { waits: false, ..message });
            }
            Origin::Message(message) => self.messages.push(Message { waits, ..message }),
            Origin::DeadMessage(message) => self.dead_messages.push(message),
            Origin::Event(event) if event.receives >= receives => {
                self.dead_events.push(Event { waits: false, ..event });
            }
            Origin::Event(event) => self.events.push(Event { waits, ..event }),
            Origin::DeadEvent(event) => self.dead_events.push(event),
            Origin::Command | Origin::Schedule => {}
        }
    }

    /// Puts what has no order into one, so that states which differ in nothing else are one.
    pub fn normalise(&mut self) {
        self.messages.sort_unstable();
        self.dead_messages.sort_unstable();
        self.events.sort_unstable();
        self.dead_events.sort_unstable();
        self.processes.sort_by_cached_key(digest);
    }
}

/// The head once the reader that holds `task` has stored rows and index.
pub fn split_done(task: &Task) -> Head {
    task.split_done((BATCHES * ROWS) as u64, BATCHES as u32, "csv", NOW)
}

/// Some order of processes, always the same.
fn digest(process: &Process) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    process.hash(&mut hasher);
    hasher.finish()
}
